"""Where a build's files come from: a directory, a tar on stdin, a Dockerfile alone on stdin; what is left out of it."""

from __future__ import annotations

import os

from izba import errors
from izba._record import Record
from izba.build.contenthash import StatCache
from izba.build.definition import NAMES, DockerfileNotFound, bounded, find, open_regular, shown
from izba.build.files import FileSource
from izba.errors import NotFound
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from izba.build.dockerfile.ignore import Ignore


class ContextNotFound(NotFound):
    """The build context is no directory."""

    def __init__(self, path: str) -> None:
        super().__init__(f'unable to prepare context: path "{path}" not found', hint="the last argument is a directory")
        self.path = path


class Loaded(Record):
    """A Dockerfile's text and the context that goes with it. `file` names the Dockerfile in messages."""

    text: bytes
    file: str
    source: FileSource


class Contexts:
    """Opens contexts. `directory` is where stat caches are kept, `scratch` makes one that goes after the build."""

    def __init__(self, directory: str, scratch: Callable[[], str]) -> None:
        self._directory = directory
        self._scratch = scratch
        self.caches: list[StatCache] = []

    def load(self, path: str, file: str | None, stdin: IO[bytes]) -> Loaded:
        """What `izba build -f file path` means; `-` is stdin. Raises an `IzbaError` that says what is missing."""
        if path == "-":
            return self._from_stdin(file, stdin)
        _refuse_remote(path)
        if not os.path.isdir(path):
            raise ContextNotFound(path)
        if file == "-":
            text = bounded(stdin, "the Dockerfile on stdin")
            return Loaded(text=text, file="Dockerfile", source=self.directory(path, os.path.join(path, "Dockerfile")))
        dockerfile = find(path, file)
        with open_regular(dockerfile) as opened:
            text = bounded(opened, dockerfile)
        return Loaded(text=text, file=shown(path, dockerfile), source=self.directory(path, dockerfile))

    def directory(self, path: str, dockerfile: str | None = None) -> FileSource:
        """The files of a directory, without what its `.dockerignore`, or the Dockerfile's own, leaves out."""
        root = os.path.realpath(path)
        ignore, ignore_file = _ignore(root, f"{root}/" if dockerfile is None else dockerfile)
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        cache = StatCache(f"{self._directory}/{Digest.of(os.fsencode(root)).hex[:32]}")
        self.caches.append(cache)
        return FileSource(root, ignore=ignore, ignore_file=ignore_file, cache=cache)

    def save(self) -> None:
        """Keep what was learned about files."""
        for cache in self.caches:
            cache.save()

    def _from_stdin(self, file: str | None, stdin: IO[bytes]) -> Loaded:
        """A tar, whatever it is compressed with; else a Dockerfile that needs no files."""
        from izba.build.archives import open_archive
        from izba.layer.apply import apply
        from izba.layer.fsops import fsops

        scratch = self._scratch()
        root, spool = f"{scratch}/context", f"{scratch}/stdin"
        os.mkdir(root)
        with open(spool, "wb") as kept:
            while data := stdin.read(1 << 20):
                kept.write(data)
        archive = open_archive(spool)
        if archive is None:
            with open(spool, "rb") as kept:
                return Loaded(text=bounded(kept, "the Dockerfile on stdin"), file="Dockerfile", source=FileSource(root))
        opened, stream = archive
        with opened:
            apply(stream, root, ops=fsops(), overlay=None)
        os.unlink(spool)
        return self._from_archive(root, file)

    @staticmethod
    def _from_archive(root: str, file: str | None) -> Loaded:
        """The context in a tar, whose links must not make us read files of the host."""
        everything = FileSource(root)
        names = (file,) if file else NAMES
        found = next((path for path in map(everything.resolve, names) if everything.status(path) is not None), None)
        if found is None:
            raise DockerfileNotFound(names[0])
        with open_regular(everything.absolute(found)) as opened:
            text = bounded(opened, found)
        ignore, ignore_file = _ignore(root, everything.absolute(found))
        return Loaded(text=text, file=found, source=FileSource(root, ignore=ignore, ignore_file=ignore_file))


def _ignore(root: str, dockerfile: str) -> tuple[Ignore, str]:
    from izba.build.definition import ignore_candidates
    from izba.build.dockerfile.ignore import load

    name = next((os.path.basename(path) for path in ignore_candidates(root, dockerfile) if os.path.lexists(path)), "")
    return load(root, dockerfile), name


def _refuse_remote(path: str) -> None:
    from izba.build.convert.copy import is_git, is_url

    if is_git(path):
        raise errors.NotImplemented(
            f"{path}: a git repository cannot be a build context yet", hint=f"git clone {path}, and build the directory"
        )
    if is_url(path):
        raise errors.NotImplemented(
            f"{path}: a URL cannot be a build context yet", hint=f"curl -sSL {path} | izba build -"
        )
