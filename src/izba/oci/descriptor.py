"""Descriptor (image-spec, descriptor.md): what a blob is, how it is named by content, and how long it is."""

from __future__ import annotations

from izba._record import Record
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.oci import documents


class Descriptor(Record):
    """A reference by content. `annotations` are pairs so that the value stays hashable."""

    media_type: str
    digest: Digest
    size: int
    annotations: tuple[tuple[str, str], ...] = ()

    def to_document(self) -> documents.Descriptor:
        """The JSON form."""
        document: documents.Descriptor = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.annotations:
            document["annotations"] = dict(self.annotations)
        return document

    @classmethod
    def from_document(cls, document: documents.Descriptor) -> Descriptor:
        """From the JSON form, whose types were checked. Raises `InvalidDigest`."""
        return cls(
            media_type=document["mediaType"],
            digest=Digest.parse(document["digest"]),
            size=document["size"],
            annotations=tuple((document.get("annotations") or {}).items()),
        )
