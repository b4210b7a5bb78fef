"""Files of an earlier COPY, used again: by a hard link instead of a copy.

When one file of twenty thousand changes, the layer of `COPY . .` is made anew, and most of what is in it lies in the
layer that it was before. What each file of a layer holds is noted when it is made; a file that is to have the same
content, owner, mode and time is linked. Nobody writes into a layer, so nobody sees that two of them share a file.
"""

from __future__ import annotations

import os
import stat
from _hashlib import openssl_sha256 as sha256
from _thread import get_native_id

from izba import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from izba.build.upper import FileCopy

_MAGIC = b"izba copied files 1\n"
_WORTH_IT = 100
"""Fewer files are copied as fast."""


class EarlierLayer:
    """A layer that an earlier COPY made: `contents` are the digests of its files, by path."""

    def __init__(self, directory: str, contents: Mapping[str, bytes]) -> None:
        self._directory = directory
        self._contents = contents

    def link(self, copy: FileCopy, target: str, time: int) -> bool:
        """Link the file at `target`, if the layer has just the file that the copy would be."""
        if copy.digest is None or self._contents.get(copy.path) != copy.digest or copy.attributes:
            return False
        found = f"{self._directory}/{copy.path}"
        try:
            status = os.lstat(found)
            is_same = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns) == (
                copy.node.mode,
                copy.node.uid,
                copy.node.gid,
                time,
            )
            if is_same and stat.S_ISREG(status.st_mode):
                os.link(found, target)
                return True
        except OSError as error:  # too many links, or a file that is there twice: copying knows what to do
            log.debug("a file of an earlier layer is not linked", path=copy.path, reason=error.strerror)
        return False


def note(path: str, contents: Mapping[str, bytes]) -> None:
    """Keep, in the file `path`, what the files of a layer hold. Lost or torn, it is not used."""
    if len(contents) < _WORTH_IT:
        return
    body = b"\0".join(
        digest.hex().encode() + name.encode("utf-8", "surrogateescape") for name, digest in contents.items()
    )
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    temporary = f"{path}.{get_native_id()}.tmp"
    with open(temporary, "wb") as file:
        file.write(_MAGIC + sha256(body).digest() + body)
    os.rename(temporary, path)


def noted(path: str) -> dict[str, bytes]:
    """What `note` kept; nothing where there is nothing whole."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return {}
    body = data[len(_MAGIC) + 32 :]
    if not data.startswith(_MAGIC) or sha256(body).digest() != data[len(_MAGIC) : len(_MAGIC) + 32]:
        return {}
    names = body.decode("utf-8", "surrogateescape").split("\0")
    return {name[64:]: bytes.fromhex(name[:64]) for name in names}
