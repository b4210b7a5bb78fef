"""JSON without the json package: strict reading, canonical writing, atomic files.

`json` costs 10 ms to import, most of it `re`; its C core is importable alone and costs nothing.
"""

from __future__ import annotations

import os
from _json import encode_basestring_ascii as _quote
from _json import make_encoder, make_scanner
from _thread import get_native_id

from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class BadJSON(InvalidArgument):
    """A text is not one JSON value; `offset` counts characters."""

    def __init__(self, what: str, offset: int) -> None:
        super().__init__(f"not JSON: {what} at offset {offset}")
        self.offset = offset


_SPACE = " \t\n\r"


def loads(text: str | bytes) -> Any:
    """Parse one JSON value. Raises `BadJSON`; NaN and Infinity, which JSON does not have, are refused."""
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadJSON("invalid UTF-8", error.start) from None
    start = len(text) - len(text.lstrip(_SPACE))
    try:
        value, end = _scan_text(text, start)
    except StopIteration as stop:
        raise BadJSON("a value is expected", stop.value) from None
    except RecursionError:
        raise BadJSON("nested too deeply", 0) from None
    except ValueError as error:
        raise BadJSON(getattr(error, "msg", str(error)), getattr(error, "pos", 0)) from None
    if text[end:].strip(_SPACE):
        raise BadJSON("more text after the value", end)
    return value


def dumps(value: Any) -> str:
    """The canonical text: keys sorted, no white space, ASCII, so that equal values have equal bytes."""
    return "".join(_encode_canonical(value, 0))


def dumps_ordered(value: Any) -> str:
    """Compact text that keeps the order of keys, for documents whose order people know."""
    return "".join(_encode_ordered(value, 0))


def read(path: str) -> Any:
    """The JSON value in the file `path`. Raises `OSError` or `BadJSON` that names the file."""
    with open(path, "rb") as file:
        data = file.read()
    try:
        return loads(data)
    except BadJSON as error:
        raise BadJSON(
            f"{path}: {error.message.removeprefix('not JSON: ').rpartition(' at offset')[0]}", error.offset
        ) from None


def write(path: str, value: Any, *, mode: int = 0o644, durable: bool = True) -> None:
    """Replace the file `path` by `value` as one atomic step; `durable` waits for the disk."""
    write_bytes(path, dumps(value).encode(), mode=mode, durable=durable)


def write_bytes(path: str, data: bytes, *, mode: int = 0o644, durable: bool = True) -> None:
    """Replace the file `path` by `data`: a reader sees the old bytes or the new ones, never a part."""
    temporary = f"{path}.{get_native_id()}.tmp"  # threads may write the same file, as processes may
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        if durable:
            os.fsync(fd)
    except BaseException:
        os.unlink(temporary)
        raise
    finally:
        os.close(fd)
    os.rename(temporary, path)
    if durable:
        sync_directory(os.path.dirname(path) or ".")


def sync_directory(path: str) -> None:
    """Make renames and creations in the directory `path` durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _scan_text(text: str, start: int) -> tuple[Any, int]:
    try:
        return _scan(text, start)
    except SystemError:
        # The C scanner takes its exception class from json.decoder if that is loaded; loaded only when needed.
        import json.decoder  # noqa: F401

        return _scan(text, start)


class _Rules:
    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    memo: dict[str, str] = {}  # the C scanner clears it itself

    @staticmethod
    def parse_constant(name: str) -> object:
        raise ValueError(f"{name} is not JSON")


_scan = make_scanner(_Rules)  # type: ignore[arg-type]


def _refuse(value: object) -> object:
    raise TypeError(f"{type(value).__name__} has no JSON form")


_encode_canonical = make_encoder(None, _refuse, _quote, None, ":", ",", True, False, False)
_encode_ordered = make_encoder(None, _refuse, _quote, None, ":", ",", False, False, False)
