"""Binary packages, deb(5): an ar archive with a control and a data tar, read without any program of the host."""

from __future__ import annotations

import os

from izba._record import Record
from izba.bootstrap.errors import Corrupt
from izba.errors import IzbaError
from izba.layer.compress import decompressor
from izba.layer.tarheader import FILE, BadTar, Truncated
from izba.layer.tarstream import Limits, TarReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_MAGIC = b"!<arch>\n"
_HEADER = 60
_CHUNK = 1 << 20
_CONTROL_LIMIT = 1 << 24
_DATA_LIMIT = 1 << 30  # a data tar is held in memory while it is unpacked


class Member(Record):
    """A file of the ar archive."""

    name: str
    offset: int
    size: int


class ControlFile(Record):
    """A file of the control tar: `control`, `md5sums`, `postinst`…"""

    name: str
    data: bytes
    mode: int


class Deb(Record):
    """A package file whose hash was verified."""

    path: str
    control: tuple[ControlFile, ...]
    data: Member

    def control_file(self, name: str) -> bytes | None:
        """The bytes of one control file."""
        return next((file.data for file in self.control if file.name == name), None)

    def data_chunks(self) -> Iterator[bytes]:
        """The data tar, uncompressed. Raises `Corrupt`."""
        return _uncompressed(self.path, self.data, limit=_DATA_LIMIT)


def read(path: str) -> Deb:
    """The package at `path`. Raises `Corrupt`."""
    members = _members(path)
    control = _member(members, "control.tar", path)
    try:
        files = tuple(_read_control(path, control))
    except (BadTar, Truncated) as error:
        raise Corrupt(path, f"{control.name}: {error}") from error
    return Deb(path=path, control=files, data=_member(members, "data.tar", path))


def _members(path: str) -> list[Member]:
    members = []
    with open(path, "rb") as file:
        end = os.fstat(file.fileno()).st_size
        if file.read(len(_MAGIC)) != _MAGIC:
            raise Corrupt(path, "is not a Debian package: it is no ar archive")
        while (offset := file.tell()) < end:
            member = _header(file.read(_HEADER), offset + _HEADER, path)
            if member.offset + member.size > end:
                raise Corrupt(path, f"ends in the middle of {member.name!r}")
            members.append(member)
            file.seek(member.offset + member.size + member.size % 2)
    first = members[0] if members else None
    if first is None or first.name != "debian-binary":
        raise Corrupt(path, "is not a Debian package: it does not begin with debian-binary")
    if not _text(path, first, 64).startswith(b"2."):
        raise Corrupt(path, "is of a package format that izba does not know")
    return members


def _header(header: bytes, offset: int, path: str) -> Member:
    # deb(5): name 16, date 12, uid 6, gid 6, mode 8, size 10, and two bytes of magic.
    size = header[48:58].rstrip(b" ")
    if len(header) != _HEADER or header[58:] != b"`\n" or not size.isdigit():
        raise Corrupt(path, f"has no ar header at offset {offset - _HEADER}")
    return Member(name=header[:16].rstrip(b" ").rstrip(b"/").decode("ascii", "replace"), offset=offset, size=int(size))


def _member(members: list[Member], stem: str, path: str) -> Member:
    found = [member for member in members if member.name.partition(".tar")[0] + ".tar" == stem]
    if len(found) != 1:
        raise Corrupt(path, f"has {len(found)} members {stem} instead of one")
    return found[0]


def _text(path: str, member: Member, limit: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(member.offset)
        return file.read(min(member.size, limit))


def _read_control(path: str, member: Member) -> Iterator[ControlFile]:
    chunks = _uncompressed(path, member, limit=_CONTROL_LIMIT)
    reader = TarReader(lambda: next(chunks, b""), Limits(entries=10_000, size=_CONTROL_LIMIT))
    seen = set()
    for entry in reader:
        name = entry.name.removeprefix(b"./").decode("ascii", "replace")
        if entry.type != FILE:
            continue
        if not name or "/" in name or name in seen:
            raise Corrupt(path, f"its control archive has {name!r}, which is no control file")
        seen.add(name)
        yield ControlFile(name=name, data=b"".join(reader.body()), mode=entry.mode)


def _uncompressed(path: str, member: Member, *, limit: int) -> Iterator[bytes]:
    total = 0
    with open(path, "rb") as file:
        stream = decompressor(_Section(file, member))
        while True:
            try:
                data = stream.read(_CHUNK)
            except (IzbaError, OSError) as error:
                raise Corrupt(path, f"{member.name} cannot be read: {error}") from error
            if not data:
                return
            total += len(data)
            if total > limit:
                raise Corrupt(path, f"{member.name} has more than {limit} bytes")
            yield data


class _Section:
    """The bytes of one member, as a stream."""

    def __init__(self, file: BinaryIO, member: Member) -> None:
        self._file = file
        self._left = member.size
        file.seek(member.offset)

    def read(self, count: int, /) -> bytes:
        data = self._file.read(min(count, self._left))
        if not data and self._left:
            raise OSError("it ends too early")
        self._left -= len(data)
        return data
