"""Images in the store: found by what people type, read from content."""

from __future__ import annotations

from izba.errors import NotFound
from izba.ids import is_id_prefix
from izba.image.image import Documents
from izba.oci.digest import Digest
from izba.oci.reference import InvalidReference, Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.oci.descriptor import Descriptor
    from izba.store.images import ImageRow
    from izba.store.layers import LayerTar
    from izba.store.store import Store


class ImageNotFound(NotFound):
    """No image of this store has the name or id; Docker's sentence."""

    def __init__(self, name: str, *, hint: str | None = None) -> None:
        super().__init__(f"No such image: {_told(name)}", hint=hint)
        self.name = name


class AmbiguousId(NotFound):
    """Several images have ids that begin like this."""

    def __init__(self, prefix: str) -> None:
        super().__init__(f"image id {prefix} is ambiguous: more than one begins with it", hint="give more digits")
        self.prefix = prefix


class StoredImage(Documents):
    """An `Image` of the store, with its row."""

    def __init__(self, store: Store, row: ImageRow) -> None:
        manifest = store.content.read(row.manifest)
        super().__init__(manifest, store.content.read(row.id))
        self.store = store
        self.row = row

    @property
    def names(self) -> tuple[str, ...]:
        """The canonical names of the image."""
        return self.row.names

    def open_tar(self, diff_id: Digest) -> LayerTar:
        """The uncompressed tar of one layer, verified while it is read."""
        return self.store.layers.open_tar(diff_id)


def find(store: Store, name_or_id: str) -> StoredImage | None:
    """The image that a name, an id or the beginning of an id means. Raises `InvalidReference`, `AmbiguousId`."""
    row = find_row(store, name_or_id)
    return None if row is None else StoredImage(store, row)


def require(store: Store, name_or_id: str) -> StoredImage:
    """The same, raising `ImageNotFound`."""
    if (image := find(store, name_or_id)) is None:
        raise ImageNotFound(name_or_id)
    return image


def find_row(store: Store, name_or_id: str) -> ImageRow | None:
    """The row of the image that `find` would read. As with Docker, a full id comes first, then names, then prefixes."""
    id = name_or_id.removeprefix("sha256:")
    if len(id) == 64 and is_id_prefix(id):
        return _by_id(store, Digest(f"sha256:{id}"))
    by_name: ImageRow | None = None
    problem: InvalidReference | None = None
    try:
        by_name = _by_name(store, Reference.parse(name_or_id))
    except InvalidReference as error:
        problem = error
    if by_name is not None:
        return by_name
    if is_id_prefix(id):
        ids = store.images.ids_with_prefix(f"sha256:{id}")
        if len(ids) > 1:
            raise AmbiguousId(name_or_id)
        return _by_id(store, ids[0]) if ids else None
    if problem is not None:
        raise problem
    return None


def fits(row: ImageRow, platform: str | None) -> bool:
    """Whether an image is for the platform that was asked for, if any was. Raises `InvalidPlatform`."""
    if not platform:
        return True
    from izba.oci.platform import Platform

    return Platform.parse(platform) == Platform.of(row.os, row.architecture, row.variant)


def _told(name: str) -> str:
    """As Docker tells it: a name with its tag."""
    try:
        return Reference.parse(name).familiar()
    except InvalidReference:
        return name


def _by_id(store: Store, id: Digest) -> ImageRow | None:
    """By the config's digest, which is the id; or by the manifest's, which others call so."""
    rows = store.images.by_id(id)
    return rows[0] if rows else store.images.by_manifest(id)


def _by_name(store: Store, reference: Reference) -> ImageRow | None:
    """A name with a digest means that manifest if the repository is known to hold it here."""
    named: Descriptor | None = store.names.get(reference)
    if named is not None:
        return store.images.by_manifest(named.digest)
    if reference.digest is not None:
        row = store.images.by_manifest(reference.digest)
        if row is not None and any(name.startswith((f"{reference.name}:", f"{reference.name}@")) for name in row.names):
            return row
    return None
