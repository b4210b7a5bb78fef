"""Which extended attributes are part of a layer.

`security.capability` and the user's own are. overlayfs's (`trusted.overlay.*`, `user.overlay.*`) decide what a mount
shows and must come from izba alone; izba's own records likewise; labels of the host's security modules, ACLs and
whatever else is trusted belong to the host. Podman keeps the same ones.
"""

from __future__ import annotations

import errno
import os

_NOT_OURS_TO_TELL = ("user.overlay.", "user.izba.", "user.fuseoverlayfs.", "user.containers.")


def belongs_to_layer(name: str) -> bool:
    """Whether a layer's tar tells of the attribute `name`."""
    return name == "security.capability" or (name.startswith("user.") and not name.startswith(_NOT_OURS_TO_TELL))


def read(fd: int) -> dict[str, bytes]:
    """All extended attributes of an open file; none where the file system keeps none."""
    try:
        names = os.listxattr(fd)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return {}
        raise
    return {name: os.getxattr(fd, name) for name in names} if names else {}
