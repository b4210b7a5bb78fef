"""Where this process may make cgroups: everywhere as root, else in what was delegated to it.

On v1 that is a directory of each hierarchy that root gave to the user, for processes that were started in it. On v2
it is what systemd delegates.

A user's processes live in `user@UID.service`, which systemd delegates, when they were started by the user's systemd (a
desktop's terminal, `systemd-run --user`); a login over ssh lives in a session scope beside it, from which the kernel
lets no unprivileged process move over there.
"""

from __future__ import annotations

import os

from izba.cgroups import files

# v2's name → the name izba and Docker use.
_NAMES = {"memory": "memory", "cpu": "cpu", "cpuset": "cpuset", "pids": "pids", "io": "blkio", "hugetlb": "hugetlb"}

REMEDY = "start it with: systemd-run --user --scope -p Delegate=yes izba ..."
REMEDY_V1 = "have root make a directory for you in each hierarchy below /sys/fs/cgroup, and start izba in them"


def remedy() -> str:
    """What gives an ordinary user limits on this machine."""
    return REMEDY if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else REMEDY_V1


def base(mount_point: str) -> str | None:
    """The topmost cgroup around this process that belongs to it; the root of the hierarchy for root."""
    if os.access(f"{mount_point}/cgroup.procs", os.W_OK):
        return mount_point
    return _topmost(mount_point, own_path())


def v1_base(mount_point: str, controllers: str) -> str | None:
    """The topmost cgroup around this process that belongs to it, in the v1 hierarchy of these controllers."""
    wanted = set(controllers.split(","))
    for line in files.read("/proc/self", "cgroup").splitlines():
        _, names, path = line.split(":", 2)
        if wanted & set(names.split(",")):
            return _topmost(mount_point, path.rstrip("/"))
    return None


def _topmost(mount_point: str, own: str) -> str | None:
    best = None
    path = mount_point + own
    while path != mount_point:
        if not (os.access(path, os.W_OK) and os.access(f"{path}/cgroup.procs", os.W_OK)):
            break
        best = path
        path = os.path.dirname(path)
    return best


def own_path() -> str:
    """This process's cgroup in the v2 hierarchy, without the mount point."""
    for line in files.read("/proc/self", "cgroup").splitlines():
        if line.startswith("0::"):
            return line[3:].rstrip("/")
    return ""


def controllers(base: str) -> tuple[str, ...]:
    """The controllers that cgroups below `base` can have, in izba's names; freezing and killing need none."""
    available = files.read(base, "cgroup.controllers").split()
    if "memory" not in available and "pids" not in available:
        return ()  # the hybrid layout: v1 has the controllers, and v2 what was left over
    return (*(_NAMES[name] for name in available if name in _NAMES), "freezer")


def enable(directory: str, wanted: set[str]) -> None:
    """Let the children of `directory` have these controllers. Raises `OSError`."""
    missing = wanted - set(files.read(directory, "cgroup.subtree_control").split())
    missing &= set(files.read(directory, "cgroup.controllers").split())
    if not missing:
        return
    text = " ".join(f"+{name}" for name in sorted(missing))
    try:
        files.write(directory, "cgroup.subtree_control", text)
    except OSError:
        # Processes and controlled children exclude each other (cgroup-v2, "No Internal Process Constraint"), so what
        # runs directly in a scope delegated to us moves into a cgroup of its own below it.
        if not _make_leaf(directory):
            raise
        files.write(directory, "cgroup.subtree_control", text)


def _make_leaf(directory: str) -> bool:
    members = files.read(directory, "cgroup.procs").split()
    if not members or "0" in members:  # 0: processes of another pid namespace, which are not ours to move
        return False
    leaf = f"{directory}/izba-session"
    os.makedirs(leaf, exist_ok=True)
    for pid in members:
        try:
            files.write(leaf, "cgroup.procs", pid)
        except ProcessLookupError:
            continue
    return True
