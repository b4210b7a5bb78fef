"""The `mounts` of a spec: Docker's own, those the engine lends, and the user's."""

from __future__ import annotations

import os

from izba.errors import InvalidArgument
from izba.runtime.specgen import defaults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from izba.oci.runtimespec import Mount
    from izba.runtime.specgen.request import HostFacts, MountRequest, SpecRequest

PROPAGATIONS = ("private", "rprivate", "shared", "rshared", "slave", "rslave")

# lxcfs and its like put truer files over these; nothing else below /proc may be mounted over (runc's list).
_PROC_FILES = frozenset(
    "/proc/cpuinfo /proc/diskstats /proc/meminfo /proc/stat /proc/swaps /proc/uptime /proc/loadavg /proc/slabinfo "
    "/proc/sys/kernel/ns_last_pid /proc/sys/crypto/fips_enabled".split()
)

_TMPFS_DEFAULTS = ("noexec", "nosuid", "nodev")
_OPPOSITES = {"exec": "noexec", "suid": "nosuid", "dev": "nodev", "rw": "ro"}
_OPPOSITES |= {value: key for key, value in _OPPOSITES.items()}

_POWERS = {letter: power for power, letter in enumerate("kmgtpe", 1)}
_NO_ID = (1 << 32) - 1
_HINTS = {
    "size": "a number of bytes, with k, m or g behind it, or of hundredths of the memory with %, as in size=64m",
    "mode": "octal digits, as in mode=1777",
    "uid": "a number",
    "gid": "a number",
}

_RECURSIVE_READ_ONLY = (5, 12)  # mount_setattr(2)

