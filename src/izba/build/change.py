"""A layer of a build, from its beginning to its commit."""

from __future__ import annotations

import os

from izba.build.graph import Layer, Tree
from izba.ids import new_id
from izba.oci.chain import next_chain_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from izba.build.upper import Upper
    from izba.build.worker import Worker
    from izba.linux.mount import Mount


class Change:
    """A layer being made: an active snapshot, which is committed or dropped by the end of its block."""

    def __init__(self, worker: Worker, base: Tree) -> None:
        self._worker = worker
        self._snapshots = worker.store.snapshots
        self._base = base
        self._distrust = ""
        self._open = False
        self.key = f"build-{new_id()}"
        self.mounts: tuple[Mount, ...] = ()

    @property
    def upper(self) -> str:
        """The directory that holds the changes."""
        return self._snapshots.upper(self.key)

    @property
    def is_overlay(self) -> bool:
        """Whether `upper` holds nothing but the changes; else it is the whole tree."""
        return self._snapshots.kind == "overlay"

    def writer(self, epoch: int) -> Upper:
        """Puts files into the tree."""
        from izba.build.upper import Upper

        has_below = self.is_overlay and self._base.layers
        below = self._worker.view(self._base) if has_below else None
        return Upper(self.upper, below, self._worker.ops, epoch, whole=not self.is_overlay)

    def mount_on(self, directory: str) -> Mount:
        """How to mount the tree with `directory` between it and the changes."""
        from izba.linux.overlay import overlay

        lowers = self._snapshots.lowers(self._base.chain) if self._base.chain else ()
        return overlay((directory, *lowers), self.upper, f"{os.path.dirname(self.upper)}/work")

    def distrust(self, reason: str) -> None:
        """The result is what was asked for now, but must not be taken for it again."""
        self._distrust = reason

    def clamp_times(self, epoch: int) -> None:
        """No file is younger than `epoch`, so that building again gives the same."""
        if self.is_overlay:
            from izba.layer.diff import clamp_times

            clamp_times(self.upper, newest=epoch)

    def commit(self) -> Tree:
        """The tree with the changes as its topmost layer; the tree as it was, if there are none."""
        if self.is_overlay and _is_empty(self.upper):
            return self.drop()
        from izba.layer.streams import Discard

        written = self._snapshots.write_layer(self.key, Discard())
        self._worker.store.layers.record(written.diff_id, written.size)
        layer = Layer(diff_id=written.diff_id, descriptor=self._worker.store.layers.descriptor(written.diff_id))
        tree = self.commit_known(layer)
        if self._distrust and tree.chain is not None:
            self._worker.distrusted[tree.chain] = self._distrust
        return tree

    def commit_known(self, layer: Layer) -> Tree:
        """The same where the layer's digest is known already."""
        name = next_chain_id(self._base.chain, layer.diff_id)
        size = self._worker.store.layers.size(layer.diff_id)
        self._snapshots.commit(name, self.key, diff_id=layer.diff_id, size=size)
        self._open = False
        return Tree(layers=(*self._base.layers, layer))

    def drop(self) -> Tree:
        """Forget the changes; the tree as it was."""
        self._snapshots.remove(self.key)
        self._open = False
        return self._base

    def __enter__(self) -> Self:
        self.mounts = self._snapshots.prepare(self.key, self._base.chain)
        self._open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._open:
            self.drop()


def _is_empty(directory: str) -> bool:
    with os.scandir(directory) as listing:
        return next(listing, None) is None
