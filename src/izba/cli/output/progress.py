"""A build's progress: plain lines, or on a terminal a view that moves. Both look like BuildKit's."""

from __future__ import annotations

import sys

from izba.build.progress import PlainPrinter
from izba.cli.output.tty import is_terminal
from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import TextIO

    from izba.build.progress import Sink

MODES = ("auto", "plain", "tty", "quiet")


class UnknownMode(InvalidArgument):
    """A way of showing progress that there is not."""

    def __init__(self, mode: str) -> None:
        from izba.nearest import nearest

        meant = nearest(mode, MODES)
        super().__init__(
            f"invalid progress mode {mode!r}",
            hint=f"did you mean {meant}?" if meant else f"it is one of {', '.join(MODES)}",
        )


def progress(mode: str = "auto", out: TextIO | None = None) -> AbstractContextManager[Sink]:
    """A sink for the events of one build, to be used in a `with`. Raises `UnknownMode`.

    `auto` is the moving view where `out` (stderr) is a terminal, and plain lines elsewhere.
    """
    out = out or sys.stderr
    if mode not in MODES:
        raise UnknownMode(mode)
    if mode == "quiet":
        return _Lasting(lambda _: None)
    if mode == "tty" or (mode == "auto" and is_terminal(out)):
        from izba.cli.output.liveview import LiveView  # rich, which costs more than a cached build does

        return LiveView(out)
    return _Lasting(PlainPrinter(_writer(out)))


class _Lasting:
    """A sink that needs neither a beginning nor an end."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def __enter__(self) -> Sink:
        return self._sink

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass


def _writer(out: TextIO) -> Callable[[str], None]:
    def write(text: str) -> None:
        out.write(text)
        out.flush()

    return write
