"""Packages become one tar of a root file system, as `dpkg --unpack` would have left it, for `layer.apply` to write.

What dpkg does while it unpacks is done here: the files of each package, its control files in `var/lib/dpkg/info`, its
paragraph as "install ok unpacked" in the status file, its trigger interests. What is left for the container is to run
the maintainer scripts. Two things differ from dpkg on purpose: names below `/bin`, `/lib` and so on go straight to
`/usr`, and files that a container image has no use for (`Trim`) are left out, as by dpkg's own `path-exclude`.
"""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor

from izba._record import Record
from izba.bootstrap.debian import deb as debs
from izba.bootstrap.debian.scripts import info_stem
from izba.bootstrap.errors import Corrupt
from izba.bootstrap.rootfs import File, Stream
from izba.layer.tarheader import DIRECTORY, END, FILE, LINK, BadTar, Entry, Truncated, pack, padding, shown
from izba.layer.tarstream import TarReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from izba.bootstrap.debian.deb import Deb
    from izba.bootstrap.debian.index import Package

# Directories of the root that are links into /usr (UsrMerge); the links are made by the recipe, or by base-files.
_MERGED = re.compile(rb"(?:bin|sbin|lib|lib32|lib64|libx32|libo32)/")
_AHEAD = 3
PENDING_STATUS = "var/lib/dpkg/status.izba"
PENDING_TRIGGERS = "var/lib/dpkg/triggers.izba"
SCRIPTS = frozenset({"preinst", "postinst", "prerm", "postrm", "config"})


class Trim(Record):
    """Paths that are left out: below `excluded`, unless they match `included`; in the words of dpkg.cfg(5)."""

    excluded: tuple[str, ...] = ()
    included: tuple[str, ...] = ()

    def pattern(self) -> re.Pattern[bytes] | None:
        """Matches the names, without their leading slash, that are left out."""
        if not self.excluded:
            return None
        kept = "".join(f"(?!{_glob(path)}$)" for path in self.included)
        return re.compile(f"{kept}(?:{'|'.join(_glob(path) for path in self.excluded)})$".encode(), re.DOTALL)

    def configuration(self) -> str:
        """The same as dpkg's configuration, so that packages installed later are trimmed too."""
        lines = [f"path-exclude={path}" for path in self.excluded] + [f"path-include={path}" for path in self.included]
        return "\n".join(lines) + "\n"


def _glob(path: str) -> str:
    # dpkg uses fnmatch without FNM_PATHNAME: a star goes over slashes.
    return re.escape(path.lstrip("/")).replace(r"\*", ".*")


