"""A build's progress on a terminal: the steps, what the running ones say and how long they take, drawn ever anew."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from izba.build.progress import Advanced, Cached, Canceled, Failed, Finished, Output, Started, Warned
from izba.cli.output.humanise import size
from izba.cli.output.tty import wants_colour

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import TextIO

    from izba.build.progress import Event, Step

_LOG_LINES = 6
_KEPT_LINES = 400
_REFRESHES = 10
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")


class LiveView:
    """A view that moves while a `with` lasts. What stays afterwards is everything."""

    def __init__(self, out: TextIO) -> None:
        self._console = Console(file=out, no_color=not wants_colour(out), highlight=False, emoji=False, markup=False)
        self._view = View()
        self._stops = _stops_by_the_terminal(self._pause)

    def __enter__(self) -> View:
        self._begin()
        self._stops.__enter__()
        return self._view

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stops.__exit__(None, None, None)
        self._live.stop()
        self._console.print(self._view.render(self._console.width, None), soft_wrap=True)
        for text in self._view.afterwards():
            self._console.print(text, soft_wrap=True)

    def _begin(self) -> None:
        self._live = Live(
            get_renderable=lambda: self._view.render(self._console.width, self._console.height - 1),
            console=self._console,
            refresh_per_second=_REFRESHES,
            transient=True,
        )
        self._live.start(refresh=True)

    @contextmanager
    def _pause(self) -> Iterator[None]:
        """No view and a cursor inside; afterwards another view, below what others wrote."""
        self._live.stop()
        yield
        self._begin()


@contextmanager
def _stops_by_the_terminal(pause: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    """Inside, Ctrl-Z stops this process within `pause`. Only the main thread can arrange that; elsewhere nothing is."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTSTP) != signal.SIG_DFL:
        yield
        return

    def stop(*_: object) -> None:
        with pause():
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTSTP)  # returns when somebody says SIGCONT
            signal.signal(signal.SIGTSTP, stop)

    signal.signal(signal.SIGTSTP, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)


class _Shown:
    """A step as the view knows it."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.began = time.monotonic()
        self.state = "running"
        self.seconds: float | None = None
        self.log: list[str] = [""]
        self.transfers: dict[str, Advanced] = {}

    @property
    def is_over(self) -> bool:
        return self.state != "running"

    def end(self, state: str, seconds: float) -> None:
        self.state, self.seconds = state, seconds

    def add(self, data: bytes) -> None:
        first, *others = clean(data.decode(errors="replace")).split("\n")
        self.log[-1] += first
        self.log += others
        del self.log[:-_KEPT_LINES]


class View:
    """A sink that can be looked at at any time. Events come one at a time, looks from another thread."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._steps: dict[int, _Shown] = {}
        self._warnings: list[Warned] = []

    def __call__(self, event: Event | Warned) -> None:
        if isinstance(event, Warned):
            self._warnings.append(event)
            return
        shown = self._steps.setdefault(event.step.number, _Shown(event.step))
        match event:
            case Started():
                shown.began = time.monotonic()
            case Cached():
                shown.end("cached", 0.0)
            case Output(data=data):
                shown.add(data)
            case Advanced(what=what):
                shown.transfers[what] = event
            case Finished(seconds=seconds):
                shown.end("done", seconds)
            case Failed(seconds=seconds):
                shown.end("failed", seconds)
            case Canceled(seconds=seconds):
                shown.end("canceled", seconds)

    def render(self, width: int, height: int | None) -> Text:
        """The header and the steps; if they are more than fit, the oldest that are over go first."""
        steps = list(self._steps.values())
        over = sum(step.is_over for step in steps)
        now = time.monotonic()
        state = " FINISHED" if steps and over == len(steps) else ""
        header = Text(f"[+] Building {now - self._began:.1f}s ({over}/{len(steps)}){state}")
        blocks = [_block(step, width, now) for step in steps]
        if height is not None:
            blocks = _fitting(steps, blocks, height - 1)
        return Text("\n").join([header, *(line for block in blocks for line in block)])

    def afterwards(self) -> Iterator[str]:
        """What is told when the build is over: the output of a step that failed, and the warnings."""
        for step in self._steps.values():
            if step.state == "failed" and any(step.log):
                yield "\n".join(
                    ["------", f" > {step.step.name}:", *step.log[:-1], *filter(None, step.log[-1:]), "------"]
                )
        for warning in self._warnings:
            place = f"{warning.place}: " if warning.place else ""
            yield f"WARNING: {place}{warning.message}" + (f" ({warning.hint})" if warning.hint else "")


def clean(text: str) -> str:
    """A program's output without what would move the cursor: of a line written over several times, the last."""
    text = _ESCAPES.sub("", text.replace("\r\n", "\n")).expandtabs(8)
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return "\n".join("".join(character for character in line if character.isprintable()) for line in lines)


def _block(shown: _Shown, width: int, now: float) -> list[Text]:
    """A step's line, and while it runs what it transfers and the end of what it says."""
    lines = [_line(shown, width, now)]
    if shown.is_over:
        return lines
    for transfer in list(shown.transfers.values()):
        amount = size(transfer.current) + (f" / {size(transfer.total)}" if transfer.total else "")
        lines.append(_cut(f" => => {transfer.what} {amount}", width))
    said = [line for line in shown.log[-_LOG_LINES - 1 :] if line][-_LOG_LINES:]
    return lines + [_cut(f" => => # {line}", width) for line in said]


_STYLES = {"running": "", "cached": "blue", "done": "blue", "failed": "red", "canceled": "yellow"}
_WORDS = {"cached": "CACHED ", "failed": "ERROR ", "canceled": "CANCELED "}


def _line(shown: _Shown, width: int, now: float) -> Text:
    seconds = now - shown.began if shown.seconds is None else shown.seconds
    right = f"{seconds:.1f}s"
    left = _cut(f" => {_WORDS.get(shown.state, '')}{shown.step.name}", max(1, width - len(right) - 1))
    left.pad_right(max(1, width - left.cell_len - len(right)))
    left.append(right)
    left.stylize(_STYLES[shown.state])
    return left


def _cut(text: str, width: int) -> Text:
    line = Text(text.replace("\n", " "))
    line.truncate(width, overflow="ellipsis")
    return line


def _fitting(steps: list[_Shown], blocks: list[list[Text]], height: int) -> list[list[Text]]:
    surplus = sum(map(len, blocks)) - height
    kept = []
    for step, block in zip(steps, blocks, strict=True):
        if surplus > 0 and step.is_over:
            surplus -= len(block)
        else:
            kept.append(block)
    while kept and sum(map(len, kept)) > height:
        kept.pop(0)
    return kept
