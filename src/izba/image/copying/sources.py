"""Where copies come from: a registry, an image layout in a directory or a tar, an archive of `docker save`."""

from __future__ import annotations

import os
import posixpath

from izba.decode import document
from izba.errors import InvalidArgument
from izba.image import layout
from izba.image.archive import MANIFEST
from izba.image.inbox import BadArchive, layer_type
from izba.image.loading import DockerImage
from izba.jsonio import dumps_ordered
from izba.layer.tarheader import shown
from izba.oci import mediatype, validate
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest, DigestMismatch, Hasher
from izba.registry.client import MAX_MANIFEST, Client, Manifest
from izba.registry.fault import RegistryUnreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import tarfile
    from collections.abc import Iterator
    from typing import Protocol

    from izba.oci import documents
    from izba.oci.reference import Reference

    class Files(Protocol):
        """The files of a layout or archive, by path."""

        def has(self, path: str) -> bool: ...
        def size(self, path: str) -> int: ...
        def chunks(self, path: str) -> Iterator[bytes]: ...
        def close(self) -> None: ...


CHUNK = 1 << 20
_RESUMES = 5
_LINKS = 8


class FromRegistry:
    """See `Source`. A blob that breaks off is gone on with."""

    def __init__(self, client: Client, reference: Reference) -> None:
        self.what = reference.familiar()
        self.client = client
        self._reference = reference

    def root(self) -> Manifest:
        """See `Source`."""
        return self.client.manifest(self._reference.digest or self._reference.tag or "latest")

    def child(self, entry: Descriptor) -> Manifest:
        """See `Source`."""
        return self.client.manifest(entry.digest, expected=entry)

    def blob(self, blob: Descriptor) -> Iterator[bytes]:
        """See `Source`."""
        offset, failures = 0, 0
        while True:
            body, begins = self.client.blob(blob, offset=offset)
            try:
                skip = offset - begins
                while data := body.read(CHUNK):
                    fresh, skip = data[skip:], max(skip - len(data), 0)
                    if fresh:
                        offset, failures = offset + len(fresh), 0
                        yield fresh
            except RegistryUnreachable:
                failures += 1
                if failures > _RESUMES:
                    raise
            finally:
                body.close()
            if offset >= blob.size or failures == 0:
                return

    def close(self) -> None:
        """See `Source`; connections close themselves."""


class FromLayout:
    """See `Source`."""

    def __init__(self, files: Files, what: str, name: str) -> None:
        self.what = what
        self._files = files
        self._name = name

    def root(self) -> Manifest:
        """See `Source`: the entry of the name, or the only one."""
        entries = validate.index(_read(self._files, layout.INDEX), what=layout.INDEX)["manifests"]
        if self._name:
            entries = [entry for entry in entries if self._name in _names(entry)]
        if len({entry["digest"] for entry in entries}) != 1:
            reason = "several images; choose one by its name" if entries else f"no image {shown(self._name)}"
            raise BadArchive(f"{self.what} has {reason}")
        return self.child(Descriptor.from_document(entries[0]))

    def child(self, entry: Descriptor) -> Manifest:
        """See `Source`."""
        data = _read(self._files, layout.blob_path(entry.digest))
        if len(data) != entry.size or Digest.of(data) != entry.digest:
            actual = f"{Digest.of(data)} of {len(data)} bytes"
            raise DigestMismatch("document", expected=f"{entry.digest} of {entry.size} bytes", actual=actual)
        return Manifest(descriptor=entry, data=data)

    def blob(self, blob: Descriptor) -> Iterator[bytes]:
        """See `Source`."""
        return self._files.chunks(layout.blob_path(blob.digest))

    def close(self) -> None:
        """See `Source`."""
        self._files.close()


