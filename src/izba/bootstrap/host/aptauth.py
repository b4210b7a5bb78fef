"""apt_auth.conf(5): logins for mirrors, apart from the world-readable sources."""

from __future__ import annotations

import os
from urllib.parse import unquote, urlsplit, urlunsplit

from izba._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Login(Record):
    """A name and password for the URLs that begin with `prefix`."""

    prefix: str
    user: str
    password: str

    def covers(self, url: str) -> bool:
        """Whether `url` is below the prefix."""
        return url == self.prefix or url.startswith(self.prefix.rstrip("/") + "/")

    def __repr__(self) -> str:
        return f"Login(prefix={self.prefix!r}, user={self.user!r}, password=…)"


def split(url: str) -> tuple[str, Login | None]:
    """`url` without the name and password in it, and those."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url, None
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return bare, Login(prefix=bare, user=unquote(parts.username or ""), password=unquote(parts.password or ""))


def read(root: str = "") -> list[Login]:
    """The logins of the host whose file system is at `root`, as far as this user may read them."""
    logins = []
    for path in _files(f"{root}/etc/apt"):
        with open(path, encoding="utf-8", errors="replace") as file:
            logins += parse(file.read())
    return logins


def parse(text: str) -> list[Login]:
    """netrc's format: `machine host[/path] login name password secret`, in any division into lines.

    A machine without a scheme is meant for https only, so that no password goes over the net in the clear.
    """
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    words = " ".join(lines).split()
    logins: list[Login] = []
    entry: dict[str, str] = {}
    for key, value in zip(words[::2], words[1::2], strict=False):
        if key == "machine":
            entry = {}
        entry[key] = value
        if {"machine", "login", "password"} <= entry.keys():
            machine = entry["machine"]
            prefix = machine if "://" in machine else f"https://{machine}"
            logins.append(Login(prefix=prefix, user=entry["login"], password=entry["password"]))
            entry = {}
    return logins


def _files(directory: str) -> Iterator[str]:
    parts = f"{directory}/auth.conf.d"
    names = sorted(os.listdir(parts)) if os.access(parts, os.R_OK) else []
    for path in (f"{directory}/auth.conf", *(f"{parts}/{name}" for name in names if name.endswith(".conf"))):
        if os.path.isfile(path) and os.access(path, os.R_OK):
            yield path
