"""Where `image copy` copies from and to, as skopeo's users write it.

NAME, docker://NAME             a registry
docker-archive:FILE[:NAME]      an archive of `docker save`
oci-archive:FILE[:TAG]          an image layout in a tar
oci:DIRECTORY[:TAG]             an image layout
store:NAME                      izba's own store
"""

from __future__ import annotations

from izba._record import Record
from izba.errors import InvalidArgument

REGISTRY, DOCKER_ARCHIVE, OCI_ARCHIVE, OCI, STORE = "docker", "docker-archive", "oci-archive", "oci", "store"
_FILES = (DOCKER_ARCHIVE, OCI_ARCHIVE, OCI)


class BadPlace(InvalidArgument):
    """A word is no place to copy from or to."""

    def __init__(self, text: str) -> None:
        kinds = ", ".join(f"{kind}:" for kind in (*_FILES, STORE))
        super().__init__(f"{text[:200]!r} is no place to copy from or to", hint=f"write a registry's NAME, or {kinds}")


class Place(Record):
    """`path` is of the file or directory; `name` the image's, empty where none was given."""

    kind: str
    path: str = ""
    name: str = ""


def parse(text: str) -> Place:
    """Raises `BadPlace`."""
    kind, colon, rest = text.partition(":")
    if kind == STORE and colon and rest:
        return Place(kind=STORE, name=rest)
    if kind in _FILES:
        path, _, name = rest.partition(":")
        if not path:
            raise BadPlace(text)
        return Place(kind=kind, path=path, name=name)
    name = text.removeprefix("docker://")
    if not name or "://" in name:
        raise BadPlace(text)
    return Place(kind=REGISTRY, name=name)
