"""What nf_tables holds at the moment: tables and chains, a chain's policy and rules, a map's elements."""

from __future__ import annotations

import errno
from _socket import AF_INET
from _struct import unpack_from

from izba.linux.netlink import NetlinkError
from izba.linux.nft import text_attribute as _text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from izba.linux.nft import NftSocket

# linux/netfilter/nf_tables.h
_GETTABLE, _GETCHAIN, _GETRULE, _GETSETELEM = 1, 4, 7, 13
_DUMP = 0x300
_LIST_ELEM, _SET_ELEM_LIST_ELEMENTS = 1, 3
_ELEM_KEY, _ELEM_DATA, _ELEM_FLAGS, _DATA_VALUE = 1, 2, 3, 1
_RULE_CHAIN = 2
_CHAIN_POLICY = 5


def has_table(nft: NftSocket, table: str, *, family: int = AF_INET) -> bool:
    """Whether the table is there."""
    return bool(_ask(nft, _GETTABLE, 0, family, _text(1, table)))


def policy(nft: NftSocket, table: str, chain: str, *, family: int = AF_INET) -> int | None:
    """The policy of a base chain, ACCEPT or DROP; None where there is no such chain, or it is not a base chain."""
    for answer in _ask(nft, _GETCHAIN, 0, family, _text(1, table) + _text(3, chain)):
        for kind, value in _attributes(answer):
            if kind == _CHAIN_POLICY:
                return int(unpack_from(">I", value)[0])
    return None


def has_chain(nft: NftSocket, table: str, chain: str, *, family: int = AF_INET) -> bool:
    """Whether the chain is there, a base chain or not."""
    return bool(_ask(nft, _GETCHAIN, 0, family, _text(1, table) + _text(3, chain)))


def rules(nft: NftSocket, table: str, chain: str, *, family: int = AF_INET) -> list[bytes]:
    """The rules of a chain as the kernel tells them, to look for a name in."""
    return _ask(nft, _GETRULE, _DUMP, family, _text(1, table) + _text(2, chain))


def rule_counts(nft: NftSocket, table: str, *, family: int = AF_INET) -> dict[str, int]:
    """How many rules each chain of a table has; chains without any are left out."""
    counts: dict[str, int] = {}
    for answer in _ask(nft, _GETRULE, _DUMP, family, _text(1, table)):
        chain = next(value for kind, value in _attributes(answer) if kind == _RULE_CHAIN).rstrip(b"\0").decode()
        counts[chain] = counts.get(chain, 0) + 1
    return counts


def ranges(nft: NftSocket, table: str, name: str, *, family: int = AF_INET) -> set[tuple[bytes, bytes]]:
    """The ranges of a set of ranges: the first key, and the one after the last."""
    starts: list[bytes] = []
    ends: list[bytes] = []
    for answer in _ask(nft, _GETSETELEM, _DUMP, family, _text(1, table) + _text(2, name)):
        for kind, listed in _attributes(answer):
            for inner, value in _attributes(listed) if kind == _SET_ELEM_LIST_ELEMENTS else ():
                if inner == _LIST_ELEM:
                    (ends if _is_end(value) else starts).append(_element(value)[0])
    # The kernel keeps them apart: each one ends at the nearest end after its start.
    return {(start, min(end for end in ends if end > start)) for start in starts if any(end > start for end in ends)}


def _is_end(data: bytes) -> bool:
    flags = next((value for kind, value in _attributes(data) if kind == _ELEM_FLAGS), bytes(4))
    return bool(unpack_from(">I", flags)[0] & 1)


def elements(nft: NftSocket, table: str, name: str, *, family: int = AF_INET) -> list[tuple[bytes, bytes]]:
    """The (key, value) pairs of a map, or (key, b"") of a set; none where there is no such map."""
    found = []
    for answer in _ask(nft, _GETSETELEM, _DUMP, family, _text(1, table) + _text(2, name)):
        for kind, listed in _attributes(answer):
            if kind == _SET_ELEM_LIST_ELEMENTS:
                found += [_element(value) for kind, value in _attributes(listed) if kind == _LIST_ELEM]
    return found


def _element(data: bytes) -> tuple[bytes, bytes]:
    parts = {kind: dict(_attributes(value)) for kind, value in _attributes(data) if kind in {_ELEM_KEY, _ELEM_DATA}}
    return parts[_ELEM_KEY][_DATA_VALUE], parts.get(_ELEM_DATA, {}).get(_DATA_VALUE, b"")


def _ask(nft: NftSocket, kind: int, flags: int, family: int, body: bytes) -> list[bytes]:
    try:
        return nft.ask(kind, flags, family, body)
    except NetlinkError as error:
        if error.errno == errno.ENOENT:
            return []
        raise


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset + 4 <= len(data):
        length, kind = unpack_from("=HH", data, offset)
        if length < 4:
            return
        yield kind & 0x3FFF, data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
