"""The spec's mount of type `cgroup`: what of the cgroup filesystems a container sees.

With a cgroup namespace it is a mount of its own, whose root is the container's cgroup; without, that directory of the
host's.
"""

from __future__ import annotations

import os

from izba.linux import flags as f
from izba.linux import mount, mountinfo, mountoptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.linux.mountinfo import MountInfo
    from izba.linux.mountoptions import MountOptions
    from izba.runtime.native.rootfs import Root


def attach(root: Root, target_fd: int, destination: str, options: MountOptions) -> None:
    """Mount the cgroup filesystems at `target_fd`, which gets closed."""
    mounts = [each for each in mountinfo.read() if each.type in {"cgroup", "cgroup2"}]
    unified = [each for each in mounts if each.mount_point == "/sys/fs/cgroup"]
    if unified:
        root.attach(_tree(root, unified[0], _own_paths(), options), target_fd, destination)
    else:
        _attach_hierarchies(root, target_fd, destination, mounts, options)


def _attach_hierarchies(
    root: Root, target_fd: int, destination: str, mounts: list[MountInfo], options: MountOptions
) -> None:
    """cgroup v1: a tmpfs with a directory for each hierarchy, and links for controllers mounted together."""
    attributes = options.set & ~f.MOUNT_ATTR_RDONLY
    top = mount.new_filesystem("tmpfs", "tmpfs", ("mode=755", "size=1m"), attributes)
    paths = _own_paths()
    root.attach(os.dup(top), target_fd, destination)
    try:
        for name, each in {os.path.basename(each.mount_point): each for each in mounts}.items():
            os.mkdir(name, 0o755, dir_fd=top)
            for alias in name.split(",") if "," in name else ():
                os.symlink(name, alias, dir_fd=top)
            tree = _tree(root, each, paths, options)
            root.attach(tree, os.open(name, os.O_PATH | os.O_CLOEXEC, dir_fd=top), f"{destination}/{name}")
        mount.set_attributes(top, mountoptions.MountOptions(set=options.set))
    finally:
        os.close(top)


def _tree(root: Root, of: MountInfo, paths: dict[str, str], options: MountOptions) -> int:
    if root.own_cgroup_namespace:
        data = () if of.type == "cgroup2" else _v1_data(of)
        try:
            return mount.new_filesystem(of.type, "cgroup", data, options.set)
        except OSError:  # in a user namespace, or a hierarchy that is mounted otherwise: bind what the host has
            pass
    inside = next((paths[key] for key in _keys(of) if key in paths), "/")
    below = inside.removeprefix(of.root.rstrip("/")) if inside.startswith(of.root) else ""
    source = (of.mount_point + below).rstrip("/")
    return mount.bind_source(source if os.path.isdir(source) else of.mount_point, options)


def _v1_data(of: MountInfo) -> tuple[str, ...]:
    """The options that name the hierarchy: its controllers, or its name and `none`."""
    keys = tuple(_keys(of))
    return ("none", *keys) if keys and keys[0].startswith("name=") else keys


def _keys(of: MountInfo) -> list[str]:
    if of.type == "cgroup2":
        return [""]
    return [option for option in of.super_options if option not in {"rw", "ro", "xattr", "noprefix", "clone_children"}]


def _own_paths() -> dict[str, str]:
    """This process's cgroup by controller (`name=…` for a named hierarchy, empty for v2): /proc/self/cgroup."""
    with open("/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
        rows = [line.rstrip("\n").split(":", 2) for line in file]
    return {controller: path for _, controllers, path in rows for controller in controllers.split(",")}
