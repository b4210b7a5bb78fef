"""Events: what happened to what, for `izba events`; in Docker's words (Engine API, EventMessage)."""

from __future__ import annotations

from izba._record import Record


class Event(Record):
    """`type` is container, image, network, volume or builder; `time` counts nanoseconds since the epoch."""

    type: str
    action: str
    id: str
    time: int
    attributes: tuple[tuple[str, str], ...] = ()
