"""`!reset` and `!override`: what a later file takes away from the tree of those before it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from izba.compose.treepath import Path


def remove(tree: dict[str, Any], paths: Iterable[Path]) -> None:
    """Remove what stands at the paths. An overridden value is removed too, so that the new one has nothing to join."""
    for path in paths:
        _remove(tree, path)


def _remove(tree: Any, path: Path) -> None:
    *parents, last = path
    part: Any
    for part in parents:
        if not _has(tree, part):
            return
        tree = tree[part]
    if _has(tree, last):
        del tree[last]


def _has(tree: Any, part: str | int) -> bool:
    return part in tree if isinstance(tree, dict) else isinstance(tree, list) and part in range(len(tree))
