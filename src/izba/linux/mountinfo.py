"""/proc/<pid>/mountinfo, parsed (proc_pid_mountinfo(5))."""

from __future__ import annotations

import os

from izba._record import Record


class MountInfo(Record):
    """One line. `optional` holds the propagation tags, such as `shared:1`."""

    id: int
    parent: int
    device: str
    root: str
    mount_point: str
    options: tuple[str, ...]
    optional: tuple[str, ...]
    type: str
    source: str
    super_options: tuple[str, ...]


def read(pid: int | str = "self") -> list[MountInfo]:
    """The mounts of the process `pid`, in the order they were made."""
    with open(f"/proc/{pid}/mountinfo", "rb") as file:
        return [parse(line) for line in file]


def parse(line: bytes) -> MountInfo:
    """One line of mountinfo."""
    before, _, after = line.rstrip(b"\n").partition(b" - ")
    number, parent, device, root, mount_point, options, *optional = before.split(b" ")
    fs_type, source, super_options = after.split(b" ")
    return MountInfo(
        id=int(number),
        parent=int(parent),
        device=device.decode(),
        root=_unescape(root),
        mount_point=_unescape(mount_point),
        options=tuple(options.decode().split(",")),
        optional=tuple(tag.decode() for tag in optional),
        type=fs_type.decode(),
        source=_unescape(source),
        super_options=tuple(os.fsdecode(super_options).split(",")),
    )


def _unescape(field: bytes) -> str:
    """Space, tab, newline and backslash come as three octal digits after a backslash."""
    if b"\\" not in field:
        return os.fsdecode(field)
    head, *rest = field.split(b"\\")
    return os.fsdecode(head + b"".join(bytes((int(part[:3], 8),)) + part[3:] for part in rest))
