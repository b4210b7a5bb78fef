"""The invariants of manifests, indexes and configs (image-spec), every violation listed.

For documents from outside, before anything trusts them. A document that two readers may read differently is refused:
one that is a manifest and an index at once (CVE-2021-41190), one whose media type is not the one it came with, one with
the same name twice in an object.
"""

from __future__ import annotations

from izba.errors import InvalidArgument
from izba.oci import mediatype
from izba.oci.chain import LAYERS_LIMIT
from izba.oci.digest import Digest, InvalidDigest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from izba.oci.documents import ImageConfig, Index, Manifest

SIZE_LIMIT = 4 << 20
"""Bytes of a document: the limit registries commonly set."""
DEPTH_LIMIT = 64
ENTRIES_LIMIT = 10_000
"""Manifests of an index, or blobs of a manifest: artifacts and caches have many. Images end at `LAYERS_LIMIT`."""


class InvalidDocument(InvalidArgument):
    """A document breaks its specification; `violations` has a line for each way."""

    def __init__(self, what: str, violations: list[str]) -> None:
        super().__init__(f"invalid {what}: {'; '.join(violations)}")
        self.what = what
        self.violations = tuple(violations)


def manifest(data: bytes, *, media_type: str | None = None, what: str = "manifest") -> Manifest:
    """The image manifest in `data`, which came as `media_type`. Raises `InvalidDocument`."""
    document: Manifest = _read(data, what)
    _refuse(what, [*_envelope(document, mediatype.MANIFESTS, media_type), *_manifest(document)])
    return document


def index(data: bytes, *, media_type: str | None = None, what: str = "index") -> Index:
    """The image index in `data`, which came as `media_type`. Raises `InvalidDocument`."""
    document: Index = _read(data, what)
    _refuse(what, [*_envelope(document, mediatype.INDEXES, media_type), *_index(document)])
    return document


def config(data: bytes, *, layers: int | None = None, what: str = "image config") -> ImageConfig:
    """The image config in `data`, of a manifest with so many `layers`. Raises `InvalidDocument`."""
    document: ImageConfig = _read(data, what)
    _refuse(what, list(_config(document, layers)))
    return document


def is_index(data: bytes) -> bool:
    """Whether a document is an index, by its fields, which cannot lie: a manifest has no `manifests`."""
    document = _read(data, "document")
    return "manifests" in document and "layers" not in document


# -- reading


