"""HEALTHCHECK: a probe every interval, in a child of its own; its verdict in the state, the last five in a file."""

from __future__ import annotations

import _signal
import os
import time

from izba import jsonio
from izba._record import Record
from izba.linux.loop import READ
from izba.monitor import children

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from izba.linux.loop import Loop, Timer
    from izba.monitor.plan import HealthPlan, Plan

FILE = "health.json"
LONGEST_OUTPUT = 4096
KEPT = 5
TIMED_OUT = NOT_STARTED = -1
_SECOND = 1_000_000_000


class Verdict(Record):
    """`status` is starting, healthy or unhealthy; `failures` counts those in a row."""

    status: str
    failures: int = 0


def judge(plan: HealthPlan, before: Verdict, exit_code: int, *, in_start_period: bool) -> Verdict:
    """The verdict after a probe (Docker's rules): a success heals at once, failures count after the start period."""
    if exit_code == 0:
        return Verdict(status="healthy")
    if in_start_period and before.status == "starting":
        return before
    failures = before.failures + 1
    return Verdict(status="unhealthy" if failures >= plan.retries else before.status, failures=failures)


def results(directory: str) -> list[dict[str, Any]]:
    """The last probes of the container in `directory`; times in nanoseconds since the epoch."""
    try:
        found: list[dict[str, Any]] = jsonio.read(f"{directory}/{FILE}")
    except FileNotFoundError:
        return []
    return found


class Health:
    """The probes of one run of a container; `on_verdict` hears of each."""

    def __init__(self, loop: Loop, plan: Plan, pid: int, on_verdict: Callable[[Verdict], None]) -> None:
        assert plan.health is not None
        self._loop = loop
        self._plan = plan
        self._health = plan.health
        self._pid = pid
        self._on_verdict = on_verdict
        self._began = time.monotonic()
        self._verdict = Verdict(status="starting")
        self._timer: Timer | None = None
        self._probe: _Probe | None = None
        self._is_suspended = False
        self._keep([])
        self._schedule()

    def close(self) -> None:
        """The container ended."""
        if self._timer:
            self._timer.cancel()
        if self._probe:
            self._probe.close()

    def suspend(self) -> None:
        """The container is paused and answers nobody: no more probes, and none under way counts."""
        if self._timer:
            self._timer.cancel()
        if self._probe:
            self._probe.counts = False
        self._is_suspended = True

    def resume(self) -> None:
        """It goes on. Nothing happens if it was not suspended."""
        if self._is_suspended and not self._probe:
            self._schedule()
        self._is_suspended = False

    @property
    def child(self) -> int:
        """The pid of the probe under way; 0 if none is."""
        return self._probe.child if self._probe else 0

    @property
    def _in_start_period(self) -> bool:
        return time.monotonic() - self._began < self._health.start_period / _SECOND

    def _keep(self, results: list[dict[str, Any]]) -> None:
        """A full or broken disk costs the record of a probe, not the container its life."""
        try:
            jsonio.write(f"{self._plan.directory}/{FILE}", results, durable=False)
        except OSError:
            return

    def _schedule(self) -> None:
        starting = self._in_start_period and self._verdict.status == "starting"
        interval = self._health.start_interval if starting else self._health.interval
        self._timer = self._loop.after(interval / _SECOND, self._begin)

    def _begin(self) -> None:
        in_start_period = self._in_start_period
        start = time.time_ns()

        def on_result(result: dict[str, Any]) -> None:
            self._on_result(result, in_start_period=in_start_period)

        try:
            self._probe = _Probe(self._loop, self._plan, self._pid, on_result)
        except OSError as error:  # no process or descriptor to be had: the probe failed (Docker), and is due again
            on_result({"Start": start, "End": time.time_ns(), "ExitCode": NOT_STARTED, "Output": f"no probe: {error}"})

    def _on_result(self, result: dict[str, Any], *, in_start_period: bool) -> None:
        probe, self._probe = self._probe, None
        if probe is None or probe.counts:
            self._keep([*results(self._plan.directory), result][-KEPT:])
            self._verdict = judge(self._health, self._verdict, result["ExitCode"], in_start_period=in_start_period)
            self._on_verdict(self._verdict)
        if not self._is_suspended:
            self._schedule()


class _Probe:
    """One probe under way, in a child that runs the command in the container; a pipe has what it wrote.

    It is over when the child is: what the command left in the background may keep the pipe open.
    """

    def __init__(self, loop: Loop, plan: Plan, pid: int, on_result: Callable[[dict[str, Any]], None]) -> None:
        self._loop = loop
        self._on_result = on_result
        self.counts = True
        self._output = bytearray()
        self._is_cut = False
        self._start = time.time_ns()
        self._fd, theirs = os.pipe2(os.O_CLOEXEC)
        try:
            self.child = children.fork(lambda: _probe(plan, pid, theirs), keep=(theirs,))
            self._pidfd = _opened(self.child)
        except OSError:
            os.close(self._fd)
            raise
        finally:
            os.close(theirs)
        os.set_blocking(self._fd, False)
        self._timeout = plan.health.timeout if plan.health else 0
        loop.watch(self._fd, READ, self._on_output)
        loop.watch(self._pidfd, READ, lambda _events: self._end())

    def close(self) -> None:
        """Give up: the result no longer matters."""
        self._let_go()
        os.kill(self.child, _signal.SIGKILL)
        os.waitpid(self.child, 0)

    def _let_go(self) -> None:
        self._loop.unwatch(self._fd)
        self._loop.unwatch(self._pidfd)
        os.close(self._fd)
        os.close(self._pidfd)

    def _on_output(self, _events: int) -> None:
        self._read()

    def _read(self) -> bool:
        """Take what is there; whether there may be more."""
        try:
            data = os.read(self._fd, 65536)
        except BlockingIOError:
            return False
        if not data:
            self._loop.unwatch(self._fd)
            return False
        room = LONGEST_OUTPUT - len(self._output)
        self._output += data[:room]
        self._is_cut = self._is_cut or len(data) > room
        return True

    def _end(self) -> None:
        while self._read():
            pass
        self._let_go()
        code = os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])
        output = bytes(self._output).decode("utf-8", "replace") + "..." * self._is_cut
        if code == -_signal.SIGALRM:
            from izba.durations import go_duration

            code = TIMED_OUT
            told = f"Health check exceeded timeout ({go_duration(self._timeout)})"
            output = f"{told}: {output}" if output else told
        self._on_result({"Start": self._start, "End": time.time_ns(), "ExitCode": code, "Output": output})


def _opened(child: int) -> int:
    """A descriptor of the child, which ends where there is none for it."""
    try:
        return os.pidfd_open(child)
    except OSError:
        os.kill(child, _signal.SIGKILL)
        os.waitpid(child, 0)
        raise


def _probe(plan: Plan, pid: int, output: int) -> int:
    from izba.monitor.probe import main  # in the child alone: it imports the runtime

    return main(plan, pid, output)
