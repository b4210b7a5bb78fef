"""The terminal of a container: made in its own devpts, so that its name inside is true."""

from __future__ import annotations

import os

from izba.linux import flags as f
from izba.linux import mount, pty, rootpath
from izba.linux.pty import WindowSize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.oci.runtimespec import Process


def make(root_fd: int, size: WindowSize | None, uid: int) -> tuple[int, int]:
    """Master and slave of a new terminal of the devpts at /dev/pts in the root, owned by `uid`."""
    directory_fd = rootpath.open_in_root(root_fd, "/dev/pts", os.O_PATH | os.O_DIRECTORY, resolve=f.RESOLVE_NO_SYMLINKS)
    try:
        master, slave = pty.open_pair(directory_fd)
    finally:
        os.close(directory_fd)
    if size is not None:
        pty.set_window_size(slave, size)
    os.fchown(slave, uid, -1)
    return master, slave


def mount_console(root_fd: int, slave: int) -> None:
    """Bind the terminal on /dev/console (config.md, terminal)."""
    target = rootpath.make_file(root_fd, "/dev/console", 0o620, resolve=f.RESOLVE_NO_SYMLINKS)
    tree = mount.open_tree(slave)
    try:
        mount.move_mount(tree, target, path="/dev/console")
    finally:
        os.close(tree)
        os.close(target)


def size_of(process: Process) -> WindowSize | None:
    """The spec's consoleSize."""
    size = process.get("consoleSize")
    return WindowSize(rows=size["height"], columns=size["width"]) if size else None


def take(slave: int) -> None:
    """Make the terminal this session's, and its standard input, output and error."""
    pty.make_controlling(slave)
    for fd in (0, 1, 2):
        os.dup2(slave, fd, inheritable=True)
    if slave > 2:
        os.close(slave)
