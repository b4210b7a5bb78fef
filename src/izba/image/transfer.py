"""What a pull and a push tell while they work, for whoever shows it."""

from __future__ import annotations

from izba._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from izba.oci.digest import Digest


class Progress(Record):
    """One step of one layer. `done` and `total` count bytes; `state` is one of Docker's words below."""

    layer: Digest
    state: str
    done: int = 0
    total: int = 0


WAITING = "Waiting"
DOWNLOADING = "Downloading"
DOWNLOADED = "Download complete"
EXTRACTING = "Extracting"
PULLED = "Pull complete"
EXISTS = "Already exists"
PREPARING = "Preparing"
PUSHING = "Pushing"
PUSHED = "Pushed"
MOUNTED = "Mounted"
PUSH_EXISTS = "Layer already exists"
COPYING = "Copying"
COPIED = "Copied"


if TYPE_CHECKING:
    Report = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """Tell nobody."""
