"""Tar archives made byte by byte, apart from izba's own code, so that a test can say what no honest tool writes."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from izba.layer.apply import Applied, apply
from izba.layer.fsops import fsops
from izba.linux.overlay import OverlayEncoding

if TYPE_CHECKING:
    from izba.layer.fsops import FsOps

OVERLAY = OverlayEncoding(userxattr=False)
END = bytes(1024)


def member(
    name: bytes | str,
    data: bytes = b"",
    *,
    type: bytes = b"0",
    link: bytes | str = b"",
    mode: int = 0o644,
    uid: int | bytes = 0,
    gid: int | bytes = 0,
    size: int | bytes | None = None,
    mtime: int | bytes = 1_000_000_000,
    device: tuple[int, int] = (0, 0),
    pax: dict[str, bytes | str] | None = None,
) -> bytes:
    """One entry: header and body, after a pax header if there are records. Numbers may be given as raw fields."""
    size = len(data) if size is None else size
    fields = [
        _bytes(name)[:100].ljust(100, b"\0"),
        b"%07o\0" % mode,
        _number(uid, 8),
        _number(gid, 8),
        _number(size, 12),
        _number(mtime, 12),
        b" " * 8,
        type,
        _bytes(link)[:100].ljust(100, b"\0"),
        b"ustar\x0000",
        bytes(64),
        b"%07o\0%07o\0" % device,
        bytes(155 + 12),
    ]
    header = b"".join(fields)
    header = header[:148] + b"%06o\0 " % sum(header) + header[156:]
    before = b""
    if pax:
        records = b"".join(record(key, _bytes(value)) for key, value in pax.items())
        before = member("pax", records, type=b"x")
    return before + header + data + bytes(-len(data) % 512)


def record(key: str, value: bytes) -> bytes:
    rest = b" " + key.encode() + b"=" + value + b"\n"
    length = len(rest)
    while len(b"%d" % length) + len(rest) != length:
        length = len(b"%d" % length) + len(rest)
    return b"%d" % length + rest


def directory(name: bytes | str, **fields: object) -> bytes:
    return member(name, type=b"5", mode=0o755, **fields)  # type: ignore[arg-type]


def symlink(name: bytes | str, target: bytes | str) -> bytes:
    return member(name, type=b"2", link=target, mode=0o777, pax={"linkpath": target} if len(target) > 100 else None)


def hardlink(name: bytes | str, target: bytes | str) -> bytes:
    return member(name, type=b"1", link=target)


def apply_bytes(
    data: bytes, directory: Path, *, overlay: OverlayEncoding | None = OVERLAY, ops: FsOps | None = None, **rest: object
) -> Applied:
    directory.mkdir(parents=True, exist_ok=True)
    return apply(io.BytesIO(data), str(directory), ops=ops or fsops(), overlay=overlay, **rest)  # type: ignore[arg-type]


def tree(root: Path, *, times: bool = True) -> dict[str, tuple[object, ...]]:
    """All that a layer says of a tree, by path: comparable between trees."""
    found: dict[str, tuple[object, ...]] = {}
    names: dict[tuple[int, int], str] = {}
    for directory, directories, files in os.walk(root):
        for name in sorted([*directories, *files]):
            path = os.path.join(directory, name)
            relative = os.path.relpath(path, root)
            status = os.lstat(path)
            what: object = None
            if stat.S_ISREG(status.st_mode):
                what = hashlib.sha256(Path(path).read_bytes()).hexdigest()
            elif stat.S_ISLNK(status.st_mode):
                what = os.readlink(path)
            elif not stat.S_ISDIR(status.st_mode):
                what = status.st_rdev
            first = "" if stat.S_ISDIR(status.st_mode) else names.setdefault((status.st_dev, status.st_ino), relative)
            attributes = {key: os.getxattr(path, key, follow_symlinks=False) for key in _xattrs(path)}
            time = int(status.st_mtime) if times else 0
            found[relative] = (oct(status.st_mode), status.st_uid, status.st_gid, what, first, time, str(attributes))
    return found


def _xattrs(path: str) -> list[str]:
    return sorted(name for name in os.listxattr(path, follow_symlinks=False) if not name.startswith("security.selinux"))


def _bytes(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _number(value: int | bytes, width: int) -> bytes:
    return value.ljust(width, b"\0") if isinstance(value, bytes) else b"%0*o\0" % (width - 1, value)
