"""The container's root as a list of operations: planned from the spec as values, printable, then executed in order.

Everything is done from outside, before pivot_root, on descriptors resolved inside the root: what the image or a volume
has in the way (links, devices, other mounts) can make an operation fail, never make it act elsewhere.
"""

from __future__ import annotations

import errno
import os
import stat

from izba._record import Record
from izba.cgroups.resources import limits_devices
from izba.linux import flags as f
from izba.linux import idmaps, mount, mountoptions, rootpath
from izba.runtime.native import cgroupmount
from izba.runtime.native.devices import DEFAULT_DEVICES, CloseNodeStore, Device, DeviceLinks, OpenNodeStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from izba.linux.idmaps import IdMap
    from izba.linux.mount import Mount
    from izba.linux.mountoptions import MountOptions
    from izba.oci.runtimespec import Mount as SpecMount
    from izba.oci.runtimespec import Spec

    class Operation(Protocol):
        def describe(self) -> str: ...

        def execute(self, root: Root) -> None: ...


# -- the plan


def plan(spec: Spec, *, bundle: str, rootfs: Sequence[Mount]) -> tuple[Operation, ...]:
    """What has to be done, in order."""
    linux = spec.get("linux", {})
    nodev = has_no_devices(spec)
    below = _subpaths(spec)
    operations: list[Operation] = [
        AttachMount.of(each, bundle=bundle, nodev=nodev, subpath=below.get(each["destination"], ""))
        for each in spec.get("mounts", ())
    ]
    if not _binds_dev(operations):
        devices = linux.get("devices", ())
        named = {device["path"] for device in devices}
        operations += [OpenNodeStore()] * nodev
        operations += [device for device in DEFAULT_DEVICES if device.path not in named]
        operations += [Device.of(device) for device in devices]
        operations += [CloseNodeStore()] * nodev
        operations.append(DeviceLinks())
    operations += [ReadOnlyPath(path=path) for path in linux.get("readonlyPaths", ())]
    operations += [MaskedPath(path=path) for path in linux.get("maskedPaths", ())]
    return (
        MountRoot(path=root_path(spec, bundle=bundle), mounts=tuple(rootfs), nodev=nodev),
        *operations,
        *((WorkingDirectory(path=spec["process"]["cwd"]),) if "process" in spec else ()),
        *((ReadOnlyRoot(),) if spec["root"].get("readonly") else ()),
    )


SUBPATHS = "izba.subpaths"
"""Annotation: destinations of binds, each with the path below its source that is meant, as a JSON object.

It is found when it is mounted: whoever can write there may put links in the way at any moment, and they must not lead
out of the source (as runtime-spec's own mounts, which have one path, would let them).
"""


def _subpaths(spec: Spec) -> dict[str, str]:
    text = spec.get("annotations", {}).get(SUBPATHS)
    if text is None:
        return {}
    from izba import jsonio

    below: dict[str, str] = jsonio.loads(text)
    return below


def has_no_devices(spec: Spec) -> bool:
    """Whether the container is to use no device but its own, and no devices cgroup sees to it: then its mounts do."""
    linux = spec.get("linux", {})
    resources = linux.get("resources", {})
    rules = resources.get("devices") or []
    if not rules or rules[0]["allow"] or (rules[0].get("type") or "a") != "a":
        return False
    return not ("cgroupsPath" in linux and limits_devices(resources))


def shows_cgroup(operation: Operation) -> bool:
    """Whether the process has to be in its cgroup before."""
    return isinstance(operation, AttachMount) and operation.type in {"cgroup", "cgroup2"}


def root_path(spec: Spec, *, bundle: str) -> str:
    """Where the root is on the host."""
    return absolute(bundle, spec["root"]["path"])


def absolute(bundle: str, path: str) -> str:
    """Paths in a spec are relative to the bundle (config.md, Root and Mounts)."""
    return path if path.startswith("/") or not path else f"{bundle}/{path}"


