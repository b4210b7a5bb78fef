"""COPY --link: a layer made by itself is put on top of a tree, whatever that holds."""

from __future__ import annotations

from izba._record import Record
from izba.build.graph import CacheMap, Tree
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from izba.build.graph import Result
    from izba.build.progress import RunningStep
    from izba.build.worker import Worker


class MergeOp(Record):
    """The layers of `inputs[1]` on those of `inputs[0]`. Costs links, not copies, and nothing that is below is read."""

    @property
    def definition(self) -> dict[str, Any]:
        return {"op": "merge"}

    def cache_map(self) -> CacheMap:
        return CacheMap(digest=Digest.of(b"merge"), selectors=(None, None))

    def exec(self, worker: Worker, inputs: Sequence[Result], _step: RunningStep, /) -> Tree:
        tree, added = inputs
        assert isinstance(tree, Tree)
        assert isinstance(added, Tree)
        for index in range(len(added.layers)):
            tree = worker.put_on_top(tree, Tree(layers=added.layers[: index + 1]))
        return tree
