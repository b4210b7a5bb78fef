"""`watch`: source files change, and containers follow: by a copy, a restart, a command, or a new image.

The tree is looked at every so often (`SECONDS`); nothing that is not a regular file, a directory or a link is seen, and
no link is followed. What is copied lands below the rule's target, found inside the container's root and from there on
without following a link; what is gone on the host is removed in the same way.
"""

from __future__ import annotations

import os
import stat

from izba._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeAlias

    from izba.compose.project import Project, Service, WatchRule
    from izba.engine.containers.copying.item import Item
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine

    Facts: TypeAlias = tuple[int, int, int, int]

SECONDS = 0.25


class Change(Record):
    """One path that changed, relative to the rule's; empty for a rule of a single file."""

    path: str
    gone: bool = False


class Watched:
    """One rule of one service."""

    def __init__(self, service: Service, rule: WatchRule, ignored: Callable[[str], bool]) -> None:
        self.service = service
        self.rule = rule
        self._ignored = ignored
        self._known = self._look()

    def everything(self) -> list[Change]:
        """All that is there, as if it had just come."""
        return [Change(path=path) for path in self._known]

    def changes(self) -> list[Change]:
        """What changed since the last look."""
        now, before = self._look(), self._known
        self._known = now
        changed = [Change(path=path) for path, facts in now.items() if before.get(path) != facts]
        return changed + [Change(path=path, gone=True) for path in before if path not in now]

    def _look(self) -> dict[str, Facts]:
        try:
            top = os.lstat(self.rule.path)
        except OSError:
            return {}
        if not stat.S_ISDIR(top.st_mode):
            return {"": _facts(top)}
        return dict(self._walk(self.rule.path, ""))

    def _walk(self, directory: str, below: str) -> Iterator[tuple[str, Facts]]:
        try:
            entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
        except OSError:  # gone meanwhile
            return
        for entry in entries:
            path = f"{below}{entry.name}"
            if self._ignored(path):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(entry.path, f"{path}/")
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
                yield path, _facts(status)


def _facts(status: os.stat_result) -> Facts:
    return status.st_mtime_ns, status.st_size, status.st_mode, status.st_ino


def rules(project: Project, names: Iterable[str]) -> list[Watched]:
    """The rules of some services (none named: of all that have some)."""
    wanted = set(names) or {service.name for service in project.services}
    return [
        Watched(service, rule, _ignored(service, rule))
        for service in project.services
        if service.name in wanted
        for rule in service.watch
    ]


def _ignored(service: Service, rule: WatchRule) -> Callable[[str], bool]:
    """Whether a path below the rule's is left out: by `ignore`, by .dockerignore, or as it is not in `include`."""
    from izba.build.dockerfile.ignore import Ignore, load

    own = Ignore(rule.ignore)
    wanted = Ignore(rule.include)
    context = service.build.context if service.build else ""
    dockerfile = os.path.join(context, (service.build and service.build.dockerfile) or "Dockerfile")
    shared = load(context, dockerfile) if os.path.isdir(context) else Ignore()
    prefix = os.path.relpath(rule.path, context) if context else ""
    prefix = "" if prefix in {"", "."} else f"{prefix}/"

    def ignored(path: str) -> bool:
        if path.rpartition("/")[2] == ".git" or own.excludes(path):
            return True
        if prefix != "../" and not prefix.startswith("../") and shared.excludes(f"{prefix}{path}"):
            return True
        return bool(rule.include) and not os.path.isdir(f"{rule.path}/{path}") and not wanted.excludes(path)

    return ignored


def sync(engine: Engine, container: Container, rule: WatchRule, changes: Iterable[Change]) -> None:
    """Bring the changes into the container, by a child: whoever opens a container's root does not come back.

    Raises what copying raises.
    """
    from izba.monitor.errand import by_a_child

    by_a_child(lambda: _copy(engine, container, rule, list(changes)), "copies")


def _copy(engine: Engine, container: Container, rule: WatchRule, changes: list[Change]) -> None:
    from izba.engine.containers.copying.root import open_root
    from izba.engine.containers.copying.tree import Writer
    from izba.linux import rootpath

    base, target = rule.path, rule.target
    if not os.path.isdir(base):  # a single file: its directory, with its name in it
        base, _, name = base.rpartition("/")
        target, _, new = target.rstrip("/").rpartition("/")
        named = [(name, new, change.gone) for change in changes]
    else:
        named = [(change.path, change.path, change.gone) for change in changes]
    here = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    root = open_root(engine, container)
    os.close(rootpath.make_directories(root, target or "/"))
    there = rootpath.open_in_root(root, target or "/", os.O_RDONLY | os.O_DIRECTORY)
    for _, path, gone in named:
        if gone:
            _remove(there, path)
    writer = Writer(there, owners=None, trusted=False)
    writer.write(item for source, path, gone in named if not gone and (item := _item(here, source, path)))


def _item(directory: int, source: str, path: str) -> Item | None:
    """A file or link of the host; None if it is gone again."""
    from izba.engine.containers.copying.item import Item

    try:
        status = os.stat(source, dir_fd=directory, follow_symlinks=False)
        link = os.readlink(source, dir_fd=directory) if stat.S_ISLNK(status.st_mode) else ""
    except OSError:
        return None

    def read() -> Iterator[bytes]:
        fd = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
        try:
            while data := os.read(fd, 1 << 20):
                yield data
        finally:
            os.close(fd)

    return Item(
        path=path,
        type="symlink" if link else "file",
        mode=stat.S_IMODE(status.st_mode),
        uid=0,
        gid=0,
        mtime=status.st_mtime_ns,
        target=link,
        read=None if link else read,
    )


def _remove(directory: int, path: str) -> None:
    """Remove a path below the directory, following no link; a directory that is empty then goes too."""
    *parents, leaf = path.split("/")
    fds = [os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)]
    try:
        for part in parents:
            how = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            fds.append(os.open(part, how, dir_fd=fds[-1]))
        os.unlink(leaf, dir_fd=fds[-1])
        for part, fd in zip(reversed(parents), reversed(fds[:-1]), strict=True):
            os.rmdir(part, dir_fd=fd)
    except OSError:  # not there, not empty, or a link in the way
        return
    finally:
        for fd in fds:
            os.close(fd)
