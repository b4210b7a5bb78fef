"""An image as a value: the least that a source has, and what follows from it (go-containerregistry's idea).

A source gives the bytes of manifest and config and opens its layers; digests, ids, chains and parsed documents follow.
The digest is always over the bytes as they came, never over a re-encoding.
"""

from __future__ import annotations

from izba.jsonio import loads
from izba.oci import mediatype
from izba.oci.chain import chain_id
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from izba.oci.documents import ImageConfig, Manifest

    class Reader(Protocol):
        def read(self, count: int = -1, /) -> bytes: ...

    class Image(Protocol):
        """Anything that is an image: in the store, in an archive, in a registry."""

        @property
        def descriptor(self) -> Descriptor: ...
        @property
        def manifest_bytes(self) -> bytes: ...
        @property
        def config_bytes(self) -> bytes: ...
        @property
        def layers(self) -> tuple[Descriptor, ...]: ...
        def open_tar(self, diff_id: Digest) -> Reader:
            """The uncompressed tar of one layer."""


class Documents:
    """What follows from the bytes of an image's two documents, which were validated before."""

    def __init__(self, manifest_bytes: bytes, config_bytes: bytes) -> None:
        self.manifest_bytes = manifest_bytes
        self.config_bytes = config_bytes
        self.manifest: Manifest = loads(manifest_bytes)
        self.config: ImageConfig = loads(config_bytes)

    @property
    def descriptor(self) -> Descriptor:
        """The manifest's."""
        return Descriptor(
            media_type=self.manifest.get("mediaType", mediatype.OCI_MANIFEST),
            digest=Digest.of(self.manifest_bytes),
            size=len(self.manifest_bytes),
        )

    @property
    def id(self) -> Digest:
        """The image id that people see: the digest of the config."""
        return Digest(self.manifest["config"]["digest"])

    @property
    def layers(self) -> tuple[Descriptor, ...]:
        """The layers as the manifest names them, lowest first."""
        return tuple(map(Descriptor.from_document, self.manifest["layers"]))

    @property
    def diff_ids(self) -> tuple[Digest, ...]:
        """The layers by the digests of their tars, lowest first."""
        return tuple(map(Digest.parse, self.config["rootfs"]["diff_ids"]))

    @property
    def chain_id(self) -> Digest | None:
        """The name of the whole stack's snapshot; None for an image without layers."""
        return chain_id(self.diff_ids)
