"""An image in the form of Docker's API (`GET /images/{name}/json`)."""

from __future__ import annotations

from izba.image.stored import require
from izba.oci.reference import familiar
from izba.timestamps import format_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from izba.engine.engine import Engine
    from izba.image.stored import StoredImage
    from izba.oci.documents import ImageConfig

# The fields that Docker always shows, with what it shows for their absence.
_ALWAYS: dict[str, Any] = {
    "User": "",
    "Env": None,
    "Cmd": None,
    "Volumes": None,
    "WorkingDir": "",
    "Entrypoint": None,
    "OnBuild": None,
    "Labels": None,
}


def inspect(engine: Engine, name_or_id: str) -> dict[str, Any]:
    """All about an image. Raises `ImageNotFound`."""
    image = require(engine.store, name_or_id)
    config = image.config
    names = sorted(name for row in engine.store.images.by_id(image.id) for name in row.names)
    document: dict[str, Any] = {
        "Id": image.id,
        "RepoTags": [familiar(name) for name in names if "@" not in name],
        "RepoDigests": [familiar(name) for name in names if "@" in name],
        "Parent": "",
        "Comment": _last_comment(config),
        "Created": config.get("created", "0001-01-01T00:00:00Z"),
        "DockerVersion": "",
        "Author": config.get("author", ""),
        "Architecture": config["architecture"],
        "Os": config["os"],
        "Size": image.row.size,
        "GraphDriver": _driver(engine, image),
        "RootFS": {"Type": "layers", "Layers": list(image.diff_ids)},
        "Metadata": {"LastTagTime": _last_tag_time(engine, names)},
        "Descriptor": image.descriptor.to_document(),
        "Config": _ALWAYS | dict(config.get("config") or {}),
    }
    if variant := config.get("variant"):
        document["Variant"] = variant
    return document


def _last_comment(config: ImageConfig) -> str:
    steps = config.get("history") or []
    return steps[-1].get("comment", "") if steps else ""


def _driver(engine: Engine, image: StoredImage) -> dict[str, Any]:
    if image.chain_id is None or not engine.store.snapshots.has(image.chain_id):
        return {"Name": "", "Data": {}}
    upper, *lowers = engine.store.snapshots.lowers(image.chain_id)
    data = {"UpperDir": upper} | ({"LowerDir": ":".join(lowers)} if lowers else {})
    return {"Name": engine.store.snapshots.kind, "Data": data}


def _last_tag_time(engine: Engine, names: list[str]) -> str:
    moments = [engine.store.names.updated(name) for name in names]
    return format_time(max(moments)) if moments else "0001-01-01T00:00:00Z"
