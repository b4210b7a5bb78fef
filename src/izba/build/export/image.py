"""The image that a build ends with: the target's tree, its config, and a history that says how it was made."""

from __future__ import annotations

import time

from izba.image.mutate import create_image
from izba.oci.platform import Platform
from izba.timestamps import SECOND, InvalidTime, format_time, parse_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from izba.build.convert.stages import Converted
    from izba.build.graph import Tree
    from izba.build.solver import Solver
    from izba.image.stored import StoredImage
    from izba.oci.documents import History, ImageConfig
    from izba.oci.reference import Reference
    from izba.store.store import Store

_COMMENT = "izba.dockerfile.v1"


def image_config(converted: Converted, solver: Solver, tree: Tree, *, epoch: int | None) -> ImageConfig:
    """The config document. The same inputs and times give the same bytes.

    With `epoch` (SOURCE_DATE_EPOCH) all times are that; else a cached step's is when it was done, so that building
    again without a change gives the very same image.
    """
    platform = Platform.parse(converted.platform)
    base = converted.base.config if converted.base else None
    latest = _base_time(base)
    history: list[History] = list(base.get("history", ())) if base else []
    steps: list[History] = []
    for step in converted.history:
        entry: History = {"created_by": step.created_by, "comment": _COMMENT}
        solved = solver.solved(step.vertex) if step.vertex is not None else None
        below = solver.solved(step.vertex.base) if step.vertex is not None and step.vertex.base is not None else None
        if solved is not None:
            latest = max(latest, solved.created or time.time_ns())
        if solved is None or below is None or len(solved.tree.layers) == len(below.tree.layers):
            entry["empty_layer"] = True
        entry["created"] = format_time(latest if epoch is None else epoch * SECOND)
        steps.append(entry)
    config: ImageConfig = {
        "architecture": platform.architecture,
        "os": platform.os,
        "config": _without_nothing(converted.defaults),
        "created": format_time(latest if epoch is None else epoch * SECOND),
        "history": history + steps,
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in tree.layers]},
    }
    if platform.variant:
        config["variant"] = platform.variant
    if converted.author:
        config["author"] = converted.author
    return config


def export_image(
    store: Store,
    config: ImageConfig,
    tree: Tree,
    names: Sequence[Reference],
    annotations: Sequence[tuple[str, str]] = (),
) -> StoredImage:
    """Put the image into the store under all its names."""
    first, *others = [*names, None] if not names else [*names]
    layers = [layer.descriptor for layer in tree.layers]
    image = create_image(store, config=config, layers=layers, name=first, annotations=annotations)
    for name in others:
        assert name is not None
        store.names.set(name, image.descriptor)
    return image


def _base_time(base: ImageConfig | None) -> int:
    try:
        return parse_time(base.get("created")) if base else 0
    except InvalidTime:
        return 0


def _without_nothing(defaults: Any) -> Any:
    """Empty settings are left out, as Docker does; but an empty environment is one."""
    return {key: value for key, value in defaults.items() if value not in (None, "", {}, []) or key == "Env"}
