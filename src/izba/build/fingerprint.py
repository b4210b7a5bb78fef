"""What a build saw of a directory, told apart by what stat says of it: nothing is opened, nothing hashed.

As make, ninja and git do. It is as safe as git's index: a file that is written again within a tick of the file system's
clock looks the same, so what was seen of a file counts only if the file's last change was safely over by then.
"""

from __future__ import annotations

import os
import stat
from _struct import Struct

from izba._record import Record
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    Entry: TypeAlias = tuple[str, os.stat_result]

SETTLED = 50_000_000
"""Nanoseconds after which a change is over: several ticks of the slowest kernel clock (10 ms)."""
SETTLED_COARSE = 2_100_000_000
"""The same for file systems that keep times in (two) seconds."""
_ROW = Struct("<IQQQqqQ")
_NOTHING = bytes(_ROW.size)


def is_settled(mtime: int, ctime: int, looked_at: int) -> bool:
    """Whether the last change of a file with these times was over, so that any later one shows in them."""
    coarse = mtime % 1_000_000_000 == 0 and ctime % 1_000_000_000 == 0
    return ctime < looked_at - (SETTLED_COARSE if coarse else SETTLED)


class Fingerprint(Record):
    """What was looked at below a directory, and digests of what was seen there.

    directories  each that was listed, with the names in it that did not count and whether these are directories
    listings     the digest of what was seen in each of them: one that has changed is told without looking at the next
    paths        what was looked at by its name alone
    links        paths that were asked where they lead
    """

    directories: tuple[tuple[str, tuple[tuple[str, bool], ...]], ...]
    paths: tuple[str, ...]
    links: tuple[str, ...]
    listings: tuple[str, ...]
    digest: str

    def matches(self, root: str) -> bool:
        """Whether all looks the same now."""
        statuses = {path: _status(_below(root, path)) for path in self.paths}
        links = {path: _target(_below(root, path)) for path in self.links}
        if _digest(statuses, links) != self.digest:
            return False
        for (path, left_out), digest in zip(self.directories, self.listings, strict=True):
            entries = _listed(_below(root, path), dict(left_out))
            if entries is None or _listing_digest(entries) != digest:
                return False
        return True


class Sightings:
    """Collects what is seen of a directory."""

    def __init__(self) -> None:
        self.listings: dict[str, tuple[Entry, ...]] = {}
        self.left_out: dict[str, dict[str, bool]] = {}
        self.statuses: dict[str, os.stat_result | None] = {}
        self.links: dict[str, str | None] = {}
        self.has_sockets = False

    def fingerprint(self, looked_at: int) -> Fingerprint | None:
        """None where a file was just being changed when looking began. Sockets, which come and go, have no place."""
        files = [status for entries in self.listings.values() for _, status in entries]
        files += [status for status in self.statuses.values() if status is not None]
        times = [(each.st_mtime_ns, each.st_ctime_ns) for each in files if not stat.S_ISDIR(each.st_mode)]
        if self.has_sockets or not all(is_settled(mtime, ctime, looked_at) for mtime, ctime in times):
            return None
        return Fingerprint(
            directories=tuple((path, tuple(self.left_out.get(path, {}).items())) for path in self.listings),
            paths=tuple(self.statuses),
            links=tuple(self.links),
            listings=tuple(map(_listing_digest, self.listings.values())),
            digest=_digest(self.statuses, self.links),
        )


def _listing_digest(entries: Sequence[Entry]) -> str:
    """Names end with NUL, rows have one length, and all are counted: nothing else reads the same."""
    names = "\0".join([str(len(entries)), *(name for name, _ in entries), ""])
    return Digest.of(b"".join([names.encode("utf-8", "surrogateescape"), *(_row(status) for _, status in entries)]))


def _digest(statuses: Mapping[str, os.stat_result | None], links: Mapping[str, str | None]) -> str:
    """As of a listing."""
    parts: list[bytes] = []
    for path, status in sorted(statuses.items()):
        parts += [f"{path}\0".encode("utf-8", "surrogateescape"), _NOTHING if status is None else _row(status)]
    for path, target in sorted(links.items()):
        parts.append(f"{path}\0{'' if target is None else target}\0".encode("utf-8", "surrogateescape"))
    return Digest.of(b"".join(parts))


def _row(status: os.stat_result) -> bytes:
    """Of a directory its kind and mode: what is in it is looked at by itself."""
    mode = status.st_mode
    if stat.S_ISDIR(mode):
        return _ROW.pack(mode, 0, 0, 0, 0, 0, 0)
    return _ROW.pack(
        *(mode, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_rdev)
    )


def _listed(directory: str, left_out: Mapping[str, bool]) -> list[Entry] | None:
    """What counts in a directory; None where something that did not count has become another kind of thing."""
    entries: list[Entry] = []
    try:
        with os.scandir(directory) as listing:
            for each in listing:
                was_directory = left_out.get(each.name)
                if was_directory is None:
                    entries.append((each.name, each.stat(follow_symlinks=False)))
                elif each.is_dir(follow_symlinks=False) is not was_directory:
                    return None
    except OSError:
        return None
    entries.sort()
    return entries


def _status(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None


def _target(path: str) -> str | None:
    try:
        return os.readlink(path)
    except OSError:
        return None


def _below(root: str, path: str) -> str:
    return f"{root}/{path}" if path else root
