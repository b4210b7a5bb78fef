"""`--user`, USER and `--group-add`: names and numbers, looked up in the image's own passwd and group."""

from __future__ import annotations

import os

from izba.errors import InvalidArgument
from izba.runtime.specgen.request import User

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Protocol

    class Reader(Protocol):
        """`rootview.RootView`, or anything that reads a file of the root."""

        def read(self, path: str, *, limit: int) -> bytes | None: ...


MAX_ID = (1 << 31) - 1
MAX_FILE = 1 << 20
"""Bytes of a passwd or group file: thousands of entries. A larger one is an attack or a mistake."""


class NoSuchUser(InvalidArgument):
    """A user name that the image does not have."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"unable to find user {name}: no matching entries in passwd file",
            hint="create it with RUN useradd, or give a number",
        )
        self.name = name


class NoSuchGroup(InvalidArgument):
    """A group name that the image does not have."""

    def __init__(self, name: str) -> None:
        super().__init__(f"unable to find group {name}: no matching entries in group file")
        self.name = name


class IdOutOfRange(InvalidArgument):
    """A number that is no uid or gid; the kernel would take it for another."""

    def __init__(self, text: str) -> None:
        super().__init__(f"uids and gids must be in range 0-{MAX_ID}, not {text}")
        self.text = text


def resolve_user(text: str, root: Reader) -> User:
    """The ids of `name`, `uid`, `name:group`, `uid:gid` or ``, which is root's."""
    name, _, group = text.partition(":")
    number = _number(name) if name else 0
    entry = next((e for e in _passwd(root) if (e[1] == number if number is not None else e[0] == name)), None)
    if entry is None and number is None:
        raise NoSuchUser(name)
    _, uid, gid, home = entry or ("", number or 0, 0, "/")
    additional: list[int] = []
    if group:
        gid = _group_id(group, list(_groups(root)))
    elif entry:
        additional = [gid for _, gid, members in _groups(root) if entry[0] in members]
    # The primary group is among the additional ones, or setgroups would drop its rights (CVE-2022-36109).
    return User(uid=uid, gid=gid, additional_gids=tuple(dict.fromkeys((gid, *additional))), home=home or "/")


def resolve_groups(texts: Iterable[str], root: Reader) -> tuple[int, ...]:
    """The gids of `--group-add`'s names and numbers."""
    wanted = list(texts)
    entries = list(_groups(root)) if wanted else []
    return tuple(_group_id(text, entries) for text in wanted)


def _group_id(text: str, entries: list[tuple[str, int, list[str]]]) -> int:
    number = _number(text)
    if number is not None:
        return number
    for name, gid, _ in entries:
        if name == text:
            return gid
    raise NoSuchGroup(text)


def _number(text: str) -> int | None:
    """The id that `text` is; None if it is a name. What looks like a number is never looked up as a name."""
    digits = text[1:] if text[:1] in {"+", "-"} else text
    if not (digits.isascii() and digits.isdecimal()):
        return None
    if text.startswith("-") or len(digits) > 20 or int(digits) > MAX_ID:
        raise IdOutOfRange(text[:24])
    return int(digits)


def _passwd(root: Reader) -> Iterator[tuple[str, int, int, str]]:
    for name, _, uid, gid, _, home, *_ in _entries("/etc/passwd", root, fields=6):
        if _is_id(uid) and _is_id(gid):
            yield name, int(uid), int(gid), home


def _groups(root: Reader) -> Iterator[tuple[str, int, list[str]]]:
    for name, _, gid, *members in _entries("/etc/group", root, fields=3):
        if _is_id(gid):
            yield name, int(gid), members[0].split(",") if members else []


def _entries(path: str, root: Reader, *, fields: int) -> Iterator[list[str]]:
    for line in (root.read(path, limit=MAX_FILE) or b"").split(b"\n"):
        parts = os.fsdecode(line.strip()).split(":")
        if parts[0] and not parts[0].startswith("#") and len(parts) >= fields:
            yield parts


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= MAX_ID