_STAYS_WRITABLE = ("/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
"""With `--read-only`, the kernel's own file systems that a program cannot do without."""


class BadMount(InvalidArgument):
    """A mount at a place, or of a kind, that a container cannot have."""

    def __init__(self, target: str, reason: str) -> None:
        super().__init__(f"invalid mount at {target!r}: {reason}")
        self.target = target


def mounts(request: SpecRequest, host: HostFacts, *, has_cgroup: bool) -> list[Mount]:
    """All mounts in the order they are made: the defaults, then the others, outer before inner ones."""
    mine = {checked(mount).target: mount for mount in request.mounts}
    engine = {mount.target: mount for mount in (*request.network_files, *request.engine_mounts)}
    if "/dev" in mine:  # the user's own /dev is no place for mount points of izba's
        engine = {target: mount for target, mount in engine.items() if not target.startswith("/dev/")}
    asked = sorted((engine | mine).values(), key=lambda mount: mount.target.count("/"))
    result = [
        _default(target, kind, source, options, request, host)
        for target, kind, source, options in defaults.MOUNTS
        if _is_wanted(target, request, host, replaced=mine, has_cgroup=has_cgroup)
    ]
    result += [_mount(mount, request, host) for mount in asked]
    if request.read_only:
        for mount in result:
            if mount["destination"] not in mine and mount["destination"] not in _STAYS_WRITABLE:
                _add(mount["options"], "ro")
    if request.privileged:
        for mount in result:
            if mount["destination"] in {"/sys", "/sys/fs/cgroup"} and mount["destination"] not in mine:
                mount["options"] = [option for option in mount["options"] if option != "ro"]
    return result


def masked_paths(request: SpecRequest, host: HostFacts) -> tuple[list[str], list[str]]:
    """The paths that are hidden, and those that are read-only."""
    if request.privileged or request.systempaths_unconfined:
        return [], []
    throttles = [f"/sys/devices/system/cpu/cpu{cpu}/thermal_throttle" for cpu in host.throttled_cpus]
    return [*defaults.MASKED_PATHS, *throttles], list(defaults.READONLY_PATHS)


def checked(mount: MountRequest) -> MountRequest:
    """The request itself, if it is one that can be made; raises `BadMount`."""
    target = mount.target
    if "\0" in target or "\0" in mount.source:
        raise BadMount(target, "the path holds a NUL byte")
    if not target.startswith("/"):
        raise BadMount(target, "the target needs to be an absolute path")
    if os.path.normpath(target).replace("//", "/") != target:
        raise BadMount(target, "the target has '..', '.', or slashes too many")
    if target == "/":
        raise BadMount(target, "the target can't be '/'")
    if (target.startswith("/proc/") and target not in _PROC_FILES) or (target == "/proc" and mount.source != "/proc"):
        raise BadMount(target, "nothing can be mounted over or below /proc")
    if mount.type == "bind" and not mount.source.startswith("/"):
        raise BadMount(target, f"the source needs to be an absolute path, not {mount.source!r}")
    if mount.type == "bind" and mount.propagation not in PROPAGATIONS:
        raise BadMount(target, f"unknown propagation {mount.propagation!r}, it is one of {', '.join(PROPAGATIONS)}")
    return mount


def unshared(mounts: Iterable[MountRequest], host: HostFacts) -> list[str]:
    """Warnings for binds whose mounts are to reach the host and cannot: a mount namespace with fewer rights is a slave
    of the host's (mount_namespaces(7)).
    """
    if not host.rootless:
        return []
    return [
        f"{mount.target} is {mount.propagation}: mounts of the host reach the container, and its own stay in it, as "
        "izba does not run as root"
        for mount in mounts
        if mount.type == "bind" and mount.propagation in {"shared", "rshared"}
    ]


def unowned(request: SpecRequest, host: HostFacts) -> list[str]:
    """Warnings for memory that is to belong to somebody whom a user with a single id cannot be."""
    return [
        f"{mount.target} belongs to the user, as all files with a single id do: {option} is left out"
        for mount in request.mounts
        for option in mount.options
        if mount.type == "tmpfs" and _is_nobodys(option, request, host)
    ]


def _is_nobodys(option: str, request: SpecRequest, host: HostFacts) -> bool:
    name, _, value = option.partition("=")
    if not host.single_id or name not in {"uid", "gid"} or not value.isdecimal():
        return False
    ids = request.uid_map if name == "uid" else request.gid_map
    return int(value) != (ids[0][0] if ids else 0)


def tmpfs_options(options: Iterable[str]) -> list[str]:
    """Docker's noexec, nosuid, nodev, and what the user says instead or besides."""
    result = list(_TMPFS_DEFAULTS)
    for option in options:
        if not _is_tmpfs_option(option):
            raise InvalidArgument(f"invalid tmpfs option {option!r}", hint=_HINTS.get(option.partition("=")[0]))
        if (opposite := _OPPOSITES.get(option)) in result:
            result.remove(opposite)
        _add(result, option)
    return result


def _is_tmpfs_option(option: str) -> bool:
    key, equals, value = option.partition("=")
    if not value.isascii():
        return False
    if key in {"size", "nr_inodes", "nr_blocks"}:
        return _is_amount(value) or (key == "size" and value[-1:] == "%" and value[:-1].isdecimal() and len(value) < 9)
    if key == "mode":
        return bool(value) and set("01234567").issuperset(value) and int(value, 8) <= 0o7777
    if key in {"uid", "gid"}:
        return value.isdecimal() and int(value) < _NO_ID
    if key == "mpol":
        return bool(value) and "\0" not in value
    return not equals and key in (
        "ro rw exec noexec suid nosuid dev nodev sync async dirsync remount mand nomand atime noatime diratime "
        "nodiratime relatime norelatime strictatime nostrictatime bind rbind unbindable runbindable "
        "private rprivate shared rshared slave rslave".split()
    )


def _is_amount(value: str) -> bool:
    """Whether the kernel would read this number as it is written: it takes one that is too large modulo 2⁶⁴."""
    digits, power = (value[:-1], _POWERS[value[-1].lower()]) if value[-1:].lower() in _POWERS else (value, 0)
    return digits.isdecimal() and len(digits) < 20 and int(digits) << 10 * power < 1 << 63


def _is_wanted(
    target: str, request: SpecRequest, host: HostFacts, *, replaced: Iterable[str], has_cgroup: bool
) -> bool:
    if target in replaced or ("/dev" in replaced and target.startswith("/dev/")):
        return False
    if target == "/sys/fs/cgroup":
        return has_cgroup
    if target == "/dev/mqueue" and host.rootless and request.ipc == "host":
        return host.message_queues
    return not (target == "/dev/shm" and request.ipc == "none")


def _default(
    target: str, kind: str, source: str, options: tuple[str, ...], request: SpecRequest, host: HostFacts
) -> Mount:
    """One of Docker's mounts, or the host's own where a namespace is shared and the kernel refuses a new one."""
    if target == "/dev/shm":
        if request.ipc == "host":
            return _bind("/dev/shm", "/dev/shm", "nosuid", "noexec", "nodev")
        size = defaults.SHM_SIZE if request.shm_size is None else request.shm_size
        options = (*options, f"size={size}")
    elif target == "/dev/pts" and host.single_id:
        options = tuple(option for option in options if option != "gid=5")  # no such group is mapped
    elif host.rootless and target == "/sys" and request.network == "host":
        return _bind("/sys", "/sys", "nosuid", "noexec", "nodev", "ro")
    elif host.rootless and target == "/proc" and request.pid == "host":
        return _bind("/proc", "/proc", "nosuid", "noexec", "nodev")
    elif host.rootless and target == "/dev/mqueue" and request.ipc == "host":
        return _bind("/dev/mqueue", "/dev/mqueue", "nosuid", "noexec", "nodev")
    return {"destination": target, "type": kind, "source": source, "options": list(options)}


def _bind(target: str, source: str, *options: str) -> Mount:
    return {"destination": target, "type": "bind", "source": source, "options": ["rbind", *options, "rprivate"]}


def _mount(mount: MountRequest, request: SpecRequest, host: HostFacts) -> Mount:
    if mount.type == "tmpfs":
        options = [option for option in tmpfs_options(mount.options) if not _is_nobodys(option, request, host)]
        if mount.read_only:
            _add(options, "ro")
        return {"destination": mount.target, "type": "tmpfs", "source": "tmpfs", "options": options}
    if mount.type != "bind":
        raise BadMount(mount.target, f"unknown mount type {mount.type!r}")
    options = ["rbind" if mount.recursive else "bind", *mount.options]
    if not (request.privileged or request.device_cgroup_rules):
        # A device node made in a shared directory must not work there; there may be no devices cgroup to stop it.
        options.append("nodev")
    if mount.read_only:
        options.append("rro" if mount.recursive and host.kernel >= _RECURSIVE_READ_ONLY else "ro")
    options.append(mount.propagation)
    return {"destination": mount.target, "type": "bind", "source": mount.source, "options": options}


def _add(options: list[str], option: str) -> None:
    if option not in options:
        options.append(option)