def _read(data: bytes, what: str) -> Any:
    """The JSON object in `data`. Raises `InvalidDocument` for what is no object, too large, too deep or ambiguous."""
    if len(data) > SIZE_LIMIT:
        raise InvalidDocument(what, [f"{len(data)} bytes, more than the {SIZE_LIMIT} that are read"])
    import json

    repeated: set[str] = set()

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(items)
        if len(value) != len(items):
            seen: set[str] = set()
            for name, _ in items:
                (repeated if name in seen else seen).add(name)
        return value

    try:
        document = json.loads(data, object_pairs_hook=pairs, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidDocument(
            what, [f"not JSON: {error}" if isinstance(error, ValueError) else "nested too deeply"]
        ) from None
    if not isinstance(document, dict):
        raise InvalidDocument(what, ["not a JSON object"])
    violations = [f"{name!r} stands twice in one object" for name in sorted(repeated)[:10]]
    if _depth(document) > DEPTH_LIMIT:
        violations.append(f"nested deeper than {DEPTH_LIMIT}")
    _refuse(what, violations)
    return document


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _depth(value: object) -> int:
    """Without recursion; only as deep as it takes to know."""
    level, depth = [value], 0
    while level and depth <= DEPTH_LIMIT:
        depth += 1
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return depth


def _refuse(what: str, violations: list[str]) -> None:
    if violations:
        raise InvalidDocument(what, violations)


# -- rules: each gives its violations


def _envelope(document: Any, own: frozenset[str], came_as: str | None) -> Iterator[str]:
    if document.get("schemaVersion") != 2:
        yield f"schemaVersion is {document.get('schemaVersion')!r}, not 2"
    declared = document.get("mediaType")
    if declared is not None and (not isinstance(declared, str) or declared not in own):
        yield f"mediaType is {declared!r}"
    if came_as is not None and declared is not None and declared != came_as:
        yield f"mediaType is {declared!r}, but it came as {came_as!r}"
    if came_as is not None and declared is None and came_as not in own:
        yield f"it came as {came_as!r}"
    if "manifests" in document and ("layers" in document or "config" in document):
        yield "it has both layers and manifests"
    if "fsLayers" in document or "history" in document:
        yield "it has fields of the obsolete schema 1"


def _manifest(document: Any) -> Iterator[str]:
    yield from _descriptor(document.get("config"), "config")
    layers = document.get("layers")
    if not isinstance(layers, list):
        yield "layers is not a list"
        return
    if len(layers) > ENTRIES_LIMIT:
        yield f"layers has {len(layers)} entries, more than {ENTRIES_LIMIT}"
        return
    for number, layer in enumerate(layers):
        yield from _descriptor(layer, f"layers[{number}]")
    yield from _annotations(document.get("annotations"), "annotations")


def _index(document: Any) -> Iterator[str]:
    manifests = document.get("manifests")
    if not isinstance(manifests, list):
        yield "manifests is not a list"
        return
    if len(manifests) > ENTRIES_LIMIT:
        yield f"manifests has {len(manifests)} entries, more than {ENTRIES_LIMIT}"
        return
    for number, entry in enumerate(manifests):
        place = f"manifests[{number}]"
        yield from _descriptor(entry, place)
        platform = entry.get("platform") if isinstance(entry, dict) else None
        if platform is not None and not (
            isinstance(platform, dict) and all(isinstance(platform.get(key), str) for key in ("os", "architecture"))
        ):
            yield f"{place}.platform lacks os or architecture"
    yield from _annotations(document.get("annotations"), "annotations")


def _descriptor(value: Any, place: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place} is not a descriptor"
        return
    if not isinstance(value.get("mediaType"), str) or not value["mediaType"]:
        yield f"{place}.mediaType is missing"
    size = value.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 1 << 63:
        yield f"{place}.size is {size!r}"
    yield from _digest(value.get("digest"), f"{place}.digest")
    yield from _annotations(value.get("annotations"), f"{place}.annotations")


def _digest(value: object, place: str) -> Iterator[str]:
    try:
        Digest.parse(value if isinstance(value, str) else "")
    except InvalidDigest:
        yield f"{place} is {str(value)[:80]!r}, not sha256: and 64 hex digits"


def _annotations(value: object, place: str) -> Iterator[str]:
    if value is not None and not _is_mapping_of_text(value):
        yield f"{place} is not a mapping of strings"


def _is_mapping_of_text(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _config(document: Any, layers: int | None) -> Iterator[str]:
    for name in ("architecture", "os"):
        if not isinstance(document.get(name), str) or not document[name]:
            yield f"{name} is missing"
    if not isinstance(document.get("variant") or "", str):
        yield "variant is not a string"
    rootfs = document.get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(diff_ids, list):
        yield "rootfs.diff_ids is not a list"
        diff_ids = []
    else:
        if rootfs.get("type") != "layers":
            yield f"rootfs.type is {rootfs.get('type')!r}, not 'layers'"
        if len(diff_ids) > LAYERS_LIMIT:
            yield f"rootfs.diff_ids has {len(diff_ids)} entries: a container can have {LAYERS_LIMIT} layers at most"
            return
        for number, diff_id in enumerate(diff_ids):
            yield from _digest(diff_id, f"rootfs.diff_ids[{number}]")
        if layers is not None and len(diff_ids) != layers:
            yield f"rootfs.diff_ids has {len(diff_ids)} entries for {layers} layers"
    yield from _history(document.get("history"), len(diff_ids))
    yield from _created(document.get("created"))
    if document.get("config") is not None:
        yield from _defaults(document["config"])


def _history(history: object, layers: int) -> Iterator[str]:
    if history is None:
        return
    if not isinstance(history, list) or not all(isinstance(step, dict) for step in history):
        yield "history is not a list of objects"
        return
    for number, step in enumerate(history):
        for name in ("created", "created_by", "author", "comment"):
            if not isinstance(step.get(name, ""), str):
                yield f"history[{number}].{name} is not a string"
        if not isinstance(step.get("empty_layer", False), bool):
            yield f"history[{number}].empty_layer is not true or false"
    filling = sum(step.get("empty_layer") is not True for step in history)
    if filling > layers:
        yield f"history speaks of {filling} layers, rootfs.diff_ids has {layers}"


def _created(created: object) -> Iterator[str]:
    from izba.timestamps import InvalidTime, parse_time

    if created is None:
        return
    try:
        parse_time(created if isinstance(created, str) else "?")
    except InvalidTime:
        yield f"created is {str(created)[:80]!r}, no RFC 3339 time"


_LISTS = ("Env", "Entrypoint", "Cmd", "OnBuild", "Shell")
_MAPPINGS = ("ExposedPorts", "Volumes")
_TEXTS = ("User", "WorkingDir", "StopSignal")


def _defaults(value: Any) -> Iterator[str]:
    """The container's defaults: the types only; what they mean is for whoever uses them."""
    if not isinstance(value, dict):
        yield "config is not an object"
        return
    for name in _TEXTS:
        if not isinstance(value.get(name) or "", str):
            yield f"config.{name} is not a string"
    for name in _LISTS:
        listed = value.get(name) or []
        if not isinstance(listed, list) or not all(isinstance(text, str) for text in listed):
            yield f"config.{name} is not a list of strings"
    for name in _MAPPINGS:
        if not isinstance(value.get(name) or {}, dict):
            yield f"config.{name} is not an object"
    if not _is_mapping_of_text(value.get("Labels") or {}):
        yield "config.Labels is not a mapping of strings"
    for name in (*_TEXTS, *_LISTS):
        words = value.get(name)
        texts = words if isinstance(words, list) else [words]
        if any("\0" in text for text in texts if isinstance(text, str)):
            yield f"config.{name} has a NUL"
