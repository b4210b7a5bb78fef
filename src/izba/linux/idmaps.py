"""The id maps of a user namespace: which ids an ordinary user may map (subuid(5)), and writing them."""

from __future__ import annotations

import errno
import os

from izba._record import Record
from izba.linux import libc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class IdMap(Record):
    """`size` ids from `inside` on are those from `outside` on in the parent namespace (user_namespaces(7))."""

    inside: int
    outside: int
    size: int


class IdMapPlan(Record):
    """The maps of a user namespace and how they get written: by newuidmap and newgidmap, or by the process itself."""

    uids: tuple[IdMap, ...]
    gids: tuple[IdMap, ...]
    helpers: bool

    @property
    def single_id(self) -> bool:
        """Whether only one uid exists inside."""
        return len(self.uids) == 1 and self.uids[0].size == 1


def plan(uid: int, gid: int, user: str) -> IdMapPlan:
    """The maps for an ordinary user: root inside is the user, 1… are the user's subordinate ids where there are any.

    A function of /etc/subuid, /etc/subgid and the helpers only: the same for every command, so that a file has
    the same owner in each.
    """
    uid_ranges = _subordinate("/etc/subuid", uid, user)
    gid_ranges = _subordinate("/etc/subgid", uid, user)
    if uid_ranges and gid_ranges and helper("newuidmap") and helper("newgidmap"):
        return IdMapPlan(uids=_stack(uid, uid_ranges), gids=_stack(gid, gid_ranges), helpers=True)
    return IdMapPlan(
        uids=(IdMap(inside=0, outside=uid, size=1),), gids=(IdMap(inside=0, outside=gid, size=1),), helpers=False
    )


def plan_of_this_user() -> IdMapPlan:
    """The plan for the user this process runs as."""
    import pwd

    uid = os.getuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:  # a uid that no account has, as in many containers
        user = str(uid)
    return plan(uid, os.getgid(), user)


def helper(name: str) -> str | None:
    """The path of a helper program, from the system's directories only: it is setuid, and PATH is the user's."""
    for directory in ("/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin", "/sbin", "/run/wrappers/bin"):
        path = f"{directory}/{name}"
        if os.access(path, os.X_OK):
            return path
    return None


def _stack(own: int, ranges: Sequence[tuple[int, int]]) -> tuple[IdMap, ...]:
    maps = [IdMap(inside=0, outside=own, size=1)]
    inside = 1
    for first, size in ranges:
        maps.append(IdMap(inside=inside, outside=first, size=size))
        inside += size
    return tuple(maps)


def _subordinate(path: str, uid: int, user: str) -> list[tuple[int, int]]:
    """The ranges of `user` in /etc/subuid or /etc/subgid, named there by login name or by uid."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().split("\n")
    except OSError:
        return []
    ranges = []
    for line in lines:
        owner, _, rest = line.partition(":")
        first, _, size = rest.partition(":")
        if owner in {user, str(uid)} and first.isdigit() and size.strip().isdigit() and int(size) > 0:
            ranges.append((int(first), int(size)))
    return ranges


def unused_range(*paths: str, size: int = 65536) -> tuple[int, int]:
    """First and last of `size` ids that no user has in these files, as useradd would choose them."""
    first = 100_000
    for path in paths or ("/etc/subuid", "/etc/subgid"):
        try:
            with open(path, "rb") as file:
                lines = file.read().splitlines()
        except OSError:
            continue
        for line in lines:
            _, start, count = (*line.split(b":"), b"", b"")[:3]
            if start.isdigit() and count.isdigit():
                first = max(first, int(start) + int(count))
    return first, first + size - 1


def read(path: str = "/proc/self/uid_map") -> list[IdMap]:
    """The map in /proc/<pid>/uid_map or gid_map; `outside` is as the reader's namespace sees it."""
    with open(path, "rb") as file:  # bytes: a codec would be imported, in a container's child from who knows where
        rows = [line.split() for line in file]
    return [IdMap(inside=int(inside), outside=int(outside), size=int(size)) for inside, outside, size in rows]


def maps(id: int, ranges: Sequence[IdMap]) -> bool:
    """Whether `id` exists inside."""
    return any(each.inside <= id < each.inside + each.size for each in ranges)


def write(pid: int | str, plan: IdMapPlan) -> None:
    """Write the maps of the new user namespace of `pid`, from its parent namespace (or as `self` with a single id)."""
    if plan.helpers:
        _run_helpers(int(pid), plan)
        return
    if os.geteuid() != 0 or pid == "self":
        # An unprivileged writer must give up setgroups(2) first, or a group could be dropped that denies access.
        _write(f"/proc/{pid}/setgroups", "deny")
    _write(f"/proc/{pid}/gid_map", _lines(plan.gids))
    _write(f"/proc/{pid}/uid_map", _lines(plan.uids))


def _lines(ranges: Sequence[IdMap]) -> str:
    return "".join(f"{each.inside} {each.outside} {each.size}\n" for each in ranges)


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    except OSError as error:
        raise libc.failure("write", path, error.errno) from None
    finally:
        os.close(fd)


def _run_helpers(pid: int, plan: IdMapPlan) -> None:
    """Both at once: each is a setuid program of about a millisecond."""
    children = [
        (name, _spawn(name, [str(pid), *_words(ranges)]))
        for name, ranges in (("newuidmap", plan.uids), ("newgidmap", plan.gids))
    ]
    failed = [name for name, child in children if os.waitpid(child, 0)[1] != 0]
    if failed:
        raise libc.failure(failed[0], f"/proc/{pid}", errno.EPERM)


def _spawn(name: str, arguments: list[str]) -> int:
    path = helper(name)
    if path is None:
        raise libc.failure("posix_spawn", name, errno.ENOENT)
    return os.posix_spawn(path, [name, *arguments], {})


def _words(ranges: Sequence[IdMap]) -> list[str]:
    return [str(number) for each in ranges for number in (each.inside, each.outside, each.size)]
