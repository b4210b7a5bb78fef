"""Progress of commands that do one thing after another: a line that moves on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
from contextlib import contextmanager

from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Protocol, TextIO

    class Step(Protocol):
        """What is being done; `total` 0 where its amount is not known."""

        @property
        def text(self) -> str: ...
        @property
        def done(self) -> int: ...
        @property
        def total(self) -> int: ...


_CLEAR = "\r\x1b[K"


@contextmanager
def steps(out: TextIO, how: str) -> Iterator[Callable[[Step], None]]:
    """Show steps on `out` inside the block; `how` is auto, plain, tty or none."""
    if how not in {"auto", "plain", "tty", "none"}:
        raise InvalidArgument(f"progress {how!r} is not known", hint="it is auto, plain, tty or none")
    if how == "none":
        yield lambda _: None
    elif how == "tty" or (how == "auto" and out.isatty() and os.environ.get("TERM") != "dumb"):
        moving = _Moving(out)
        try:
            yield moving
        finally:
            moving.end()
    else:
        yield _Plain(out)


class _Plain:
    """A line for each step."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._last = ""

    def __call__(self, step: Step) -> None:
        if step.text != self._last:
            self._last = step.text
            self._out.write(step.text + "\n")
            self._out.flush()


class _Moving:
    """One line for each step, written over while it goes on."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._last = ""

    def __call__(self, step: Step) -> None:
        end = "\n" if self._last and step.text != self._last else ""
        self._last = step.text
        amount = f"  {step.done / 1e6:.1f}/{step.total / 1e6:.1f} MB" if step.total else ""
        self._out.write(f"{end}{_CLEAR}{step.text}{amount}")
        self._out.flush()

    def end(self) -> None:
        """Leave the line."""
        if self._last:
            self._out.write("\n")
            self._out.flush()
