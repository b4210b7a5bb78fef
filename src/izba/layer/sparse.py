"""Sparse files in tar archives: where the holes are (GNU tar's manual, "Storing Sparse Files").

Old GNU headers keep the map in the header and its extension blocks; pax 0.0 and 0.1 in pax records; pax 1.0 before the
file's data. A map comes from outside: its length is bounded and its pieces must lie in order inside the file.
"""

from __future__ import annotations

from izba.layer.tarheader import BLOCK, GNU_SPARSE, BadTar, Entry, decimal, parse_number, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Records = Sequence[tuple[bytes, bytes]]
    Take = Callable[[int], bytes]

MAP_LIMIT = 1 << 16  # pieces of one file
_MAP_BYTES = 1 << 20
_OLD_MAP, _OLD_EXTENDED, _OLD_SIZE = 386, 482, 483


def locate(entry: Entry, block: bytes, records: Records, take: Take) -> int:
    """Set `entry.sparse` and the real `entry.size` if the entry is sparse; how many bytes of its body the map took."""
    if entry.type == GNU_SPARSE:
        entry.size = parse_number(block[_OLD_SIZE : _OLD_SIZE + 12], "sparse size")
        _set(entry, _old_pieces(block, take), entry.stored)
        entry.type = b"0"
        return 0
    keys = {key: value for key, value in records if key.startswith(b"GNU.sparse.")}
    if not keys:
        return 0
    entry.name = keys.get(b"GNU.sparse.name", entry.name)
    if b"\0" in entry.name:
        raise BadTar("a sparse file's name has a NUL in it")
    entry.size = decimal(keys.get(b"GNU.sparse.realsize", keys.get(b"GNU.sparse.size", b"")), "sparse size")
    if b"GNU.sparse.major" in keys:
        if (keys[b"GNU.sparse.major"], keys.get(b"GNU.sparse.minor")) != (b"1", b"0"):
            raise BadTar(f"{shown(entry.name)}: an unknown form of sparse file")
        pieces, used = _read_map(entry, take)
        _set(entry, pieces, entry.stored - used)
        return used
    if b"GNU.sparse.map" in keys:
        numbers = [decimal(text, "sparse map") for text in keys[b"GNU.sparse.map"].split(b",") if text]
    else:
        numbers = [decimal(v, "sparse map") for k, v in records if k in {b"GNU.sparse.offset", b"GNU.sparse.numbytes"}]
    _set(entry, _pairs(entry, numbers), entry.stored)
    return 0


def _old_pieces(block: bytes, take: Take) -> list[tuple[int, int]]:
    pieces = _old_block(block[_OLD_MAP:_OLD_EXTENDED])
    more = block[_OLD_EXTENDED]
    while more:
        block = take(BLOCK)
        pieces += _old_block(block[:504])
        more = block[504]
        if len(pieces) > MAP_LIMIT:
            raise BadTar("a sparse file has too many pieces")
    return pieces


def _old_block(fields: bytes) -> list[tuple[int, int]]:
    pieces = []
    for at in range(0, len(fields), 24):
        if not fields[at + 12]:
            break
        offset, length = fields[at : at + 12], fields[at + 12 : at + 24]
        pieces.append((parse_number(offset, "sparse map"), parse_number(length, "sparse map")))
    return pieces


def _read_map(entry: Entry, take: Take) -> tuple[list[tuple[int, int]], int]:
    """pax 1.0: decimal numbers, one a line: their count, then offset and length in turn; padded to a block."""
    text = b""
    wanted = 1
    while (lines := text.count(b"\n")) < wanted:
        if len(text) + BLOCK > min(entry.stored, _MAP_BYTES):
            raise BadTar(f"{shown(entry.name)}: its sparse map does not end")
        text += take(BLOCK)
        if lines == 0 and b"\n" in text:
            wanted = 1 + 2 * decimal(text.partition(b"\n")[0], "sparse map")
    numbers = [decimal(line, "sparse map") for line in text.split(b"\n", wanted)[1:wanted]]
    return _pairs(entry, numbers), len(text)


def _pairs(entry: Entry, numbers: list[int]) -> list[tuple[int, int]]:
    if len(numbers) % 2 or len(numbers) > 2 * MAP_LIMIT:
        raise BadTar(f"{shown(entry.name)}: its sparse map is not made of pairs, or has too many")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _set(entry: Entry, pieces: list[tuple[int, int]], body: int) -> None:
    end = 0
    for offset, length in pieces:
        if offset < end or length < 0:
            raise BadTar(f"{shown(entry.name)}: the pieces of its sparse map overlap")
        end = offset + length
    if end > entry.size or sum(length for _, length in pieces) != body:
        raise BadTar(f"{shown(entry.name)}: its sparse map does not fit its size")
    entry.sparse = tuple(pieces)