class Unpacking:
    """The tar of `packages`, with `before` and `after` of the recipe's own and `others`, which are tar already.

    Once `stream` has been read to its end, `newest` is the time of the newest file in it.
    """

    def __init__(
        self,
        packages: Sequence[tuple[Package, str]],
        *,
        trim: Trim,
        before: Sequence[File] = (),
        after: Sequence[File] = (),
        others: Iterable[bytes] = (),
        oldest: int = 0,
    ) -> None:
        self._packages = packages
        self._trimmed = trim.pattern()
        self._before = before
        self._after = after
        self._others = others
        self._status: list[str] = []
        self._triggers: list[str] = []
        self.newest = oldest
        self.stream = Stream(self._generate())

    def _generate(self) -> Iterator[bytes]:
        yield from (file.blocks(0) for file in self._before)
        with ThreadPoolExecutor(2, thread_name_prefix="unpack") as pool:
            # lzma releases the interpreter lock, so the next packages are decompressed while this one is written.
            waiting = [pool.submit(_load, path) for _, path in self._packages[:_AHEAD]]
            rest = iter(self._packages[_AHEAD:])
            try:
                for package, _ in self._packages:
                    deb, data = waiting.pop(0).result()
                    if following := next(rest, None):
                        waiting.append(pool.submit(_load, following[1]))
                    try:
                        yield from self._unpack(package, deb, data)
                    except (BadTar, Truncated) as error:
                        raise Corrupt(f"package {package.name}", str(error)) from error
            finally:
                pool.shutdown(cancel_futures=True)
        yield from (file.blocks(self.newest) for file in self._database())
        yield from (file.blocks(self.newest) for file in self._after)
        yield from self._others
        yield END

    def _unpack(self, package: Package, deb: Deb, data: bytes) -> Iterator[bytes]:
        names: list[bytes] = []
        hashes: dict[bytes, str] = {}
        conffiles = _conffiles(deb)
        tar = _OneChunk(data)
        reader = TarReader(tar.chunk)
        for entry in reader:
            name = _checked(entry.name, package)
            names.append(name)
            if name in conffiles and entry.type == FILE:
                body = b"".join(reader.body())
                hashes[name] = hashlib.md5(body, usedforsecurity=False).hexdigest()
            else:
                body = None
            if not self._place(entry, name, package):
                continue
            self.newest = max(self.newest, entry.mtime // 10**9)
            yield pack(entry)
            if entry.stored:
                yield body if body is not None else b"".join(reader.body())
                yield bytes(padding(entry.stored))
        yield from (file.blocks(self.newest) for file in self._info(package, deb, names))
        self._status.append(_status(package, deb, hashes))

    def _place(self, entry: Entry, name: bytes, package: Package) -> bool:
        """Give `entry` its name in the image; False if it is left out."""
        if entry.type == DIRECTORY and _MERGED.fullmatch(name + b"/"):
            return False
        if self._trimmed is not None and self._trimmed.match(name):
            return False
        entry.name = b"usr/" + name if _MERGED.match(name) else name or b"./"
        entry.xattrs = {}
        if entry.type == LINK:
            link = _checked(entry.link, package)
            entry.link = b"usr/" + link if _MERGED.match(link) else link
            return self._trimmed is None or not self._trimmed.match(link)
        if entry.sparse is not None:
            raise Corrupt(f"package {package.name}", f"{shown(entry.name)} is a sparse file, which no package has")
        return True

    def _info(self, package: Package, deb: Deb, names: list[bytes]) -> Iterator[File]:
        stem = f"var/lib/dpkg/info/{info_stem(package)}"
        listed = b"".join(b"/%b\n" % (name or b".") for name in names)
        yield File(name=f"{stem}.list", data=listed)
        for file in deb.control:
            if file.name == "triggers":
                self._note_triggers(package, file.data.decode("utf-8", "replace"))
            if file.name != "control":
                yield File(name=f"{stem}.{file.name}", data=file.data, mode=0o755 if file.name in SCRIPTS else 0o644)

    def _note_triggers(self, package: Package, text: str) -> None:
        for line in text.splitlines():
            words = line.partition("#")[0].split()
            if len(words) == 2 and words[0] in {"interest", "interest-await", "interest-noawait"}:
                await_ = "/noawait" if words[0].endswith("noawait") else ""
                self._triggers.append(f"{words[1]} {info_stem(package)}{await_}")

    def _database(self) -> Iterator[File]:
        if self._packages:
            yield File(name=PENDING_STATUS, data="".join(self._status).encode())
            yield File(name=PENDING_TRIGGERS, data="".join(f"{line}\n" for line in self._triggers).encode())


def _load(path: str) -> tuple[Deb, bytes]:
    deb = debs.read(path)
    return deb, b"".join(deb.data_chunks())


class _OneChunk:
    """A whole archive in memory as a stream of one chunk."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def chunk(self) -> bytes:
        data, self._data = self._data, b""
        return data


def _checked(name: bytes, package: Package) -> bytes:
    """The name without `./` before it and `/` after it. Raises `Corrupt` for one that no package may have."""
    parts = [part for part in name.split(b"/") if part not in {b"", b"."}]
    if name.startswith(b"/") or b".." in parts or any(part.startswith(b".wh.") for part in parts):
        raise Corrupt(f"package {package.name}", f"{shown(name)} is no name of a file in a package")
    return b"/".join(parts)


def _conffiles(deb: Deb) -> set[bytes]:
    lines = (deb.control_file("conffiles") or b"").splitlines()
    # deb-conffiles(5): a line may begin with a flag, `remove-on-upgrade`.
    return {line.strip().lstrip(b"/") for line in lines if line.startswith(b"/")}


def _status(package: Package, deb: Deb, hashes: dict[bytes, str]) -> str:
    control = (deb.control_file("control") or b"").decode("utf-8", "replace").strip("\n")
    name = re.search(r"^Package:\s*(\S+)\s*$", control, re.MULTILINE)
    if name is None or name[1] != package.name:
        raise Corrupt(f"package {package.name}", "its control file is of another package")
    conffiles = "".join(f"\n /{path.decode('utf-8', 'replace')} {digest}" for path, digest in hashes.items())
    state = "Status: install ok unpacked"
    return f"{control}\n{state}\n{'Conffiles:' + conffiles + chr(10) if conffiles else ''}\n"
