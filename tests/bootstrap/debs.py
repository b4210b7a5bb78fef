"""Packages and a signed archive, made here: what a mirror serves, down to the last byte under the test's control."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import tarfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path

import pysequoia

NOW = 1_700_000_000
SUITE = "bookworm"


@dataclass(frozen=True)
class Entry:
    """One entry of a package's data tar."""

    name: str
    data: bytes = b""
    mode: int = 0o644
    type: bytes = tarfile.REGTYPE
    link: str = ""
    mtime: int = NOW
    uid: int = 0


def directory(name: str, mode: int = 0o755) -> Entry:
    return Entry(name=f"./{name}/".replace("//", "/"), mode=mode, type=tarfile.DIRTYPE)


def file(name: str, data: bytes = b"x", mode: int = 0o644, mtime: int = NOW) -> Entry:
    return Entry(name=f"./{name}", data=data, mode=mode, mtime=mtime)


def symlink(name: str, target: str) -> Entry:
    return Entry(name=f"./{name}", type=tarfile.SYMTYPE, link=target, mode=0o777)


def hard_link(name: str, target: str) -> Entry:
    return Entry(name=f"./{name}", type=tarfile.LNKTYPE, link=f"./{target}")


@dataclass(frozen=True)
class Deb:
    """A package as its maintainer sees it."""

    name: str
    version: str = "1.0"
    architecture: str = "amd64"
    fields: Mapping[str, str] = field(default_factory=dict)
    data: Iterable[Entry] = ()
    control: Mapping[str, str | bytes] = field(default_factory=dict)
    compression: str = "xz"

    @property
    def paragraph(self) -> str:
        values = {
            "Package": self.name,
            "Version": self.version,
            "Architecture": self.architecture,
            "Maintainer": "Tests <tests@example.org>",
            **self.fields,
            "Description": "a package of the tests",
        }
        return "".join(f"{key}: {value}\n" for key, value in values.items())

    def build(self) -> bytes:
        control = [Entry(name="./control", data=self.paragraph.encode())]
        for name, content in self.control.items():
            script = name in {"preinst", "postinst", "prerm", "postrm", "config"}
            data = content.encode() if isinstance(content, str) else content
            control.append(Entry(name=f"./{name}", data=data, mode=0o755 if script else 0o644))
        ending, compress = COMPRESSIONS[self.compression]
        return ar(
            ("debian-binary", b"2.0\n"),
            (f"control.tar{ending}", compress(tar(control))),
            (f"data.tar{ending}", compress(tar(self.data))),
        )


def _zstd(data: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor().compress(data)


COMPRESSIONS = {
    "xz": (".xz", lzma.compress),
    "gz": (".gz", lambda data: gzip.compress(data, mtime=0)),
    "zst": (".zst", _zstd),
    "none": ("", bytes),
}


def tar(entries: Iterable[Entry]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for entry in entries:
            info = tarfile.TarInfo()
            # Set after the constructor, which would take away what makes a name hostile.
            info.name, info.linkname, info.type = entry.name, entry.link, entry.type
            info.mode, info.mtime, info.size, info.uid = entry.mode, entry.mtime, len(entry.data), entry.uid
            archive.addfile(info, io.BytesIO(entry.data))
    return out.getvalue()


def ar(*members: tuple[str, bytes]) -> bytes:
    out = b"!<arch>\n"
    for name, data in members:
        header = f"{name:<16}{NOW:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n"
        out += header.encode() + data + b"\n" * (len(data) % 2)
    return out


class Key:
    """An archive's OpenPGP key."""

    def __init__(self, name: str = "Test Archive <archive@example.org>") -> None:
        self._secret = pysequoia.Tsk.generate(user_id=name)

    def sign(self, text: str) -> bytes:
        return bytes(pysequoia.sign(self._secret.signer(), text.encode(), mode=pysequoia.SignatureMode.CLEAR))

    @property
    def public(self) -> bytes:
        return bytes(self._secret.extract_certificate())

    @property
    def armoured(self) -> str:
        return str(self._secret.extract_certificate())

    def save(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.public)
        return path


class LocalArchive:
    """A mirror's directory. `publish` writes the signed index of what was added so far."""

    def __init__(self, root: Path, key: Key) -> None:
        self.root = root
        self.key = key
        self._stanzas: dict[str, list[str]] = {}

    def add(self, deb: Deb, *, suite: str = SUITE, content: bytes | None = None) -> Path:
        """Put the package into the pool; with `content`, other bytes than the index promises."""
        built = deb.build()
        path = self.root / "pool" / f"{deb.name}_{deb.version.replace(':', '%3a')}_{deb.architecture}.deb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(built if content is None else content)
        self._stanzas.setdefault(suite, []).append(
            deb.paragraph
            + f"Filename: pool/{path.name.replace('%', '%25')}\n"
            + f"Size: {len(built)}\n"
            + f"SHA256: {hashlib.sha256(built).hexdigest()}\n"
        )
        return path

    def publish(
        self,
        *,
        suite: str = SUITE,
        codename: str | None = None,
        alias: str | None = None,
        date: float | None = None,
        valid_until: float | None = None,
        by_hash: bool = True,
        compression: str = "xz",
        key: Key | None = None,
    ) -> None:
        index = "\n".join(self._stanzas.get(suite, [])).encode()
        ending, compress = COMPRESSIONS[compression]
        name = f"main/binary-amd64/Packages{ending}"
        data = compress(index)
        digest = hashlib.sha256(data).hexdigest()
        directory = self.root / "dists" / suite
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        if by_hash:
            hashed = target.parent / "by-hash" / "SHA256" / digest
            hashed.parent.mkdir(parents=True, exist_ok=True)
            hashed.write_bytes(data)
        lines = [
            "Origin: Tests",
            f"Suite: {alias or codename or suite}",
            f"Codename: {codename or suite}",
            "Version: 12.99",
            f"Date: {_date(time.time() - 60 if date is None else date)}",
            *([f"Valid-Until: {_date(valid_until)}"] if valid_until is not None else []),
            *(["Acquire-By-Hash: yes"] if by_hash else []),
            "Architectures: amd64",
            "Components: main",
            "SHA256:",
            f" {digest} {len(data)} {name}",
        ]
        (directory / "InRelease").write_bytes((key or self.key).sign("\n".join(lines) + "\n"))


def _date(seconds: float) -> str:
    return formatdate(seconds, usegmt=True)
