"""Tar headers as bytes: POSIX ustar and pax, GNU's numbers; one entry to blocks and back.

POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended Header"; GNU tar's manual, "Standard" for the rest.
Names stay bytes: a layer may hold any name but NUL and `/`.
"""

from __future__ import annotations

import os
import zlib
from _struct import Struct

from izba.errors import DataLoss, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BLOCK = 512
ZEROS = bytes(BLOCK)
END = bytes(2 * BLOCK)

FILE, LINK, SYMLINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"
CONTIGUOUS, OLD_FILE, GNU_SPARSE = b"7", b"\0", b"S"
PAX, PAX_GLOBAL, GNU_NAME, GNU_LINK = b"x", b"g", b"L", b"K"
BODILESS = frozenset({LINK, SYMLINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO})
XATTR = b"SCHILY.xattr."

NAME_LIMIT = 4095  # PATH_MAX without its NUL: what no tool can unpack by name is not a layer's entry
_FIELDS = Struct("100s 8s 8s 8s 12s 12s 8s 1s 100s 6s 2s 32s 32s 8s 8s 155s 12x")
_OLDEST, _NEWEST = -(1 << 31), 1 << 36  # seconds; file systems keep less, and the kernel knows how much
_NO_ID = (1 << 32) - 1  # (uid_t) -1 means "leave it" to chown


class BadTar(InvalidArgument):
    """A tar archive breaks the format or tries what no layer may."""


class Truncated(DataLoss):
    """The archive ends before it should."""

    def __init__(self) -> None:
        super().__init__("the archive ends in the middle of an entry")


class Entry:
    """One member. `size` is that of the file; `stored` that of its body in the archive, differing only if `sparse`."""

    __slots__ = (
        "device", "gid", "link", "mode", "mtime", "name", "size", "sparse", "stored", "type", "uid", "xattrs",
    )  # fmt: skip

    def __init__(self, name: bytes, type: bytes = FILE) -> None:
        self.name = name
        self.type = type
        self.mode = 0
        self.uid = 0
        self.gid = 0
        self.size = 0
        self.stored = 0
        self.mtime = 0  # nanoseconds since the epoch
        self.link = b""
        self.device = (0, 0)
        self.xattrs: Mapping[str, bytes] = {}
        self.sparse: tuple[tuple[int, int], ...] | None = None  # (offset, length) of what the body holds


def shown(name: bytes | str) -> str:
    """A name of an archive as an error may print it: no escape code reaches a terminal, no length floods it."""
    text = repr(os.fsdecode(name))
    return text if len(text) <= 200 else f"{text[:120]}…{text[-60:]}"


# --- reading -------------------------------------------------------------------------------------------------------


def parse(block: bytes) -> Entry:
    """The entry whose header block this is. Raises `BadTar`."""
    fields = _FIELDS.unpack(block)
    name, mode, uid, gid, size, mtime, checksum, kind, link, magic, _, _, _, major, minor, prefix = fields
    if not _is_sum_of(checksum, block):
        raise BadTar("a header's checksum is wrong: this is not a tar archive, or a damaged one")
    name = name.partition(b"\0")[0]
    if magic == b"ustar\0" and prefix[0]:  # GNU's own magic has other fields in this place
        name = prefix.partition(b"\0")[0] + b"/" + name
    entry = Entry(name, FILE if kind in (OLD_FILE, CONTIGUOUS) else kind)
    if entry.type == FILE and name.endswith(b"/"):
        entry.type = DIRECTORY  # before POSIX a directory was known by its slash
    entry.mode = parse_number(mode, "mode") & 0o7777
    entry.uid = owner_id(parse_number(uid, "uid"), name)
    entry.gid = owner_id(parse_number(gid, "gid"), name)
    entry.size = entry.stored = parse_number(size, "size")
    if entry.size < 0:
        raise BadTar(f"{shown(name)}: its size is negative")
    entry.mtime = bounded_time(parse_number(mtime, "mtime")) * 10**9
    entry.link = link.partition(b"\0")[0]
    if entry.type in (CHARACTER, BLOCK_DEVICE):
        entry.device = (parse_number(major, "major"), parse_number(minor, "minor"))
    return entry


def parse_pax(data: bytes) -> list[tuple[bytes, bytes]]:
    """The records of a pax extended header, in order. Raises `BadTar`."""
    records = []
    position = 0
    while position < len(data):
        space = data.find(b" ", position, position + 20)
        digits = data[position:space]
        if space < 0 or not digits.isdigit():
            raise BadTar("a pax header's record has no length")
        end = position + int(digits)
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if not space + 1 < end <= len(data) or data[end - 1] != 0x0A or not equals or not key:
            raise BadTar("a pax header's record is not LENGTH KEY=VALUE")
        records.append((key, value))
        position = end
    return records


