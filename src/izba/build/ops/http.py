"""ADD of a URL: one file, fetched by HTTP."""

from __future__ import annotations

from izba import jsonio
from izba._record import Record
from izba.build.graph import CacheMap
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from izba.build.files import FileSource
    from izba.build.graph import Result
    from izba.build.progress import RunningStep
    from izba.build.worker import Worker


class HttpOp(Record):
    """The file at `url`, called `name`. With a checksum it is known before it is fetched."""

    url: str
    name: str
    checksum: Digest | None = None

    @property
    def tree(self) -> None:
        return None

    @property
    def is_context(self) -> bool:
        return False

    def ready(self, _worker: Worker, /) -> FileSource | None:
        return None

    @property
    def definition(self) -> dict[str, Any]:
        return {"op": "http", "url": self.url, "name": self.name, "checksum": self.checksum}

    def cache_map(self) -> CacheMap:
        if self.checksum is None:
            return CacheMap(digest=None)
        return CacheMap(digest=Digest.of(jsonio.dumps(["http", self.name, self.checksum]).encode()))

    def exec(self, worker: Worker, _inputs: Sequence[Result], step: RunningStep, /) -> FileSource:
        return worker.download(self.url, self.name, self.checksum, step)
