"""Users by an htpasswd file of bcrypt hashes (`htpasswd -B`), read again when it changes."""

from __future__ import annotations

import hmac
import os
import re
from base64 import b64decode
from threading import Lock

import bcrypt

from izba.errors import InvalidArgument
from izba.oci.digest import Digest

_HASH = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}")
_NOBODY = b"$2b$10$" + b"." * 53
"""A hash of nothing, so that a name that is unknown takes as long as a password that is wrong."""


class BadPasswords(InvalidArgument):
    """The file has a line that is not `user:bcrypt-hash`."""


class Passwords:
    """Checks `Authorization: Basic`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = Lock()
        self._read_at: tuple[int, int] = (0, 0)
        self._hashes: dict[str, bytes] = {}
        # bcrypt is slow on purpose, and clients send the password with each request: a hash of what was right is kept.
        self._right: dict[str, str] = {}
        self._reread()

    def user(self, authorization: str) -> str | None:
        """The user whose name and password the header carries; None if they are not right."""
        scheme, _, encoded = authorization.partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, colon, password = b64decode(encoded.strip(), validate=True).decode().partition(":")
        except ValueError:
            return None
        with self._lock:
            self._reread()
            hashed, known = self._hashes.get(name), self._right.get(name)
        if not colon or "\0" in password:
            return None
        if hashed is None:
            bcrypt.checkpw(password.encode()[:72], _NOBODY)
            return None
        fingerprint = Digest.of(hashed + b"\0" + password.encode())
        if known is not None and hmac.compare_digest(known, fingerprint):
            return name
        if not bcrypt.checkpw(password.encode()[:72], hashed):
            return None
        with self._lock:
            self._right[name] = fingerprint
        return name

    def _reread(self) -> None:
        found = os.stat(self._path)
        if (stamp := (found.st_mtime_ns, found.st_ino)) == self._read_at:
            return
        hashes = {}
        with open(self._path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not (text := line.strip()) or text.startswith("#"):
                    continue
                name, colon, hashed = text.partition(":")
                if not colon or not _HASH.fullmatch(hashed):
                    raise BadPasswords(
                        f"{self._path}:{number}: not a user with a bcrypt hash", hint="htpasswd -B FILE USER writes one"
                    )
                hashes[name] = hashed.encode()
        self._hashes, self._right, self._read_at = hashes, {}, stamp
