"""A directory of the host's, given to the build by name."""

from __future__ import annotations

from izba._record import Record
from izba.build.graph import CacheMap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from izba.build.files import FileSource
    from izba.build.graph import Result
    from izba.build.progress import RunningStep
    from izba.build.worker import Worker


class ContextOp(Record):
    """The build context `name`. It has no key of its own: only the content of what is taken from it counts."""

    name: str

    @property
    def tree(self) -> None:
        return None

    @property
    def is_context(self) -> bool:
        return True

    def ready(self, worker: Worker, /) -> FileSource:
        return worker.contexts[self.name]

    @property
    def definition(self) -> dict[str, Any]:
        return {"op": "context", "name": self.name}

    def cache_map(self) -> CacheMap:
        return CacheMap(digest=None)

    def exec(self, worker: Worker, _inputs: Sequence[Result], _step: RunningStep, /) -> FileSource:
        return self.ready(worker)
