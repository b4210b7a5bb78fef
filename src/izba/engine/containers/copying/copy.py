"""Docker's rules for `cp`: what a source's and a destination's kind and trailing slash mean."""

from __future__ import annotations

import os
import stat

from izba._record import Record
from izba.engine import eventlog
from izba.engine.containers.copying import tree
from izba.engine.containers.copying.root import open_root
from izba.errors import InvalidArgument, NotFound
from izba.layer.fsops import fsops
from izba.linux import rootpath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine

_MAX_LINKS = 40


class PathNotFound(NotFound):
    """There is nothing at the path; Docker's sentence for a container's."""

    def __init__(self, path: str, container: Container | None) -> None:
        super().__init__(
            f"Could not find the file {path} in container {container.name}" if container else f"no such file: {path}"
        )
        self.path = path


class BadDestination(InvalidArgument):
    """What is at the destination cannot take what is copied."""


class Options(Record):
    """follow: copy what the source link leads to (-L). keep_owner: owners by number (-a), else the copying user's."""

    follow: bool = False
    keep_owner: bool = False


def from_container(engine: Engine, container: Container, path: str, target: str, options: Options) -> None:
    """Copy `path` of the container to `target` of the host."""
    place = _Files(None, None).place(_absolute(target))
    source = _Files(open_root(engine, container), container).source(path, follow=options.follow)
    writer = tree.Writer(place.directory, owners=fsops() if options.keep_owner else None, trusted=False)
    writer.write(tree.items(source.parent, source.name), name=place.name_for(source))
    eventlog.emit_container(engine, container, "archive-path")


def to_container(engine: Engine, container: Container, path: str, target: str, options: Options) -> None:
    """Copy `path` of the host to `target` of the container."""
    source = _Files(None, None).source(_absolute(path), follow=options.follow)
    place = _Files(open_root(engine, container), container).place(target)
    writer = tree.Writer(place.directory, owners=fsops() if options.keep_owner else None, trusted=True)
    writer.write(tree.items(source.parent, source.name), name=place.name_for(source))
    eventlog.emit_container(engine, container, "extract-to-dir")


def to_tar(engine: Engine, container: Container, path: str, out: IO[bytes], options: Options) -> None:
    """Write `path` of the container as a tar, in which its last component is its name."""
    from izba.engine.containers.copying import archive

    source = _Files(open_root(engine, container), container).source(path, follow=options.follow)
    archive.write(tree.items(source.parent, source.name), "." if source.contents else source.base, out)
    eventlog.emit_container(engine, container, "archive-path")


def from_tar(engine: Engine, container: Container, stream: IO[bytes], target: str) -> None:
    """Unpack a tar, owners included, into the directory `target` of the container."""
    from izba.engine.containers.copying import archive

    place = _Files(open_root(engine, container), container).place(target)
    if place.name:
        raise PathNotFound(target, container)
    tree.Writer(place.directory, owners=fsops(), trusted=True).write(archive.read(stream))
    eventlog.emit_container(engine, container, "extract-to-dir")


class _Source(Record):
    """What is copied: `name` in the directory `parent`; called `base` where it gets a name; or its `contents` alone."""

    parent: int
    name: str
    base: str
    contents: bool
    is_directory: bool


class _Place(Record):
    """Where it goes: into the directory, or, with a `name`, as that in the directory.

    is_file          a file of that name is there
    wants_directory  the path ended with a slash
    """

    directory: int
    path: str
    name: str = ""
    is_file: bool = False
    wants_directory: bool = False

    def name_for(self, source: _Source) -> str:
        """The name that the source gets. Raises `BadDestination`."""
        if not self.name:
            return "" if source.contents else source.base
        if source.is_directory and self.is_file:
            raise BadDestination(f"cannot copy a directory to the file {self.path}")
        if self.is_file and self.wants_directory:
            raise BadDestination(f"{self.path}: not a directory")
        if not source.is_directory and self.wants_directory:
            raise BadDestination(
                f"no such directory: {self.path}", hint="the destination must exist to end with a slash"
            )
        return self.name


class _Files:
    """The files of a container's root, or of the host (None)."""

    def __init__(self, root: int | None, container: Container | None) -> None:
        self._root = root
        self._container = container

    def source(self, path: str, *, follow: bool) -> _Source:
        """What `path` means as a source. Raises `PathNotFound`."""
        clean = _clean(path)
        contents = path in {".", "/"} or path.endswith("/.") or clean == "/"
        try:
            if contents:
                return _Source(parent=self._open(clean), name=".", base="", contents=True, is_directory=True)
            parent, name = self._named(clean, follow=follow or path.endswith("/"))
            mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
        except (FileNotFoundError, NotADirectoryError):
            raise PathNotFound(path, self._container) from None
        base = clean.rpartition("/")[2]
        return _Source(parent=parent, name=name, base=base, contents=False, is_directory=stat.S_ISDIR(mode))

    def place(self, path: str) -> _Place:
        """What `path` means as a destination. Raises `PathNotFound` where not even its directory is there."""
        clean = _clean(path)
        try:
            return _Place(directory=self._open(clean), path=path)
        except NotADirectoryError:
            is_file = True
        except FileNotFoundError:
            is_file = False
        try:
            parent, name = self._named(clean, follow=True)
        except (FileNotFoundError, NotADirectoryError):
            raise PathNotFound(clean.rpartition("/")[0] or "/", self._container) from None
        return _Place(directory=parent, path=path, name=name, is_file=is_file, wants_directory=path.endswith("/"))

    def _open(self, path: str) -> int:
        how = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        if self._root is None:
            return os.open(path, how)
        return rootpath.open_in_root(self._root, path, how)

    def _named(self, path: str, *, follow: bool) -> tuple[int, str]:
        """The directory that `path` is in and its name there; `follow` goes where a link leads."""
        for _ in range(_MAX_LINKS):
            directory, _, name = path.rpartition("/")
            parent = self._open(directory or "/")
            try:
                target = os.readlink(name, dir_fd=parent) if follow and name not in {"", "..", "."} else ""
            except OSError:  # no link, or nothing yet
                target = ""
            if not target:
                return parent, name or "."
            os.close(parent)
            path = target if target.startswith("/") else f"{directory}/{target}"
        raise InvalidArgument(f"too many links at {path}")


def _clean(path: str) -> str:
    """From the root, without the ending that has a meaning."""
    return "/" + ("" if path == "." else path.removesuffix("/.").strip("/"))


def _absolute(path: str) -> str:
    """Absolute, with the ending that has a meaning."""
    ending = "/." if path == "." or path.endswith("/.") else "/" if path.endswith("/") else ""
    return os.path.abspath(path).rstrip("/") + ending