def _binds_dev(operations: Sequence[Operation]) -> bool:
    """Whether /dev is another directory of the host's: nothing is made in it then."""
    return any(
        isinstance(each, AttachMount) and each.destination.rstrip("/") == "/dev" and each.is_bind for each in operations
    )


# -- what is planned


class Root:
    """The root while it is being made: its descriptor, and what this process can do to it."""

    def __init__(self) -> None:
        self.fd = -1
        self.own_cgroup_namespace = False
        self.gids: tuple[IdMap, ...] = ()
        self.nodes = -1
        self.sysfs = -1
        """Of the container's network, made by who had the right to."""
        self._empty_path = ""

    def attach(self, tree_fd: int, target_fd: int, path: str) -> None:
        """Move a detached mount onto a target; both descriptors are closed."""
        try:
            mount.move_mount(tree_fd, target_fd, path=path)
        finally:
            os.close(tree_fd)
            os.close(target_fd)

    def null(self) -> int:
        """A detached copy of the container's own /dev/null: the host's would let it change the host's mode and owner.

        It is looked at before it is believed.
        """
        node = rootpath.open_in_root(self.fd, "/dev/null", resolve=f.RESOLVE_NO_SYMLINKS)
        try:
            status = os.fstat(node)
            if status.st_rdev != os.makedev(1, 3) or not stat.S_ISCHR(status.st_mode):
                raise OSError(19, "the container's /dev/null is not the null device", "/dev/null")
            return mount.open_tree(node)
        finally:
            os.close(node)

    def empty_directory(self, path: str) -> int:
        """A read-only empty directory for `path`: a new one, then detached copies of that.

        They are copies of what is attached already: of a detached mount there can be none before Linux 6.15.
        """
        if not self._empty_path:
            self._empty_path = path
            attributes = f.MOUNT_ATTR_RDONLY | f.MOUNT_ATTR_NOSUID | f.MOUNT_ATTR_NODEV | f.MOUNT_ATTR_NOEXEC
            return mount.new_filesystem("tmpfs", "tmpfs", ("size=4k", "mode=755"), attributes)
        first = rootpath.open_in_root(self.fd, self._empty_path, resolve=f.RESOLVE_NO_SYMLINKS)
        try:
            return mount.open_tree(first)
        finally:
            os.close(first)


class MountRoot(Record):
    """Make `path` a mount point that holds the root: by the snapshot's mounts, or by itself."""

    path: str
    mounts: tuple[Mount, ...]
    nodev: bool = False

    def describe(self) -> str:
        what = ", ".join(each.type for each in self.mounts) or "itself"
        return f"root at {self.path} from {what}" + ", without devices" * self.nodev

    def execute(self, root: Root) -> None:
        if self.mounts:
            mount.attach_all(self.mounts, self.path)
        else:
            # A bind below the propagation rules of the caller's namespace could show up there; ours are slaves by now.
            target = rootpath.open_root(self.path)
            root.attach(mount.open_tree(self.path, recursive=True), target, self.path)
        root.fd = rootpath.open_root(self.path)
        if self.nodev:
            mount.set_attributes(root.fd, mountoptions.MountOptions(set=f.MOUNT_ATTR_NODEV))


# What izba itself relies on has to be the directory it looks like, as everything done inside would follow a link.
_PLAIN = frozenset(("dev", "proc", "sys"))

# What lxcfs and its like put over single files of /proc; elsewhere on it nothing may be mounted (CVE-2019-16884).
_ALLOWED_ON_PROC = frozenset(
    "/proc/cpuinfo /proc/diskstats /proc/loadavg /proc/meminfo /proc/slabinfo /proc/stat /proc/swaps /proc/uptime "
    "/proc/sys/kernel/ns_last_pid /proc/sys/crypto/fips_enabled /proc/net/dev".split()
)

# Filesystems that a user namespace, or one shared with the host, may not mount anew; the host's own stands in for it.
_STAND_INS = {"proc": "/proc", "sysfs": "/sys", "mqueue": "/dev/mqueue"}


