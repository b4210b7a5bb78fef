"""WORKDIR makes its directory, if it is not there."""

from __future__ import annotations

from izba import jsonio
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


class WorkdirOp(Record):
    """The directory `path`, and those above it, belonging to the USER of the stage where they are new."""

    path: str
    owner: str
    epoch: int

    @property
    def definition(self) -> dict[str, Any]:
        return {"op": "workdir", "path": self.path, "owner": self.owner, "epoch": self.epoch}

    def cache_map(self) -> CacheMap:
        return CacheMap(digest=Digest.of(jsonio.dumps(self.definition).encode()), selectors=(None,))

    def exec(self, worker: Worker, inputs: Sequence[Result], _step: RunningStep, /) -> Tree:
        (base,) = inputs
        assert isinstance(base, Tree)
        with worker.change(base) as change:
            upper = change.writer(self.epoch)
            path = upper.resolve(self.path)
            if upper.is_directory(path):
                return change.drop()
            owner = worker.owner(base, self.owner) if self.owner else (0, 0)
            upper.make_directories(path, owner)
            upper.finish()
            return change.commit()
