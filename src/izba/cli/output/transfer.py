"""How a pull or push is shown: Docker's lines, and on a terminal one line for each layer with a bar."""

from __future__ import annotations

import time
from threading import Lock

from izba.cli.output import humanise
from izba.cli.output.tty import is_terminal
from izba.ids import short
from izba.image import transfer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self, TextIO

    from izba.image.transfer import Progress, Report

_FINAL = frozenset(
    {
        transfer.PULLED,
        transfer.EXISTS,
        transfer.PUSHED,
        transfer.MOUNTED,
        transfer.PUSH_EXISTS,
        transfer.COPIED,
    }
)
_PLAIN = _FINAL | {transfer.DOWNLOADED, transfer.PREPARING}
BAR = 40
SECONDS_BETWEEN = 0.1


class Transfer:
    """A context whose `report` is given to pull and push. `quiet` shows nothing."""

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._live = not quiet and is_terminal(stream)
        self._lock = Lock()
        self._layers: dict[str, Progress] = {}
        self._drawn = 0
        self._next = 0.0

    @property
    def report(self) -> Report:
        """What to call with each step; from any thread."""
        return self._show

    def _show(self, progress: Progress) -> None:
        if self._quiet:
            return
        with self._lock:
            before = self._layers.get(progress.layer)
            self._layers[progress.layer] = progress
            if not self._live:
                if progress.state in _PLAIN and (before is None or before.state != progress.state):
                    self._stream.write(f"{short(progress.layer)}: {progress.state}\n")
                    self._stream.flush()
            elif progress.state in _FINAL or time.monotonic() >= self._next:
                self._draw()

    def _draw(self) -> None:
        """Over what was drawn before, which must not be higher or wider than the terminal."""
        from shutil import get_terminal_size

        width, height = get_terminal_size()
        up = f"\x1b[{self._drawn}A\x1b[J" if self._drawn else ""
        lines = [f"{line[: width - 1]}\n" for line in self._lines(height - 1)]
        self._stream.write(up + "".join(lines))
        self._stream.flush()
        self._drawn = len(lines)
        self._next = time.monotonic() + SECONDS_BETWEEN

    def _lines(self, height: int) -> list[str]:
        """A line for each layer; if they are too many, those that are over become one."""
        layers = list(self._layers.values())
        if len(layers) <= height:
            return list(map(_line, layers))
        working = [layer for layer in layers if layer.state not in _FINAL]
        over = f"{len(layers) - len(working)} of {len(layers)} layers are complete"
        return [over, *map(_line, working[: height - 1])]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live and self._layers:
            with self._lock:
                self._draw()


def _line(progress: Progress) -> str:
    head = f"{short(progress.layer)}: {progress.state}"
    if progress.state in _FINAL or not progress.total:
        return head
    filled = BAR * progress.done // progress.total
    bar = "=" * max(filled - 1, 0) + ">" * bool(filled)
    return f"{head:<32} [{bar:<{BAR}}] {humanise.size(progress.done):>8}/{humanise.size(progress.total)}"
