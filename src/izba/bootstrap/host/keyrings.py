"""Where this host keeps the keys that it trusts to sign Debian's archives."""

from __future__ import annotations

import os

from izba.bootstrap.errors import NoKeyring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.bootstrap.host.aptsources import Source

_DEBIAN = "/usr/share/keyrings/debian-archive-keyring"


def keyrings_of(source: Source, *, chosen: tuple[str, ...], root: str = "") -> tuple[str, ...]:
    """The keyring files for `source`: chosen by the user, else its Signed-By, else Debian's own, else all apt trusts.

    Raises `NoKeyring`. A key written into the source itself needs no file: then there may be none.
    """
    if chosen:
        missing = [path for path in chosen if not os.path.isfile(path)]
        if missing:
            raise NoKeyring(f"keyring {missing[0]} does not exist")
        return chosen
    if source.key:
        return ()
    if source.keyrings:
        found = tuple(root + path for path in source.keyrings if os.path.isfile(root + path))
        if not found:
            raise _no_keyring(f"the keyring {source.keyrings[0]} that signs {source.uri} does not exist")
        return found
    for ending in (".pgp", ".gpg"):
        if os.path.isfile(f"{root}{_DEBIAN}{ending}"):
            return (f"{root}{_DEBIAN}{ending}",)
    trusted = _trusted_parts(f"{root}/etc/apt")
    if not trusted:
        raise _no_keyring(f"this host has no key to check {source.uri} with")
    return trusted


def _no_keyring(message: str) -> NoKeyring:
    return NoKeyring(
        message, hint="install the package debian-archive-keyring, or name a keyring file with --keyring FILE"
    )


def _trusted_parts(directory: str) -> tuple[str, ...]:
    parts = f"{directory}/trusted.gpg.d"
    names = sorted(os.listdir(parts)) if os.path.isdir(parts) else []
    paths = [f"{parts}/{name}" for name in names if name.endswith((".gpg", ".asc"))]
    return tuple(path for path in (f"{directory}/trusted.gpg", *paths) if os.path.isfile(path))
