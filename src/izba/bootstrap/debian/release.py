"""InRelease: the signed root of an archive's suite (Debian repository format)."""

from __future__ import annotations

import time
from calendar import timegm
from email.utils import parsedate

from izba._record import Record
from izba.bootstrap.errors import Corrupt, Expired, Unreachable
from izba.bootstrap.fetch.cache import Promise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from izba.bootstrap.host.aptsources import Source

# A clock that is a little slow is no reason to refuse a fresh index.
_TOLERANCE = 600


class Release(Record):
    """What the signed text says. Times count seconds since the epoch; `hashes` are by path below the suite.

    `suite` is what was asked for; the text calls itself `codename` (bookworm) and `alias` (oldstable).
    """

    uri: str
    suite: str
    codename: str
    alias: str
    version: str
    date: int
    valid_until: int | None
    by_hash: bool
    components: tuple[str, ...]
    architectures: tuple[str, ...]
    separate_all: bool
    hashes: Mapping[str, tuple[str, int]]

    @property
    def url(self) -> str:
        """The directory of the suite."""
        return f"{self.uri}/dists/{self.suite}"

    def promise(self, path: str) -> Promise | None:
        """What is signed of the file at `path` below the suite; None where it is not listed."""
        listed = self.hashes.get(path)
        if listed is None:
            return None
        return Promise(what=f"{self.url}/{path}", algorithm="sha256", hex=listed[0], size=listed[1])

    def places(self, path: str) -> tuple[str, ...]:
        """Where the file may be: by its hash first, which a mirror keeps while it is being updated."""
        plain = f"{self.url}/{path}"
        if not self.by_hash:
            return (plain,)
        directory = plain.rpartition("/")[0]
        return (f"{directory}/by-hash/SHA256/{self.hashes[path][0]}", plain)


def parse(text: bytes, source: Source) -> Release:
    """Read the verified text of `source`'s InRelease. Raises `Corrupt`."""
    from debian.deb822 import Release as Document

    what = f"{source.uri}/dists/{source.suite}/InRelease"
    document = Document(text)
    listed = document.get("SHA256")
    if not listed:
        raise Corrupt(what, "lists no SHA256 of any file")
    date = _date(document.get("Date"))
    if date is None:
        raise Corrupt(what, "has no Date that can be read")
    architectures = tuple(document.get("Architectures", "").split())
    no_support = document.get("No-Support-for-Architecture-all", "").split()
    return Release(
        uri=source.uri,
        suite=source.suite,
        codename=document.get("Codename", ""),
        alias=document.get("Suite", ""),
        version=document.get("Version", ""),
        date=date,
        valid_until=_date(document.get("Valid-Until")),
        by_hash=document.get("Acquire-By-Hash", "no").strip().lower() == "yes",
        components=tuple(name.rpartition("/")[2] for name in document.get("Components", "").split()),
        architectures=architectures,
        separate_all="all" in architectures and "Packages" not in no_support,
        hashes={entry["name"]: (entry["sha256"].lower(), int(entry["size"])) for entry in listed},
    )


def check_dates(release: Release, *, now: float | None = None, valid_until: bool, date: bool) -> None:
    """Refuse an index that may no longer be used, or not yet: both would hide newer packages. Raises `Expired`."""
    now = time.time() if now is None else now
    what = f"the index of {release.uri} {release.suite}"
    if valid_until and release.valid_until is not None and release.valid_until < now:
        raise Expired(
            f"{what} expired on {_text(release.valid_until)}",
            hint="use a mirror that is kept up to date; for a frozen one, say so as for apt: "
            '`Check-Valid-Until: no` in the source, or Acquire::Check-Valid-Until "false" in apt.conf',
        )
    if date and release.date > now + _TOLERANCE:
        raise Expired(f"{what} is from the future: {_text(release.date)}", hint="is this machine's clock right?")


def check_name(release: Release) -> None:
    """The signed text must be of the suite that was asked for. Raises `Corrupt`.

    A mirror could serve another one, as well signed: a release in the place of its security updates would hide them.
    """
    # Before bullseye the security updates of `buster` were the suite `buster/updates` of the code name `buster`.
    if {release.suite, release.suite.removesuffix("/updates")}.isdisjoint({release.codename, release.alias}):
        known = release.codename or release.alias or "no suite"
        raise Corrupt(f"{release.url}/InRelease", f"is the index of {known}, not of {release.suite}")


def unreachable_hint(error: Unreachable) -> Unreachable:
    """A missing suite is told as such."""
    if error.status == 404:
        error.hint = "this mirror does not carry the suite; --mirror URL names another one, --suite another release"
    return error


def _date(text: str | None) -> int | None:
    parsed = parsedate(text) if text else None
    return timegm(parsed) if parsed else None


def _text(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
