"""What a bootstrap tells while it works."""

from __future__ import annotations

from izba._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Step(Record):
    """One step: what is done, and how far; `total` 0 where that is not known. `unit` is bytes or packages."""

    text: str
    done: int = 0
    total: int = 0
    unit: str = "bytes"


def silent(step: Step) -> None:
    """Tell nobody."""


if TYPE_CHECKING:
    Progress = Callable[[Step], None]