class AttachMount(Record):
    """One of the spec's `mounts`."""

    type: str
    source: str
    destination: str
    options: tuple[str, ...] = ()
    subpath: str = ""

    @classmethod
    def of(cls, mount: SpecMount, *, bundle: str, nodev: bool = False, subpath: str = "") -> AttachMount:
        made = cls(
            type=mount.get("type", "") or "bind",
            source=mount.get("source", ""),
            destination=mount["destination"],
            options=tuple(mount.get("options", ())),
            subpath=subpath,
        )
        if made.is_bind:
            made = made.replace(source=absolute(bundle, made.source))
        if nodev and (made.is_bind or made.type == "tmpfs"):
            made = made.replace(options=(*made.options, "nodev"))
        return made

    @property
    def is_bind(self) -> bool:
        return self.type == "bind" or "bind" in self.options or "rbind" in self.options

    def describe(self) -> str:
        if self.subpath:
            return f"{self.subpath!r} of the volume {self.source} on {self.destination} ({','.join(self.options)})"
        return f"{self.type} {self.source} on {self.destination} ({','.join(self.options)})"

    def execute(self, root: Root) -> None:
        options = mountoptions.parse(self.options)
        if self.type in {"cgroup", "cgroup2"} and not self.is_bind:
            target = self._directory(root)
            cgroupmount.attach(root, target, self.destination, options)
        elif options.remount:
            fd = rootpath.open_in_root(root.fd, self.destination, resolve=self._resolve)
            mount.set_attributes(fd, options)
            os.close(fd)
        elif self.is_bind:
            tree = self._below(options) if self.subpath else self._source(options)
            target = self._target_like(root, tree)
            root.attach(tree, target, self.destination)
        else:
            target = self._place_of_tmpfs(root) if self.type == "tmpfs" else self._directory(root)
            root.attach(self._new_filesystem(root, target, options), target, self.destination)

    def _source(self, options: MountOptions) -> int:
        try:
            return mount.bind_source(self.source, options)
        except OSError as error:
            if error.errno != errno.EINVAL or options.recursive:
                raise
            os.close(mount.open_tree(self.source, recursive=True))
            # mount_namespaces(7), "Restrictions on mount namespaces": mounts that came from a namespace with more
            # rights are locked together, as what they hide may not be seen with fewer.
            reason = "only root can leave out what is mounted below it; without bind-nonrecursive it comes along"
            raise OSError(error.errno, reason, self.source) from error

    def _below(self, options: MountOptions) -> int:
        source = rootpath.open_root(self.source)
        try:
            found = rootpath.open_in_root(source, self.subpath)
        finally:
            os.close(source)
        try:
            return mount.bind_source(found, options)
        finally:
            os.close(found)

    @property
    def _resolve(self) -> int:
        plain = _is_plain(self.destination) or self.type in _STAND_INS or self.type == "devpts"
        return f.RESOLVE_NO_SYMLINKS if plain else 0

    def _directory(self, root: Root) -> int:
        target = rootpath.make_directories(root.fd, self.destination, resolve=self._resolve)
        if self.type not in _STAND_INS:
            self._refuse_proc(target)
        return target

    def _place_of_tmpfs(self, root: Root) -> int:
        """The target of a tmpfs, made as open to all as tmpfs is: the next start finds it and makes another like it."""
        try:
            os.close(rootpath.open_in_root(root.fd, self.destination, resolve=self._resolve))
        except FileNotFoundError:
            target = self._directory(root)
            # What is mounted there already may be the host's, who did not ask for such a directory.
            if os.fstat(target).st_dev == os.fstat(root.fd).st_dev:
                made = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=target)
                os.fchmod(made, 0o1777)
                os.close(made)
            return target
        return self._directory(root)

    def _target_like(self, root: Root, tree: int) -> int:
        """The target of a bind, made as the kind of thing its source is."""
        if stat.S_ISDIR(os.fstat(tree).st_mode):
            target = rootpath.make_directories(root.fd, self.destination, resolve=self._resolve)
        else:
            target = rootpath.make_file(root.fd, self.destination, resolve=self._resolve)
        if rootpath.filesystem_type(tree) != f.PROC_SUPER_MAGIC:
            self._refuse_proc(target)
        return target

    def _refuse_proc(self, target: int) -> None:
        on_proc = rootpath.filesystem_type(target) == f.PROC_SUPER_MAGIC
        if on_proc and os.path.normpath(self.destination) not in _ALLOWED_ON_PROC:
            raise OSError(1, "nothing may be mounted on /proc", self.destination)

    def _new_filesystem(self, root: Root, target: int, options: MountOptions) -> int:
        data = options.data
        if self.type == "devpts":
            data = tuple(option for option in data if _gid_exists(option, root))
        if self.type == "tmpfs":
            # As the directory it covers (runc does so, and images count on a 1777 /tmp), unless the options say
            # otherwise.
            data = (f"mode={os.fstat(target).st_mode & 0o7777:o}", *data)
        try:
            tree = mount.new_filesystem(self.type, self.source or self.type, data, options.set)
        except PermissionError:
            if self.type not in _STAND_INS:
                raise
            if self.type == "sysfs" and root.sysfs >= 0:
                mount.set_attributes(root.sysfs, options)
                return os.dup(root.sysfs)
            tree = mount.open_tree(_STAND_INS[self.type], recursive=True)
            mount.set_attributes(tree, mountoptions.parse(["rro"] if self.type == "sysfs" else []))
        if options.propagation:
            mount.set_attributes(tree, mountoptions.MountOptions(propagation=options.propagation))
        return tree


