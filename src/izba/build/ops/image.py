"""Where trees begin: an image, or nothing."""

from __future__ import annotations

from izba._record import Record
from izba.build.graph import CacheMap, Layer, Tree
from izba.oci.chain import chain_id
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from izba.build.graph import Result
    from izba.build.progress import RunningStep
    from izba.build.worker import Worker


class ImageOp(Record):
    """The tree of an image that is in the store.

    Keyed by the layers alone: what else an image says (environment, user, healthcheck, triggers) is in the definitions
    of the steps that it changes, and in the config that is made anew each time.
    """

    layers: tuple[Layer, ...]
    name: str

    @property
    def tree(self) -> Tree:
        return Tree(layers=self.layers)

    @property
    def is_context(self) -> bool:
        return False

    def ready(self, worker: Worker, /) -> Tree | None:
        return self.tree if worker.has(self.tree) else None

    @property
    def definition(self) -> dict[str, Any]:
        return {"op": "image", "chain": chain_id(layer.diff_id for layer in self.layers)}

    def cache_map(self) -> CacheMap:
        return CacheMap(digest=Digest.of(f"image {self.definition['chain']}".encode()))

    def exec(self, worker: Worker, _inputs: Sequence[Result], _step: RunningStep, /) -> Tree:
        """The layers become snapshots, those that are none yet."""
        worker.unpack(self.tree)
        return self.tree


class ScratchOp(Record):
    """The empty tree."""

    @property
    def tree(self) -> Tree:
        return Tree()

    @property
    def is_context(self) -> bool:
        return False

    def ready(self, _worker: Worker, /) -> Tree:
        return self.tree

    @property
    def definition(self) -> dict[str, Any]:
        return {"op": "scratch"}

    def cache_map(self) -> CacheMap:
        return CacheMap(digest=Digest.of(b"scratch"))

    def exec(self, _worker: Worker, _inputs: Sequence[Result], _step: RunningStep, /) -> Tree:
        return Tree()
