"""The root of a container's file system, as the container sees it: volumes included, running or not."""

from __future__ import annotations

import os

from izba.engine.containers import lifecycle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine


def open_root(engine: Engine, container: Container) -> int:
    """A descriptor of the root. This process may be in other namespaces afterwards: it is a command's last act.

    Of a running container it is what its init has, so nothing is mounted where it could interfere. Of any other the
    layers and volumes are mounted in a mount namespace of this process alone.
    """
    state = lifecycle.state(container)
    if state.status in {"running", "paused"} and state.process:
        return _root_of_process(engine, state.process.pid, state.process.started)
    return _mounted(engine, container)


def _root_of_process(engine: Engine, pid: int, started: int) -> int:
    from izba.linux import flags, namespaces, process

    pidfd = process.pidfd_open(pid, started)
    try:
        if engine.roots.rootless:
            # Its user namespace, where we are root: it is ours, being its owner, and its files are of its ids.
            namespaces.setns(pidfd, flags.CLONE_NEWUSER)
        root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        process.send_signal(pidfd, 0)  # still the same process: the descriptor is of no other's root
        return root
    finally:
        os.close(pidfd)


def _mounted(engine: Engine, container: Container) -> int:
    from izba.linux import flags, namespaces, rootpath
    from izba.linux.mount import Mount, attach_all, set_propagation

    if engine.roots.rootless:
        engine.enter_user_namespace()
    else:
        namespaces.unshare(flags.CLONE_NEWNS)
    set_propagation("/", flags.MS_REC | flags.MS_PRIVATE)
    directory = f"{container.directory}/rootfs"
    os.makedirs(directory, exist_ok=True)
    attach_all(engine.store.snapshots.mounts(container.id), directory)
    root = rootpath.open_root(directory)
    for point in sorted(container.mounts, key=lambda each: each["Destination"].count("/")):
        if point["Type"] == "tmpfs":
            continue
        if os.path.isdir(point["Source"]):
            os.close(rootpath.make_directories(root, point["Destination"]))
        else:
            os.close(rootpath.make_file(root, point["Destination"]))
        options = ("rbind", "rprivate", *(() if point["RW"] else ("ro",)))
        Mount(type="bind", source=point["Source"], target=point["Destination"], options=options).attach(directory)
    return root
