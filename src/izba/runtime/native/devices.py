"""Device nodes of a container: made, or where that is not allowed the host's own bound in their place.

A container may make nodes (CAP_MKNOD is among Docker's default capabilities), and its image may bring some; what keeps
it from using them is a devices cgroup, or, where there is none, that all its mounts are `nodev`. Its own nodes then lie
in a tmpfs that it cannot reach, each bound to its place in /dev.
"""

from __future__ import annotations

import errno
import os
import stat

from izba._record import Record
from izba.linux import flags as f
from izba.linux import mount, rootpath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.oci.runtimespec import LinuxDevice
    from izba.runtime.native.rootfs import Root

_KINDS = {"c": stat.S_IFCHR, "u": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}


class Device(Record):
    """One of the spec's `linux.devices`."""

    path: str
    type: str
    major: int
    minor: int
    mode: int = 0o666
    uid: int = 0
    gid: int = 0

    @classmethod
    def of(cls, device: LinuxDevice) -> Device:
        return cls(
            path=device["path"],
            type=device["type"],
            major=device.get("major", 0),
            minor=device.get("minor", 0),
            mode=device.get("fileMode", 0o666),
            uid=device.get("uid", 0),
            gid=device.get("gid", 0),
        )

    @property
    def number(self) -> int:
        return os.makedev(self.major, self.minor)

    def describe(self) -> str:
        return f"device {self.path} {self.type} {self.major}:{self.minor} mode {self.mode:o}"

    def execute(self, root: Root) -> None:
        directory, _, name = self.path.rstrip("/").rpartition("/")
        directory_fd = rootpath.make_directories(root.fd, directory or "/", resolve=f.RESOLVE_NO_SYMLINKS)
        try:
            if root.nodes >= 0 and self._make(stored := self.path.replace("/", "!"), root.nodes):
                node = os.open(stored, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root.nodes)
                try:
                    self._put(root, mount.open_tree(node), name, directory_fd)
                finally:
                    os.close(node)
                return
            if root.nodes < 0 and self._make(name, directory_fd):
                return
            self._bind(root, name, directory_fd)
        finally:
            os.close(directory_fd)

    def _make(self, name: str, directory_fd: int) -> bool:
        """Make the node, instead of whatever the image has there; False where a user namespace forbids it."""
        kind = _KINDS[self.type]
        try:
            os.mknod(name, kind | self.mode, self.number, dir_fd=directory_fd)
        except FileExistsError:
            os.unlink(name, dir_fd=directory_fd)
            return self._make(name, directory_fd)
        except PermissionError:
            return False
        if self.uid or self.gid:
            os.chown(name, self.uid, self.gid, dir_fd=directory_fd, follow_symlinks=False)
        return True

    def _bind(self, root: Root, name: str, directory_fd: int) -> None:
        """The host's node: the one of the same name, or else wherever the kernel says that the device has its own."""
        path = self.path if self._is_at(self.path) else self._kernels_path()
        tree = mount.open_tree(path)
        status = os.fstat(tree)
        if not self._is(status):
            os.close(tree)
            raise OSError(errno.ENODEV, "the host's is another device", self.path)
        self._put(root, tree, name, directory_fd)

    def _is(self, status: os.stat_result) -> bool:
        return status.st_rdev == self.number and stat.S_IFMT(status.st_mode) == _KINDS[self.type]

    def _is_at(self, path: str) -> bool:
        try:
            return self._is(os.lstat(path))
        except OSError:
            return False

    def _kernels_path(self) -> str:
        """Below /dev, by the device's number (sysfs-dev); `self.path` where the kernel knows no better."""
        kind = "block" if self.type == "b" else "char"
        try:
            with open(f"/sys/dev/{kind}/{self.major}:{self.minor}/uevent", "rb") as file:
                lines = file.read().decode().splitlines()
        except OSError:
            return self.path
        return next(
            (f"/dev/{line.removeprefix('DEVNAME=')}" for line in lines if line.startswith("DEVNAME=")), self.path
        )

    def _put(self, root: Root, tree: int, name: str, directory_fd: int) -> None:
        target = rootpath.make_file(directory_fd, name, 0o666, resolve=f.RESOLVE_NO_SYMLINKS)
        root.attach(tree, target, self.path)


_STORE = "/dev/.izba-nodes"


class OpenNodeStore(Record):
    """A tmpfs for nodes, in sight of the container's root only until `CloseNodeStore`."""

    def describe(self) -> str:
        return "a tmpfs for device nodes"

    def execute(self, root: Root) -> None:
        target = rootpath.make_directories(root.fd, _STORE, resolve=f.RESOLVE_NO_SYMLINKS)
        attributes = f.MOUNT_ATTR_NOSUID | f.MOUNT_ATTR_NOEXEC
        root.attach(mount.new_filesystem("tmpfs", "nodes", ("mode=700", "size=64k"), attributes), target, _STORE)
        root.nodes = rootpath.open_in_root(root.fd, _STORE, os.O_PATH | os.O_DIRECTORY, resolve=f.RESOLVE_NO_SYMLINKS)


class CloseNodeStore(Record):
    """Take it out of sight; the binds keep the nodes."""

    def describe(self) -> str:
        return "the tmpfs for device nodes out of sight"

    def execute(self, root: Root) -> None:
        mount.umount(f"/proc/self/fd/{root.nodes}", f.MNT_DETACH)
        os.close(root.nodes)
        root.nodes = -1
        directory, _, name = _STORE.rpartition("/")
        directory_fd = rootpath.open_in_root(root.fd, directory, resolve=f.RESOLVE_NO_SYMLINKS)
        try:
            os.rmdir(name, dir_fd=directory_fd)
        finally:
            os.close(directory_fd)


DEFAULT_DEVICES = tuple(
    Device(path=path, type="c", major=major, minor=minor)
    for path, major, minor in (
        ("/dev/null", 1, 3),
        ("/dev/zero", 1, 5),
        ("/dev/full", 1, 7),
        ("/dev/random", 1, 8),
        ("/dev/urandom", 1, 9),
        ("/dev/tty", 5, 0),
    )
)
"""What a runtime has to supply (config-linux.md, Default Devices); /dev/console comes with the terminal."""

_LINKS = (
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("/proc/kcore", "core"),
    ("pts/ptmx", "ptmx"),
)


class DeviceLinks(Record):
    """The links of config-linux.md, Dev symbolic links."""

    def describe(self) -> str:
        return "links in /dev: " + ", ".join(name for _, name in _LINKS)

    def execute(self, root: Root) -> None:
        directory_fd = rootpath.make_directories(root.fd, "/dev", resolve=f.RESOLVE_NO_SYMLINKS)
        try:
            for target, name in _LINKS:
                _link(target, name, directory_fd)
        finally:
            os.close(directory_fd)


def _link(target: str, name: str, directory_fd: int) -> None:
    try:
        os.symlink(target, name, dir_fd=directory_fd)
    except FileExistsError:
        if name != "ptmx":
            return
        # An image's own ptmx would give terminals of the host's devpts.
        os.unlink(name, dir_fd=directory_fd)
        os.symlink(target, name, dir_fd=directory_fd)
