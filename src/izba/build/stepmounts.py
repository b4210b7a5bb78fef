"""The mounts of one RUN: what each `--mount` and the engine itself bring in, made ready on the host's side."""

from __future__ import annotations

import fcntl
import os
import stat
import time

from izba.build.files import FileSource, SourceNotFound
from izba.build.graph import Tree
from izba.build.secrets import SecretNotFound
from izba.errors import InvalidArgument
from izba.linux import rootpath
from izba.linux.mount import Mount
from izba.linux.overlay import overlay
from izba.oci.digest import Digest
from izba.runtime.specgen.request import MountRequest
from izba.store.lock import FileLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack
    from types import TracebackType
    from typing import Self

    from izba.build.graph import Result
    from izba.build.ops.exec import StepMount
    from izba.build.worker import Worker

_PATIENCE = 600.0
"""Seconds that a step waits for another that begins the same cache, which may be copying a large tree into it."""


class StepMounts:
    """Makes the mounts of one step; `release` what is held when the step is over, by `stack`."""

    def __init__(self, worker: Worker, inputs: Sequence[Result], stack: ExitStack) -> None:
        self._worker = worker
        self._inputs = inputs
        self._stack = stack
        self._secrets: str | None = None
        self.requests: list[MountRequest] = []
        self.environment: list[str] = []

    def add(self, mount: StepMount) -> None:
        """Make `mount` ready. Raises `SourceNotFound`, `SecretNotFound`, and what the kernel says."""
        match mount.kind:
            case "tmpfs":
                size = () if mount.size is None else (f"size={mount.size}",)
                self.requests.append(MountRequest(type="tmpfs", target=mount.target, options=("exec", *size)))
            case "secret":
                self._secret(mount)
            case "cache":
                self._bind(self._cache(mount), mount)
            case _:
                self._bind(self._tree(mount), mount)

    def file(self, name: str, data: bytes, *, mode: int = 0o644, uid: int = 0, gid: int = 0) -> str:
        """A file in memory that lasts as long as the build, to be mounted."""
        if self._secrets is None:
            self._secrets = self._worker.mount(
                Mount(type="tmpfs", source="tmpfs", options=("mode=0700", "nosuid", "nodev", "noswap"))
                if _knows_noswap()
                else Mount(type="tmpfs", source="tmpfs", options=("mode=0700", "nosuid", "nodev"))
            )
        path = f"{self._secrets}/{len(os.listdir(self._secrets))}-{name}"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(fd, "wb", buffering=0) as file:
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
            self._worker.ops.settle(fd, uid, gid, mode)
        return path

    def _bind(self, source: str, mount: StepMount) -> None:
        request = MountRequest(
            type="bind", target=mount.target, source=source, read_only=mount.read_only, recursive=False
        )
        self.requests.append(request)

    def _tree(self, mount: StepMount) -> str:
        """The source in a read-only view of a tree; or in an overlay on it, whose changes are thrown away."""
        assert mount.input is not None
        tree = self._inputs[mount.input]
        assert isinstance(tree, Tree)
        root = self._worker.view(tree) if mount.read_only else self._writable(tree)
        return _inside(root, mount.source)

    def _writable(self, tree: Tree) -> str:
        snapshots = self._worker.store.snapshots
        if snapshots.kind != "overlay":
            raise InvalidArgument(
                "a writable bind mount needs overlayfs, which does not work here", hint="leave rw out"
            )
        lowers = snapshots.lowers(tree.chain) if tree.chain else (self._worker.scratch_directory("empty"),)
        upper, work = self._worker.scratch_directory("upper"), self._worker.scratch_directory("work")
        return self._worker.mount(overlay(lowers, upper, work, volatile=True))

    def _cache(self, mount: StepMount) -> str:
        """The directory of a cache mount, kept in the data root under a digest of its id, so that no id is a path."""
        from_tree: Tree | None = None
        if mount.input is not None:
            tree = self._inputs[mount.input]
            assert isinstance(tree, Tree)
            from_tree = tree
        name = Digest.of(f"{mount.id}\0{from_tree.chain if from_tree else ''}".encode()).hex
        parent = f"{self._worker.store.roots.data}/build/mounts"
        os.makedirs(parent, mode=0o700, exist_ok=True)
        directory = self._claim(f"{parent}/{name}", mount)
        self._fill_cache(directory, mount, from_tree)
        # What is in the directory comes from containers: links in it must not lead out.
        root = rootpath.open_root(directory)
        try:
            fd = rootpath.make_directories(root, mount.source if from_tree is None else "/")
        finally:
            os.close(root)
        try:
            return self._worker.mount_fd(fd)
        finally:
            os.close(fd)

    def _claim(self, path: str, mount: StepMount) -> str:
        """Take the directory as `sharing` says: beside others, after others, or one that nobody has."""
        if mount.sharing != "private":
            self._stack.enter_context(CacheLock(f"{path}.lock", shared=mount.sharing == "shared")).wait(self._worker)
            return path
        number = 0
        while True:
            candidate = path if number == 0 else f"{path}-{number}"
            lock = CacheLock(f"{candidate}.lock", shared=False)
            if lock.try_acquire():
                self._stack.enter_context(lock)
                return candidate
            lock.close()
            number += 1

    def _fill_cache(self, directory: str, mount: StepMount, tree: Tree | None) -> None:
        """Begin a new cache: empty, or as a copy of what `from` and `source` say. One that is there stays as it is."""
        if os.path.isdir(directory):
            return
        # An empty directory can be renamed over, also while somebody has it mounted: only one step may find it missing.
        lock = FileLock(f"{directory}.new.lock", what="a cache mount that is being made", timeout=_PATIENCE)
        lock.acquire()
        try:
            if not os.path.isdir(directory):
                self._make_cache(directory, mount, tree)
        finally:
            lock.release(remove=True)

    def _make_cache(self, directory: str, mount: StepMount, tree: Tree | None) -> None:
        temporary = f"{directory}.{os.getpid()}-{id(mount):x}.tmp"
        os.mkdir(temporary, 0o755)
        if tree is not None:
            self._worker.copy_tree(FileSource(_inside(self._worker.view(tree), mount.source), owners=True), temporary)
        fd = os.open(temporary, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            mode = 0o755 if mount.mode is None else mount.mode
            self._worker.ops.settle(fd, mount.uid or 0, mount.gid or 0, mode)
        finally:
            os.close(fd)
        os.rename(temporary, directory)

    def _secret(self, mount: StepMount) -> None:
        value = self._worker.settings.secrets.value(mount.id)
        if value is None:
            if mount.required:
                raise SecretNotFound(mount.id)
            return
        if mount.env:
            self.environment.append(f"{mount.env}={value.decode('utf-8', 'surrogateescape')}")
        if mount.target:
            mode = 0o400 if mount.mode is None else mount.mode
            source = self.file("secret", value, mode=mode, uid=mount.uid or 0, gid=mount.gid or 0)
            self.requests.append(
                MountRequest(type="bind", target=mount.target, source=source, read_only=True, recursive=False)
            )


class CacheLock:
    """A lock on a cache mount, between threads and processes.

    Unlike a `FileLock` it may be held across the forks of other steps: it is unlocked by name, so that a copy of its
    descriptor in a child does not keep it.
    """

    def __init__(self, path: str, *, shared: bool) -> None:
        self._operation = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def try_acquire(self) -> bool:
        """Take it if it is free."""
        try:
            fcntl.flock(self._fd, self._operation | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def wait(self, worker: Worker) -> None:
        """Take it as soon as it is free, unless the build ends before that."""
        pause = 0.001
        while not self.try_acquire():
            worker.check_canceled()
            time.sleep(pause)
            pause = min(pause * 2, 0.1)

    def close(self) -> None:
        """Let go."""
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _inside(root: str, path: str) -> str:
    """Where `path` is below `root`, links followed inside of it. Nobody changes what is there meanwhile."""
    source = FileSource(root)
    resolved = source.resolve(path)
    if source.status(resolved) is None:
        raise SourceNotFound(path)
    return source.absolute(resolved)


def is_directory(path: str) -> bool:
    """Whether a mount's source is a directory."""
    return stat.S_ISDIR(os.stat(path).st_mode)


def _knows_noswap() -> bool:
    """tmpfs keeps its pages out of the swap since Linux 6.4; in a user namespace it may not."""
    from izba.linux.namespaces import in_user_namespace

    major, minor = (int("".join(filter(str.isdigit, part))) for part in os.uname().release.split(".")[:2])
    return (major, minor) >= (6, 4) and not in_user_namespace()
