"""Where a build's files come from: a directory, a tar on stdin, a Dockerfile alone on stdin; what is left out of it."""

from __future__ import annotations

import os
import stat
from _hashlib import openssl_sha256 as sha256

from izba import errors
from izba._record import Record
from izba.build.contenthash import StatCache
from izba.build.files import FileSource
from izba.errors import InvalidArgument, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from izba.build.dockerfile.ignore import Ignore

_LARGEST_DOCKERFILE = 16 << 20
_NAMES = ("Dockerfile", "Containerfile", "dockerfile")


class DockerfileNotFound(NotFound):
    """There is no such Dockerfile."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"failed to read dockerfile: open {path}: no such file or directory",
            hint="name it with -f, or give the directory that it is in",
        )
        self.path = path


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
            text = _bounded(stdin, "the Dockerfile on stdin")
            return Loaded(text=text, file="Dockerfile", source=self.directory(path, os.path.join(path, "Dockerfile")))
        dockerfile = _find(path, file)
        with _open_regular(dockerfile) as opened:
            text = _bounded(opened, dockerfile)
        return Loaded(text=text, file=_shown(path, dockerfile), source=self.directory(path, dockerfile))

    def directory(self, path: str, dockerfile: str | None = None) -> FileSource:
        """The files of a directory, without what its `.dockerignore`, or the Dockerfile's own, leaves out."""
        root = os.path.realpath(path)
        ignore, ignore_file = _ignore(root, f"{root}/" if dockerfile is None else dockerfile)
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        cache = StatCache(f"{self._directory}/{sha256(os.fsencode(root)).hexdigest()[:32]}")
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
                return Loaded(
                    text=_bounded(kept, "the Dockerfile on stdin"), file="Dockerfile", source=FileSource(root)
                )
        opened, stream = archive
        with opened:
            apply(stream, root, ops=fsops(), overlay=None)
        os.unlink(spool)
        return self._from_archive(root, file)

    @staticmethod
    def _from_archive(root: str, file: str | None) -> Loaded:
        """The context in a tar, whose links must not make us read files of the host."""
        everything = FileSource(root)
        names = (file,) if file else _NAMES
        found = next((path for path in map(everything.resolve, names) if everything.status(path) is not None), None)
        if found is None:
            raise DockerfileNotFound(names[0])
        with _open_regular(everything.absolute(found)) as opened:
            text = _bounded(opened, found)
        ignore, ignore_file = _ignore(root, everything.absolute(found))
        return Loaded(text=text, file=found, source=FileSource(root, ignore=ignore, ignore_file=ignore_file))


def _find(context: str, file: str | None) -> str:
    """The Dockerfile: `file` as seen from here, or else from the context; or the context's own."""
    candidates = [file, os.path.join(context, file)] if file else [os.path.join(context, name) for name in _NAMES]
    for candidate in candidates:
        if os.path.lexists(candidate):
            return candidate
    raise DockerfileNotFound(candidates[0])


def _shown(context: str, dockerfile: str) -> str:
    """The name for messages: as seen from the context, if it is in there."""
    relative = os.path.relpath(dockerfile, context)
    return dockerfile if relative.startswith("../") else relative


def _ignore(root: str, dockerfile: str) -> tuple[Ignore, str]:
    from izba.build.dockerfile.ignore import candidates, load

    name = next((os.path.basename(path) for path in candidates(root, dockerfile) if os.path.lexists(path)), "")
    return load(root, dockerfile), name


def _open_regular(path: str) -> IO[bytes]:
    # Not waiting: a hostile context may have a FIFO of that name.
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise DockerfileNotFound(path) from None
    file = open(fd, "rb")
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        file.close()
        raise InvalidArgument(f"{path} is no regular file")
    return file


def _bounded(file: IO[bytes], what: str) -> bytes:
    data = file.read(_LARGEST_DOCKERFILE + 1)
    if len(data) > _LARGEST_DOCKERFILE:
        raise InvalidArgument(f"{what} is larger than {_LARGEST_DOCKERFILE >> 20} MiB")
    return data


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
