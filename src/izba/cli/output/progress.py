"""A build's progress: plain lines, or on a terminal a view that moves. Both look like BuildKit's."""

from __future__ import annotations

import re
import sys
import time
from contextlib import contextmanager

from izba.build.progress import (
    Advanced,
    Cached,
    Canceled,
    Failed,
    Finished,
    Output,
    PlainPrinter,
    Started,
    Warned,
)
from izba.cli.output.humanise import size
from izba.cli.output.tty import is_terminal, wants_colour
from izba.errors import InvalidArgument
from izba.nearest import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from rich.text import Text

    from izba.build.progress import Event, Sink, Step

MODES = ("auto", "plain", "tty", "quiet")

_LOG_LINES = 6
_KEPT_LINES = 400
_REFRESHES = 10
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")


class UnknownMode(InvalidArgument):
    """A way of showing progress that there is not."""

    def __init__(self, mode: str) -> None:
        meant = nearest(mode, MODES)
        super().__init__(
            f"invalid progress mode {mode!r}",
            hint=f"did you mean {meant}?" if meant else f"it is one of {', '.join(MODES)}",
        )


@contextmanager
def progress(mode: str = "auto", out: TextIO | None = None) -> Iterator[Sink]:
    """A sink for the events of one build, to be used in a `with`. Raises `UnknownMode`.

    `auto` is the moving view where `out` (stderr) is a terminal, and plain lines elsewhere.
    """
    out = out or sys.stderr
    if mode not in MODES:
        raise UnknownMode(mode)
    if mode == "quiet":
        yield lambda _: None
    elif mode == "tty" or (mode == "auto" and is_terminal(out)):
        with _live(out) as view:
            yield view
    else:

        def write(text: str) -> None:
            out.write(text)
            out.flush()

        yield PlainPrinter(write)


@contextmanager
def _live(out: TextIO) -> Iterator[View]:
    from rich.console import Console
    from rich.live import Live

    console = Console(file=out, no_color=not wants_colour(out), highlight=False, emoji=False, markup=False)
    view = View()

    def lines() -> Text:
        return view.render(console.width, console.height - 1)

    live = Live(get_renderable=lines, console=console, refresh_per_second=_REFRESHES, transient=True)
    with live:
        yield view
    # The view that moves shows what fits; what stays is everything.
    console.print(view.render(console.width, None), soft_wrap=True)
    for text in view.afterwards():
        console.print(text, soft_wrap=True)


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
        from rich.text import Text

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
    from rich.text import Text

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