class FromDockerArchive:
    """See `Source`. The archive has no manifest, so one is made of the layers as they lie in it."""

    def __init__(self, files: Files, what: str, name: str) -> None:
        self.what = what
        self._files = files
        self._name = name
        self._paths: dict[Digest, str] = {}

    def root(self) -> Manifest:
        """See `Source`."""
        entry = self._entry()
        config = _read(self._files, entry["Config"])
        validate.config(config, layers=len(entry["Layers"]))
        manifest: documents.Manifest = {
            "schemaVersion": 2,
            "mediaType": mediatype.OCI_MANIFEST,
            "config": self._described(entry["Config"], mediatype.OCI_CONFIG).to_document(),
            "layers": [self._described(path).to_document() for path in entry["Layers"]],
        }
        data = dumps_ordered(manifest).encode()
        descriptor = Descriptor(media_type=mediatype.OCI_MANIFEST, digest=Digest.of(data), size=len(data))
        return Manifest(descriptor=descriptor, data=data)

    def child(self, entry: Descriptor) -> Manifest:
        """See `Source`; there are no indexes in such an archive."""
        raise BadArchive(f"{self.what} has no manifest {entry.digest}")

    def blob(self, blob: Descriptor) -> Iterator[bytes]:
        """See `Source`."""
        return self._files.chunks(self._paths[blob.digest])

    def close(self) -> None:
        """See `Source`."""
        self._files.close()

    def _entry(self) -> DockerImage:
        entries = document(_read(self._files, MANIFEST), list[DockerImage], what=MANIFEST)
        if self._name:
            entries = [entry for entry in entries if self._name in (entry.get("RepoTags") or ())]
        if len(entries) != 1:
            reason = "several images; choose one by its name" if entries else f"no image {shown(self._name)}"
            raise BadArchive(f"{self.what} has {reason}")
        return entries[0]

    def _described(self, path: str, media_type: str | None = None) -> Descriptor:
        hasher, head = Hasher(), b""
        for chunk in self._files.chunks(path):
            head = head or chunk[:6]
            hasher.update(chunk)
        digest = hasher.digest()
        self._paths[digest] = path
        return Descriptor(media_type=media_type or layer_type(head), digest=digest, size=hasher.size)


class Directory:
    """The files of a directory; links in it are not followed."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return os.path.isfile(f"{self._directory}/{path}")

    def size(self, path: str) -> int:
        """Its size."""
        return os.lstat(f"{self._directory}/{path}").st_size

    def chunks(self, path: str) -> Iterator[bytes]:
        """Its bytes."""
        try:
            fd = os.open(f"{self._directory}/{path}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise BadArchive(f"{self._directory}/{shown(path)}: {error.strerror}") from None
        with open(fd, "rb", buffering=0) as file:
            while data := file.read(CHUNK):
                yield data

    def close(self) -> None:
        """Nothing is held open."""


class Archive:
    """The members of an uncompressed tar; their names are keys and never paths of this machine."""

    def __init__(self, path: str) -> None:
        import tarfile

        try:
            self._tar = tarfile.open(path, "r:")
        except tarfile.TarError as error:
            raise BadArchive(f"{path}: {error}", hint="unpack it first if it is compressed") from None
        except OSError as error:
            raise InvalidArgument(f"cannot open {path}: {error.strerror}") from None
        self._members = {posixpath.normpath(member.name): member for member in self._tar}

    def has(self, path: str) -> bool:
        """Whether there is such a member."""
        return self._find(path) is not None

    def size(self, path: str) -> int:
        """Its size. Raises `BadArchive`."""
        return self._require(path).size

    def chunks(self, path: str) -> Iterator[bytes]:
        """Its bytes. Raises `BadArchive`."""
        file = self._tar.extractfile(self._require(path))
        while file and (data := file.read(CHUNK)):
            yield data

    def close(self) -> None:
        """Close the tar."""
        self._tar.close()

    def _require(self, path: str) -> tarfile.TarInfo:
        if (member := self._find(path)) is None:
            raise BadArchive(f"the archive has no {shown(path)}")
        return member

    def _find(self, path: str) -> tarfile.TarInfo | None:
        path = posixpath.normpath(path)
        for _ in range(_LINKS):
            member = self._members.get(path)
            if member is None or member.isreg():
                return member
            if not (member.issym() or member.islnk()):
                return None
            # Docker links layers that images share.
            base = posixpath.dirname(path) if member.issym() else ""
            path = posixpath.normpath(posixpath.join(base, member.linkname))
        return None


def _read(files: Files, path: str) -> bytes:
    if not files.has(path):
        raise BadArchive(f"there is no {shown(path)}")
    if (size := files.size(path)) > MAX_MANIFEST:
        raise BadArchive(f"{shown(path)} has {size} bytes, too many for a document")
    return b"".join(files.chunks(path))


def _names(entry: documents.Descriptor) -> set[str]:
    """What an index calls an image: its tag, its whole name, and that in the short form."""
    from izba.oci.reference import InvalidReference, Reference

    annotations = entry.get("annotations") or {}
    names = {annotations.get(layout.REF_NAME, ""), annotations.get(layout.IMAGE_NAME, "")}
    for name in tuple(names):
        try:
            names.add(Reference.parse(name).familiar())
        except InvalidReference:
            continue
    return names