def override(entry: Entry, records: Iterable[tuple[bytes, bytes]]) -> None:
    """Let pax records replace what the header said. Raises `BadTar`."""
    xattrs: dict[str, bytes] = {}
    for key, value in records:
        if key == b"path":
            entry.name = _text(key, value)
            if entry.type == FILE and value.endswith(b"/"):
                entry.type = DIRECTORY
        elif key == b"linkpath":
            entry.link = _text(key, value)
        elif key == b"size":
            entry.size = entry.stored = decimal(value, "size")
        elif key == b"uid":
            entry.uid = owner_id(decimal(value, "uid"), entry.name)
        elif key == b"gid":
            entry.gid = owner_id(decimal(value, "gid"), entry.name)
        elif key == b"mtime":
            entry.mtime = _time(value)
        elif key.startswith(XATTR):
            xattrs[os.fsdecode(_text(XATTR, key[len(XATTR) :]))] = value
    entry.xattrs = xattrs


def decimal(value: bytes, what: str) -> int:
    """A pax number: digits only. Raises `BadTar`."""
    if not value.isdigit() or len(value) > 19:
        raise BadTar(f"a pax header's {what} is no number: {shown(value)}")
    return int(value)


def owner_id(value: int, name: bytes) -> int:
    """A uid or gid that the kernel can hold. Raises `BadTar`."""
    if not 0 <= value < _NO_ID:
        raise BadTar(f"{shown(name)}: its owner {value} is not an id")
    return value


def bounded_time(seconds: int) -> int:
    """Times that no file system can hold become the nearest that it can."""
    return min(max(seconds, _OLDEST), _NEWEST)


def parse_number(field: bytes, what: str) -> int:
    """A number of a header: octal digits, or base-256. Raises `BadTar`."""
    if field[0] & 0x80:  # GNU's base-256: two's complement, big-endian, the first bit is the mark
        value = int.from_bytes(field, "big")
        bits = len(field) * 8
        return value - (1 << bits) if field[0] & 0x40 else value - (1 << (bits - 1))
    text = field.strip(b" \0")
    if not text:
        return 0
    if not text.isdigit():
        raise BadTar(f"a header's {what} is no number: {shown(text)}")
    try:
        return int(text, 8)
    except ValueError:
        raise BadTar(f"a header's {what} is no octal number: {shown(text)}") from None


def _is_sum_of(checksum: bytes, block: bytes) -> bool:
    """Whether the bytes add up, the checksum itself counting as spaces; some old tars added signed bytes."""
    text = checksum.strip(b" \0")
    if not text.isdigit() or b"8" in text or b"9" in text:
        return False
    total = _sum(block[:256]) + _sum(block[256:]) - sum(checksum) + 256
    return total == int(text, 8) or total - 256 * _high_bytes(block, checksum) == int(text, 8)


def _high_bytes(block: bytes, checksum: bytes) -> int:
    return sum(byte > 127 for byte in block) - sum(byte > 127 for byte in checksum)


def _text(key: bytes, value: bytes) -> bytes:
    if b"\0" in value:
        raise BadTar(f"a pax header's {key.decode('ascii', 'replace')} has a NUL in it")
    return value


def _time(value: bytes) -> int:
    whole, _, fraction = value.removeprefix(b"-").partition(b".")
    if not (whole + fraction).isdigit() or len(value) > 64:
        raise BadTar(f"a pax header's mtime is no time: {shown(value)}")
    nanoseconds = int(whole or b"0") * 10**9 + int(fraction[:9].ljust(9, b"0"))
    if value.startswith(b"-"):
        nanoseconds = -nanoseconds
    return min(max(nanoseconds, _OLDEST * 10**9), _NEWEST * 10**9)


# --- writing -------------------------------------------------------------------------------------------------------


def pack(entry: Entry) -> bytes:
    """The header blocks of `entry`: one ustar block, after a pax header where ustar's fields are too small.

    The same entry gives the same bytes. Times are whole seconds, as Docker writes them.
    """
    return _pack_file(entry) or _pack(entry)


class _Owned:
    """The parts of a file's header that its mode and owner decide, and the sum of their bytes.

    The checksum counts as eight spaces in it.
    """

    __slots__ = ("after_sum", "before_size", "sum")

    def __init__(self, header: bytes) -> None:
        self.before_size = header[100:124]
        self.after_sum = header[156:]
        self.sum = sum(self.before_size) + sum(self.after_sum) + 8 * 0x20


