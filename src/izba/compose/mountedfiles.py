"""Secrets and configs as files in containers.

A file of the host that keeps its owner is mounted itself. One with an owner or a mode of its own, a text (of a
variable, or of the file) and one that `izba secret` or `izba config` keeps is written below the engine's data, where
only its user can look, and mounted from there:

    <data>/compose/<project>/files/<service>/<kind>-<n>

What is written never follows a link: the directory is izba's own, and each file replaces the one before it.
"""

from __future__ import annotations

import os

from izba._record import Record
from izba.compose.errors import ComposeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.compose.project import FileMount, FileSource, Project, Service
    from izba.engine.containers.documents import Mount
    from izba.engine.engine import Engine

MAX_BYTES = 1 << 20


class MountedFile(Record):
    """One file of a service. `data` None: the host's file `path` itself; else what is written to `path`."""

    path: str
    target: str
    data: bytes | None
    uid: int = 0
    gid: int = 0
    mode: int = 0o444


def files_of(engine: Engine, project: Project, service: Service) -> tuple[MountedFile, ...]:
    """The files of a service's containers. Raises `ComposeError`."""
    sources = {(source.kind, source.key): source for source in project.sources}
    directory = f"{engine.roots.data}/compose/{project.name}/files/{service.name}"
    return tuple(
        _file(engine, mount, sources[mount.kind, mount.source], f"{directory}/{mount.kind}-{index}", service)
        for index, mount in enumerate(service.files)
    )


def digests(engine: Engine, files: tuple[MountedFile, ...]) -> tuple[str, ...]:
    """A keyed digest of each file that is written: the same for the same content here, and worth nothing elsewhere."""
    import hashlib

    written = [file for file in files if file.data is not None]
    if not written:
        return ()
    key = _key(engine)
    return tuple(
        hashlib.blake2b(file.data or b"", key=key, person=b"izba-file").hexdigest()
        + f":{file.uid}:{file.gid}:{file.mode:o}"
        for file in written
    )


def write(files: tuple[MountedFile, ...]) -> list[Mount]:
    """Write what is to be written; the mounts of all."""
    for file in files:
        if file.data is not None:
            _write(file)
    return [{"Type": "bind", "Source": file.path, "Target": file.target, "ReadOnly": True} for file in files]


def discard(engine: Engine, project: str) -> None:
    """Remove all files of a project."""
    from izba.store.snapshots.trees import remove_tree

    path = f"{engine.roots.data}/compose/{project}"
    if os.path.isdir(path):
        remove_tree(path)


def _file(engine: Engine, mount: FileMount, source: FileSource, path: str, service: Service) -> MountedFile:
    what = f"{mount.kind.removesuffix('s')} {source.key} of service {service.name}"
    if source.file is not None and (mount.uid, mount.gid, mount.mode) == (None, None, None):
        if not os.path.exists(source.file):
            raise ComposeError(f"{what}: the file {source.file} is not there")
        return MountedFile(path=source.file, target=mount.target, data=None)
    if source.external:
        data = _kept(engine, source, what)
    elif source.file is not None:
        data = _read(source.file, what)
    elif source.content is not None:
        data = source.content.encode()
    else:
        raise ComposeError(f"{what}: its environment variable is not set")
    return MountedFile(
        path=path,
        target=mount.target,
        data=data,
        uid=mount.uid or 0,
        gid=mount.gid or 0,
        mode=0o444 if mount.mode is None else mount.mode,
    )


def _kept(engine: Engine, source: FileSource, what: str) -> bytes:
    from izba.engine.secrets import Entries, NoSuchEntry

    try:
        return Entries(engine, source.kind).read(source.name)
    except NoSuchEntry as error:
        raise ComposeError(f"{what}: {error.message}", hint=error.hint) from None


def _read(file: str, what: str) -> bytes:
    import stat

    try:
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ComposeError(f"{what}: {file}: {(error.strerror or '').lower()}") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise ComposeError(f"{what}: {file} is not a regular file")
    with os.fdopen(fd, "rb") as opened:
        data = opened.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ComposeError(f"{what}: {file} is larger than {MAX_BYTES >> 20} MiB", hint="mount it as a volume")
    return data


def _write(file: MountedFile) -> None:
    assert file.data is not None
    parent = os.path.dirname(file.path)
    os.makedirs(parent, mode=0o700, exist_ok=True)
    new = f"{file.path}.{os.getpid()}-{os.urandom(4).hex()}"
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, file.data)
        try:
            os.fchown(fd, file.uid, file.gid)
        except OSError:  # a user with a single uid has no other owner to give; the mode says what can be said
            pass
        os.fchmod(fd, file.mode)
    finally:
        os.close(fd)
    os.rename(new, file.path)


def _key(engine: Engine) -> bytes:
    """This engine's key, made at its first use."""
    path = f"{engine.roots.data}/compose/key"
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        pass
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    new = f"{path}.{os.getpid()}"
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    os.write(fd, os.urandom(32))
    os.close(fd)
    try:
        os.link(new, path)  # whoever is first decides
    except FileExistsError:
        pass
    os.unlink(new)
    return _key(engine)