def new_sysfs() -> int:
    """A sysfs of this network namespace, detached; -1 where it may not be made. The one who has it attaches it.

    What it shows of the network is that of its maker, who needs CAP_SYS_ADMIN in the namespace that owns the network.
    """
    try:
        return mount.new_filesystem("sysfs", "sysfs")
    except OSError:
        return -1


def _gid_exists(option: str, root: Root) -> bool:
    """A user namespace with a single id has no group 5 (tty): the terminals are the user's own there."""
    name, _, value = option.partition("=")
    return name != "gid" or idmaps.maps(int(value), root.gids)


def _is_plain(path: str) -> bool:
    return os.path.normpath(path).lstrip("/").partition("/")[0] in _PLAIN


class ReadOnlyPath(Record):
    path: str

    def describe(self) -> str:
        return f"{self.path} read-only"

    def execute(self, root: Root) -> None:
        target = _existing(root, self.path)
        if target is None:
            return
        tree = mount.open_tree(target, recursive=True)
        mount.set_attributes(tree, mountoptions.MountOptions(set_below=f.MOUNT_ATTR_RDONLY))
        root.attach(tree, target, self.path)


class MaskedPath(Record):
    """Nothing to see: a file becomes /dev/null, a directory an empty one."""

    path: str

    def describe(self) -> str:
        return f"{self.path} masked"

    def execute(self, root: Root) -> None:
        target = _existing(root, self.path)
        if target is None:
            return
        is_directory = stat.S_ISDIR(os.fstat(target).st_mode)
        root.attach(root.empty_directory(self.path) if is_directory else root.null(), target, self.path)


class WorkingDirectory(Record):
    """Docker makes one that the image lacks, also where the root is read-only from then on."""

    path: str

    def describe(self) -> str:
        return f"working directory {self.path}"

    def execute(self, root: Root) -> None:
        try:
            os.close(rootpath.make_directories(root.fd, self.path))
        except OSError:  # a link to nowhere, or a file: entering it says what is wrong
            pass


class ReadOnlyRoot(Record):
    def describe(self) -> str:
        return "root read-only"

    def execute(self, root: Root) -> None:
        mount.set_attributes(root.fd, mountoptions.MountOptions(set=f.MOUNT_ATTR_RDONLY))


def _existing(root: Root, path: str) -> int | None:
    """What is at `path` in the root; None where this kernel or image has nothing there."""
    resolve = f.RESOLVE_NO_SYMLINKS if _is_plain(path) else 0
    try:
        return rootpath.open_in_root(root.fd, path, resolve=resolve)
    except (FileNotFoundError, NotADirectoryError):
        return None