_OWNED: dict[tuple[int, int, int], _Owned] = {}
_MANY_OWNED = 1000
_ELEVEN_DIGITS = 8**11


def _pack_file(entry: Entry) -> bytes:
    """The header of an ordinary file, which most entries are, in a third of the time of `_pack`; of others `b""`."""
    seconds = entry.mtime // 10**9
    if not (
        entry.type == FILE
        and not entry.xattrs
        and not entry.link
        and len(entry.name) <= 100
        and 0 <= entry.size < _ELEVEN_DIGITS
        and 0 <= seconds < _ELEVEN_DIGITS
        and entry.uid < 8**7 > entry.gid
        and entry.device == (0, 0)
    ):
        return b""
    key = (entry.mode, entry.uid, entry.gid)
    owned = _OWNED.get(key)
    if owned is None:
        if len(_OWNED) >= _MANY_OWNED:
            _OWNED.clear()
        model = Entry(b"")
        model.mode, model.uid, model.gid = key
        owned = _OWNED[key] = _Owned(_pack(model))
    numbers = b"%011o\0%011o\0" % (entry.size, seconds)
    total = owned.sum + _sum(entry.name) + _sum(numbers)
    return b"%b%b%b%06o\0 %b" % (entry.name.ljust(100, b"\0"), owned.before_size, numbers, total, owned.after_sum)


def _pack(entry: Entry) -> bytes:
    records: dict[bytes, bytes] = {XATTR + os.fsencode(key): value for key, value in entry.xattrs.items()}
    name, prefix = _split(entry.name)
    if len(name) > 100:
        records[b"path"] = entry.name
    if len(entry.link) > 100:
        records[b"linkpath"] = entry.link
    size = _octal(entry.size, 11, b"size", records)
    uid = _octal(entry.uid, 7, b"uid", records)
    gid = _octal(entry.gid, 7, b"gid", records)
    mtime = _octal(entry.mtime // 10**9, 11, b"mtime", records)
    major, minor = entry.device
    header = _header(
        (name[:100], b"%07o" % entry.mode, uid, gid, size, mtime, entry.type, entry.link[:100]),
        (b"%07o" % major, b"%07o" % minor, prefix),
    )
    return _pax_blocks(entry.name, records) + header if records else header


def padding(size: int) -> int:
    """How many NULs follow a body of `size` bytes."""
    return -size % BLOCK


def _header(first: tuple[bytes, ...], second: tuple[bytes, ...]) -> bytes:
    name, mode, uid, gid, size, mtime, kind, link = first
    fields = (kind, link, b"ustar\0", b"00", b"", b"", *second)
    block = _FIELDS.pack(name, mode, uid, gid, size, mtime, b"        ", *fields)
    return b"%b%06o\0 %b" % (block[:148], _sum(block[:256]) + _sum(block[256:]), block[156:])


def _sum(half: bytes) -> int:
    """The sum of up to 256 bytes, which is less than Adler-32's modulus: ten times as fast as `sum`."""
    return (zlib.adler32(half) & 0xFFFF) - 1


def _split(name: bytes) -> tuple[bytes, bytes]:
    """`name` as ustar's name and prefix; a name left longer than 100 needs a pax path."""
    if len(name) <= 100:
        return name, b""
    cut = name.find(b"/", len(name) - 101, len(name) - 1)
    return (name[cut + 1 :], name[:cut]) if 0 < cut <= 155 else (name, b"")


def _octal(value: int, digits: int, key: bytes, records: dict[bytes, bytes]) -> bytes:
    if 0 <= value < 8**digits:
        return b"%0*o" % (digits, value)
    records[key] = b"%d" % value
    return b"0" * digits


def _pax_blocks(name: bytes, records: Mapping[bytes, bytes]) -> bytes:
    body = b"".join(_record(key, records[key]) for key in sorted(records))
    label = (b"PaxHeaders.0/" + name.rstrip(b"/").rpartition(b"/")[2])[:100]
    zero = b"%07o" % 0
    header = _header(
        (label, b"%07o" % 0o644, zero, zero, b"%011o" % len(body), b"%011o" % 0, PAX, b""), (zero, zero, b"")
    )
    return header + body + bytes(padding(len(body)))


def _record(key: bytes, value: bytes) -> bytes:
    rest = b" %b=%b\n" % (key, value)
    length = len(rest)
    while length != (total := len(rest) + len(b"%d" % length)):
        length = total
    return b"%d%b" % (length, rest)
