"""From a name on a registry to the one manifest that this machine runs: through indexes, however they lie."""

from __future__ import annotations

from izba.errors import InvalidArgument, NotFound
from izba.oci import mediatype, validate
from izba.oci.descriptor import Descriptor
from izba.oci.platform import Platform, suits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from izba.oci.documents import Descriptor as DescriptorDocument
    from izba.oci.documents import ImageConfig
    from izba.registry.client import Manifest

MAX_DEPTH = 4
"""An index of an index is seen in the wild; deeper is a mistake or a loop."""


class NoSuchPlatform(NotFound):
    """An index has no manifest for the platform; the message names those it has."""

    def __init__(self, what: str, wanted: Platform, offered: list[str]) -> None:
        shown = ", ".join(offered[:12]) or "none"
        super().__init__(
            f"{what} has no image for {wanted}; it has: {shown}", hint="choose one of them with --platform OS/ARCH"
        )


class OtherPlatform(NotFound):
    """The image, which no index offers beside others, is for another platform than the one that was asked for."""

    def __init__(self, what: str, *, wanted: Platform, found: Platform) -> None:
        super().__init__(
            f"image with reference {what} was found but does not match the specified platform: "
            f"wanted {wanted}, actual: {found}",
            hint=f"leave --platform out to have the one for {found}",
        )


class BadIndex(InvalidArgument):
    """An index, or what it leads to, is not what the image-spec describes."""


def choose(
    found: Manifest, wanted: Platform, fetch: Callable[[Descriptor], Manifest], *, what: str, exact: bool = False
) -> Manifest:
    """Follow `found` to an image manifest for `wanted`; `fetch` reads what an index names, verified.

    `exact`: the user asked for that very platform, so that nothing similar will do.
    """
    for _ in range(MAX_DEPTH):
        if found.descriptor.media_type not in mediatype.INDEXES:
            return found
        entry = _best(found, wanted, what, exact)
        found = fetch(Descriptor.from_document(entry))
        if found.descriptor.media_type != entry["mediaType"]:
            raise BadIndex(f"{what}: the index says {entry['mediaType']}, the registry {found.descriptor.media_type}")
    raise BadIndex(f"{what}: indexes inside indexes, more than {MAX_DEPTH} deep")


def check_platform(config: ImageConfig, wanted: Platform, *, what: str) -> None:
    """Whether an image that was asked for by platform is for it, or runs there. Raises `OtherPlatform`.

    For images that no index described: of the two an index is the one to believe, since builders are known to write
    their own platform into the configs of images for others.
    """
    found = Platform.of(config["os"], config["architecture"], config.get("variant") or "")
    if not suits(found, wanted, is_vague=not config.get("variant")):
        raise OtherPlatform(what, wanted=wanted, found=found)


def _best(found: Manifest, wanted: Platform, what: str, exact: bool) -> DescriptorDocument:
    index = validate.index(found.data, media_type=found.descriptor.media_type, what=f"index of {what}")
    entries, platforms = [], []
    for entry in index["manifests"]:
        platform = entry.get("platform")
        # Attestations stand in indexes as images of an unknown system.
        if entry["mediaType"] not in mediatype.MANIFESTS | mediatype.INDEXES:
            continue
        if platform is None or platform["os"] == "unknown":
            continue
        entries.append(entry)
        platforms.append(Platform.of(platform["os"], platform["architecture"], str(platform.get("variant") or "")))
    best = (platforms.index(wanted) if wanted in platforms else None) if exact else wanted.best(platforms)
    if best is not None:
        return entries[best]
    nested = [entry for entry in index["manifests"] if entry["mediaType"] in mediatype.INDEXES]
    if len(nested) == 1 and not entries:
        return nested[0]
    raise NoSuchPlatform(what, wanted, sorted({str(platform) for platform in platforms}))
