"""`--device` and `--device-cgroup-rule`: device nodes of the host for a container, and what it may do with them."""

from __future__ import annotations

import os
import stat

from izba.errors import InvalidArgument
from izba.runtime.specgen import defaults
from izba.runtime.specgen.request import DeviceNode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from izba.oci.runtimespec import LinuxDevice, LinuxDeviceCgroup
    from izba.runtime.specgen.request import SpecRequest

# Directories of /dev that a container has of its own, and nodes that are its own terminal's.
_NOT_SHARED = ("pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev")


class NotADevice(InvalidArgument):
    """The path given to `--device` holds no device node."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f'error gathering device information while adding custom device "{path}": {reason}')
        self.path = path


def find(text: str) -> tuple[DeviceNode, ...]:
    """The devices of `HOST[:CONTAINER][:rwm]`; of a directory, all that are below it."""
    source, target, permissions = _parts(text)
    resolved = os.path.realpath(source)
    try:
        mode = os.stat(resolved).st_mode
    except OSError as error:
        raise NotADevice(source, (error.strerror or str(error)).lower()) from None
    if not stat.S_ISDIR(mode):
        return (_node(resolved, target, permissions, given=source),)
    below = tuple(
        _node(path, target + path.removeprefix(resolved), permissions, given=path) for path in _walk(resolved)
    )
    if not below:
        raise NotADevice(source, "not a device node")
    return below


def host_devices() -> tuple[DeviceNode, ...]:
    """All devices of the host, for a privileged container."""
    return tuple(_node(path, path, "rwm", given=path) for path in _walk("/dev", skip=_NOT_SHARED))


def nodes(request: SpecRequest, host_devices: tuple[DeviceNode, ...]) -> list[LinuxDevice]:
    """The `linux.devices` of a spec."""
    own = {
        "/dev/console",
        "/dev/tty",
        "/dev/ptmx",
        "/dev/null",
        "/dev/zero",
        "/dev/full",
        "/dev/random",
        "/dev/urandom",
    }
    chosen = {node.path: node for node in host_devices if node.path not in own} if request.privileged else {}
    chosen |= {node.path: node for node in request.devices}
    return [
        {
            "path": node.path,
            "type": node.type,
            "major": node.major,
            "minor": node.minor,
            "fileMode": node.mode,
            "uid": node.uid,
            "gid": node.gid,
        }
        for node in chosen.values()
    ]


def rules(request: SpecRequest) -> list[LinuxDeviceCgroup]:
    """The devices cgroup's rules: all is denied, then what follows is allowed; a privileged container has no limit."""
    if request.privileged:
        return [{"allow": True, "access": "rwm"}]
    result: list[LinuxDeviceCgroup] = [{"allow": False, "access": "rwm"}]
    result += [
        {"allow": True, "type": "c", "major": major, "minor": minor, "access": "rwm"}
        for major, minor in defaults.DEVICES
    ]
    result += [
        {"allow": True, "type": node.type, "major": node.major, "minor": node.minor, "access": node.permissions}
        for node in request.devices
    ]
    return result + [rule(text) for text in request.device_cgroup_rules]


def rule(text: str) -> LinuxDeviceCgroup:
    """`c 13:* rwm`, in the kernel's own form. Raises `InvalidArgument`."""
    kind, _, rest = text.partition(" ")
    numbers, _, access = rest.partition(" ")
    major, colon, minor = numbers.partition(":")
    if (
        kind not in {"a", "b", "c"}
        or not colon
        or not all(number == "*" or (number.isdecimal() and len(number) < 8) for number in (major, minor))
        or not _are_permissions(access)
    ):
        raise InvalidArgument(
            f"invalid device cgroup rule format: '{text}'", hint="write TYPE MAJOR:MINOR ACCESS, such as 'c 13:* rwm'"
        )
    return {
        "allow": True,
        "type": kind,
        "major": -1 if major == "*" else int(major),
        "minor": -1 if minor == "*" else int(minor),
        "access": access,
    }


def beyond_default(request: SpecRequest) -> bool:
    """Whether a device is allowed that not every container has, so that a devices cgroup has to tell them apart."""
    return bool(request.devices or request.device_cgroup_rules) and not request.privileged


def _parts(text: str) -> tuple[str, str, str]:
    source, *rest = text.split(":")
    permissions = rest.pop() if rest and _are_permissions(rest[-1]) else "rwm"
    target = rest.pop() if rest else source
    if rest:
        raise InvalidArgument(f"invalid device specification: {text}", hint="write HOST[:CONTAINER][:rwm]")
    for path in (source, target):
        if not path.startswith("/") or "\0" in path or ".." in path.split("/"):
            raise InvalidArgument(f"invalid device specification: {text}: {path!r} is not an absolute path")
    return source, target, permissions


def _are_permissions(text: str) -> bool:
    return 0 < len(text) <= 3 and len(set(text)) == len(text) and set(text) <= set("rwm")


def _node(path: str, target: str, permissions: str, *, given: str) -> DeviceNode:
    status = os.stat(path)
    if stat.S_ISBLK(status.st_mode):
        kind = "b"
    elif stat.S_ISCHR(status.st_mode):
        kind = "c"
    else:
        raise NotADevice(given, "not a device node")
    return DeviceNode(
        source=path,
        path=target,
        type=kind,
        major=os.major(status.st_rdev),
        minor=os.minor(status.st_rdev),
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        permissions=permissions,
    )


def _walk(directory: str, *, skip: tuple[str, ...] = ()) -> Iterator[str]:
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name in skip or entry.is_symlink():
                continue
            if entry.is_dir():
                yield from _walk(entry.path)
            elif stat.S_ISBLK(mode := entry.stat().st_mode) or stat.S_ISCHR(mode):
                yield entry.path
