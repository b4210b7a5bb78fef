"""The bytecode of izba's modules in few files, for commands that import a hundred of them.

Python finds a module by some thirty calls of the import system and six of the kernel: 0.09 ms for each, of which
reading the code is a third. `izba run` would spend 10 of its 50 ms on that. So the installed script reads one file
instead, beside the `.pyc` files it is made of and as disposable as they are; and another for each large package that
only some commands use, when the first of its modules is wanted:

    izba/__pycache__/modules.cpython-311.cache           the index's length in 8 bytes; the index; the modules' code
    izba/__pycache__/modules-build.cpython-311.cache     the same of `izba.build`, and of commands of that name

The index is text, for it is searched a hundred times and never needed as objects, which would stay with a monitor: the
package's directory and the bytecode's version, then for each module a line with its name, the time and size of its
source, whether it is a package, and where its code begins and ends.

A module in it is as good as its `.pyc`: used if its source still has the time and the size that it was compiled from.
What is missing or stale is imported as ever, and its file written anew at the end of the command (`update`).
"""

from __future__ import annotations

import marshal
import os
import sys
from _frozen_importlib_external import (  # what `importlib.util` has it from, without the rest of that
    MAGIC_NUMBER,
    SourceFileLoader,
    cache_from_source,
    spec_from_file_location,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from typing import Any

_PACKAGE = "izba"
_PREFIX = f"{_PACKAGE}."
_APART = frozenset(("bootstrap", "build", "compose", "dns", "layer", "registry", "relay"))
"""Packages with a file of their own: without them the first is small enough to be read whole each time."""

_ROOT = os.path.dirname(__file__)
_FIRST_LINE = f"{_ROOT} {MAGIC_NUMBER.hex()}\n".encode()
_HEADER = 16  # of a .pyc: magic number, flags, and time and size of the source (PEP 552)


def install() -> None:
    """Import izba's modules from the files, as far as these have them, from now on."""
    sys.meta_path.insert(0, _Finder())


def uninstall() -> None:
    """Import as ever, and let go of the memory: for a process that stays."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]


def update() -> None:
    """Write those files anew that missed modules would be in. Where that cannot be done, nothing happens."""
    for finder in sys.meta_path:
        if isinstance(finder, _Finder):
            for part in {_part(name) for name in finder.missed if _read_compiled(_source(name))}:
                _write(part)


CodeType = type(install.__code__)  # that of `types`, which would be an import


class _Finder:
    """Finds what the files have; see `importlib.abc.MetaPathFinder`."""

    def __init__(self) -> None:
        self.missed: list[str] = []
        self._files: dict[str, tuple[bytes, memoryview]] = {}

    def find_spec(self, name: str, path: object = None, _target: object = None) -> ModuleSpec | None:
        """The module, if it is in its file and its source is what it was."""
        if not path or not name.startswith(_PREFIX):
            return None
        part = _part(name)
        if part not in self._files:
            self._files[part] = _read(part)
        index, codes = self._files[part]
        found = index.find(f"\n{name} ".encode())
        if found < 0:
            self.missed.append(name)
            return None
        line = index[found + 1 : index.index(b"\n", found + 1)]
        try:
            time, size, is_package, start, end = map(int, line.split()[1:])
        except ValueError:  # damaged, see `_Loader.get_code`
            self.missed.append(name)
            return None
        source = f"{_ROOT}/{'/'.join(name.split('.')[1:])}"
        locations = [source] if is_package else None
        source = f"{source}/__init__.py" if is_package else f"{source}.py"
        try:
            status = os.stat(source)
        except FileNotFoundError:
            return None
        if (int(status.st_mtime), status.st_size) != (time, size):
            self.missed.append(name)
            return None
        loader = _Loader(name, source)
        loader.code = codes[start:end]
        return spec_from_file_location(name, source, loader=loader, submodule_search_locations=locations)


class _Loader(SourceFileLoader):
    """A loader of source files in all but where the code comes from."""

    code: memoryview

    def get_code(self, fullname: str) -> Any:
        """The module's code, once: modules keep their loaders, which are not to keep the file's content."""
        data, self.code = self.code, memoryview(b"")
        try:
            code = marshal.loads(data)  # noqa: S302 - as trusted as the .pyc files in the same directory
        except (EOFError, TypeError, ValueError):
            code = None
        if isinstance(code, CodeType):
            return code
        # A power cut may leave zeros of a file. What is imported next may be hurt too, but not in the next command.
        _discard(_part(fullname))
        return super().get_code(fullname)


def _part(name: str) -> str:
    """The package in whose file a module is; empty for the first file."""
    return next((each for each in name.split(".") if each in _APART), "")


def _source(name: str) -> str:
    """The source file of a module; where the name is a package's, that of its `__init__`."""
    path = "/".join((_ROOT, *name.split(".")[1:]))
    return f"{path}/__init__.py" if os.path.isdir(path) else f"{path}.py"


# -- the files


def _file(part: str) -> str:
    directory, _, name = cache_from_source(f"{_ROOT}/modules{part and '-'}{part}.py").rpartition("/")
    return f"{directory}/{name.removesuffix('.pyc')}.cache"


def _read(part: str) -> tuple[bytes, memoryview]:
    """Index and code; nothing where there is no file, or one of a tree that was moved."""
    try:
        with open(_file(part), "rb", buffering=0) as file:
            data = file.read()
    except OSError:
        return b"", memoryview(b"")
    start = 8 + int.from_bytes(data[:8], "little")
    index = data[8:start]
    if not index.startswith(_FIRST_LINE) or not index.endswith(b"\n"):
        return b"", memoryview(b"")
    return index, memoryview(data)[start:]


def _discard(part: str) -> None:
    try:
        os.unlink(_file(part))
    except OSError:
        pass


def _write(part: str) -> None:
    if sys.dont_write_bytecode or not os.access(os.path.dirname(_file(part)), os.W_OK):
        return
    lines: list[bytes] = [_FIRST_LINE]
    codes: list[bytes] = []
    end = 0
    for directory, directories, names in os.walk(_ROOT):
        directories[:] = [name for name in directories if name != "__pycache__"]
        for file in sorted(name for name in names if name.endswith(".py")):
            path = f"{directory}/{file}"
            relative = path.removeprefix(f"{_ROOT}/")
            name = f"{_PACKAGE}/{relative}".removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            compiled = _read_compiled(path) if _part(name) == part else None
            if compiled is None:
                continue
            time, size, code = compiled
            start, end = end, end + len(code)
            lines.append(f"{name} {time} {size} {int(file == '__init__.py')} {start} {end}\n".encode())
            codes.append(code)
    index = b"".join(lines)
    temporary = f"{_file(part)}.{os.getpid()}"
    try:
        with open(temporary, "wb") as written:
            written.write(b"".join((len(index).to_bytes(8, "little"), index, *codes)))
        os.rename(temporary, _file(part))
    except OSError:  # a cache: the next one may have more luck
        if os.path.exists(temporary):
            os.unlink(temporary)


def _read_compiled(source: str) -> tuple[int, int, bytes] | None:
    """Time and size of the source, and the code, from a `.pyc` that is of this very source."""
    try:
        with open(cache_from_source(source), "rb") as file:
            data = file.read()
        status = os.stat(source)
    except OSError:
        return None
    if data[:4] != MAGIC_NUMBER:
        return None
    flags, time, size = (int.from_bytes(data[at : at + 4], "little") for at in (4, 8, 12))
    if flags or (time, size) != (int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF):
        return None
    return time, size, data[_HEADER:]
