"""What a build tells while it goes on: a stream of events, each about one step that people see.

A step begins with `Started` and ends with exactly one of `Cached`, `Finished`, `Failed` or `Canceled`; between these
come any number of `Output` (what a RUN prints) and `Advanced` (how far a transfer is). Steps run at the same time, so
events of different steps mix. Events are made in many threads, and reach the sink one at a time.
"""

from __future__ import annotations

import time
from _thread import allocate_lock

from izba._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self, TypeAlias

    from izba.errors import Range


class Step(Record):
    """A line of work: `number` counts from 1 in order of appearance, `name` is such as `[2/7] WORKDIR /app`."""

    number: int
    name: str


class Event(Record):
    step: Step


class Started(Event):
    pass


class Cached(Event):
    """The step's result was there."""


class Output(Event):
    """Bytes that the step's process wrote; `seconds` since its start, `stream` 1 or 2."""

    data: bytes
    stream: int
    seconds: float


class Advanced(Event):
    """`current` bytes of `total` (None: not known) of `what` are done."""

    what: str
    current: int
    total: int | None = None


class Finished(Event):
    seconds: float


class Failed(Event):
    seconds: float
    message: str


class Canceled(Event):
    """Another step failed, or the user ended the build."""

    seconds: float


class Warned(Record):
    """Something to know that does not stop the build; not about one step."""

    message: str
    place: Range | None = None
    hint: str | None = None


if TYPE_CHECKING:
    Sink: TypeAlias = Callable[[Event | Warned], None]


class Reporter:
    """Numbers the steps and hands their events to `sink`, one at a time."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._lock = allocate_lock()
        self._count = 0

    def step(self, name: str) -> RunningStep:
        """A new step, to be used in a `with`: it is started at once, and ended by the block's end."""
        with self._lock:
            self._count += 1
            step = Step(number=self._count, name=name)
            self._sink(Started(step=step))
        return RunningStep(self, step)

    def silent(self) -> RunningStep:
        """A step that nobody is told about."""
        return RunningStep(Reporter(lambda _: None), Step(number=0, name=""))

    def cached(self, name: str) -> None:
        """A step that had nothing to do."""
        running = self.step(name)
        self.emit(Cached(step=running.step))

    def warn(self, message: str, *, place: Range | None = None, hint: str | None = None) -> None:
        self.emit(Warned(message=message, place=place, hint=hint))

    def emit(self, event: Event | Warned) -> None:
        with self._lock:
            self._sink(event)


class RunningStep:
    """One step from its start to its end."""

    def __init__(self, reporter: Reporter, step: Step) -> None:
        self._reporter = reporter
        self.step = step
        self._began = time.monotonic()
        self._canceled = False

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def output(self, data: bytes, stream: int = 1) -> None:
        self._reporter.emit(Output(step=self.step, data=data, stream=stream, seconds=self.seconds))

    def advanced(self, what: str, current: int, total: int | None = None) -> None:
        self._reporter.emit(Advanced(step=self.step, what=what, current=current, total=total))

    def cancel(self) -> None:
        """The block's end will tell that the step was given up, not that it failed."""
        self._canceled = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self._reporter.emit(Finished(step=self.step, seconds=self.seconds))
        elif self._canceled or not isinstance(error, Exception):
            self._reporter.emit(Canceled(step=self.step, seconds=self.seconds))
        else:
            message = getattr(error, "message", None) or str(error)
            self._reporter.emit(Failed(step=self.step, seconds=self.seconds, message=message))


class PlainPrinter:
    """A sink that writes lines as BuildKit's `--progress=plain` does: `#5 [2/7] WORKDIR /app`, `#5 CACHED`."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._partial: dict[int, bytes] = {}
        self._last = 0

    def __call__(self, event: Event | Warned) -> None:
        if isinstance(event, Warned):
            where = f"{event.place}: " if event.place else ""
            self._write(f"\nWARNING: {where}{event.message}" + (f" ({event.hint})" if event.hint else "") + "\n")
            return
        self._turn_to(event.step)
        number = event.step.number
        match event:
            case Started():
                self._write(f"#{number} {event.step.name}\n")
            case Cached():
                self._write(f"#{number} CACHED\n")
            case Output(data=data, seconds=seconds):
                self._lines(number, data, seconds)
            case Finished(seconds=seconds):
                self._flush(number, seconds)
                self._write(f"#{number} DONE {seconds:.1f}s\n")
            case Failed(seconds=seconds, message=message):
                self._flush(number, seconds)
                self._write(f"#{number} ERROR: {message}\n")
            case Canceled(seconds=seconds):
                self._flush(number, seconds)
                self._write(f"#{number} CANCELED\n")

    def _turn_to(self, step: Step) -> None:
        """Lines of one step stand together; where another one speaks, it says who it is."""
        if self._last == step.number:
            return
        if self._last:
            self._write("\n")
        self._last = step.number

    def _lines(self, number: int, data: bytes, seconds: float) -> None:
        *lines, rest = (self._partial.pop(number, b"") + data).split(b"\n")
        for line in lines:
            self._print(number, line, seconds)
        if rest:
            self._partial[number] = rest

    def _flush(self, number: int, seconds: float) -> None:
        if rest := self._partial.pop(number, b""):
            self._print(number, rest, seconds)

    def _print(self, number: int, line: bytes, seconds: float) -> None:
        text = printable(line.rstrip(b"\r").rpartition(b"\r")[2])
        self._write(f"#{number} {seconds:.3f} {text}\n")


def printable(data: bytes) -> str:
    """Text that cannot move the cursor or change the terminal: control characters but tab are shown escaped."""
    text = data.decode("utf-8", "replace")
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\t" else repr(each)[1:-1] for each in text)
