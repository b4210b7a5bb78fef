"""The monitor's life: start the container, keep its output, answer requests, and when it ends start again or finish."""

from __future__ import annotations

import _signal
import os
import time

from izba import codecache
from izba.errors import Internal, IzbaError
from izba.linux import process as processes
from izba.linux import wire
from izba.linux.loop import READ, Loop
from izba.monitor import children, failure, requests, slumber, state, telling
from izba.monitor.attachment import Attachment
from izba.monitor.control import Control, Waiting
from izba.monitor.plan import RestartPlan, to_json
from izba.monitor.restart import Ended, delay_before_restart
from izba.monitor.starter import Starter
from izba.monitor.state import State
from izba.monitor.streams import Streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable, Sequence
    from typing import Any

    from izba.linux.loop import Timer
    from izba.monitor.health import Health, Verdict
    from izba.monitor.plan import Plan
    from izba.network.plan import LinkPlan

STRAGGLERS = 1.0
"""Seconds to wait for output of processes that outlive the init, as those in the host's pid namespace can."""


class Supervisor:
    """One container from its first start to its end for good."""

    def __init__(self, plan: Plan, lock: int, channel: socket, attached: socket | None) -> None:
        self.plan = plan
        self.policy: RestartPlan = plan.restart
        self.state = State(monitor=state.identify(os.getpid()), boot=state.boot_id())
        self.loop = Loop()
        self.streams = Streams(self.loop, plan, self._on_end_of_output)
        self.waiting = Waiting(self.loop)
        self._lock = lock
        self._channel = channel
        self._attached = attached
        self._control: Control | None = None
        self._pidfd = -1
        self._mounts = -1
        self._exit_status: int | None = None
        self._began = 0.0
        self._delay = 0.0
        self._health: Health | None = None
        self._attachment = Attachment(self.loop)
        self._retry: Timer | None = None
        self._starter: Starter | None = None
        self.is_stopping = False
        self._is_unwell = False

    # -- the first start

    def begin(self, starter: Starter, uses: Sequence[int]) -> None:
        """Start for the first time and tell the command; then watch until the end for good.

        `uses` hold its networks, and are the starter's from here on.
        """
        self.loop.on_signal(_signal.SIGCHLD, self._reap_others)
        try:
            warnings = self._launch(starter, uses)
        except IzbaError as error:
            self._refuse(error)
            return
        self._answer_requests()
        wire.send(self._channel, {"pid": self.state.pid, "warnings": warnings})
        self._watch_until_the_end(slumber.quiet_at_first())

    def _answer_requests(self, listening: int = -1) -> None:
        def answer(request: requests.Request) -> None:
            requests.answer(self, request)

        self._control = Control(self.loop, self.plan.run, answer, listening=listening)
        self.loop.on_signal(_signal.SIGTERM, lambda: requests.stop(self, self.plan.stop_signal, self.plan.stop_timeout))

    def _watch_until_the_end(self, quiet: float) -> None:
        codecache.uninstall()  # nothing more is imported before somebody asks for it, and memory is what it costs
        slumber.Slumber(self, quiet)
        self.loop.run()
        if self.plan.auto_remove and not self._is_removed_by_command():
            self._discard()
        os.close(self._lock)
        self.waiting.answer({"exit_code": self.state.exit_code})

    def _refuse(self, error: IzbaError) -> None:
        """The first start failed: the container stays as it was, with the reason noted."""
        code = getattr(error, "exit_code", 128)
        self._write(self.state.replace(status="created", monitor=None, process=None, exit_code=code, error=str(error)))
        self.streams.log.close()
        self._attachment.release(self.plan)
        if self.plan.auto_remove:
            self._discard()
        os.close(self._lock)
        wire.send(self._channel, {"error": failure.to_json(error)})

    # -- one run

    def _launch(self, starter: Starter, uses: Sequence[int] = ()) -> list[str]:
        """Warnings, for the command that waits for the first start."""
        pipes = starter.pipes
        try:
            self._starter = starter
            if not starter.has_plan:
                self._create(starter, uses)
            created = starter.created()
            self._attachment.hold(self.plan, created.pid, created.attached)
            self._write(
                self.state.replace(
                    status="running",
                    process=state.identify(created.pid),
                    started=time.time_ns(),
                    error="",
                    health="starting" if self.plan.health else "",
                )
            )
            self.streams.open(self.plan, pipes.ours, created.console)
            self._attach_command()
            self._hold_mounts()
            warnings = starter.start()
            self._hold_mounts()
        except EOFError:
            self.streams.close()
            self._end_stragglers()
            raise Internal("the process that starts the container was killed") from None
        except BaseException:
            self.streams.close()
            self._end_stragglers()
            self._clean_up()
            raise
        self._began = time.monotonic()
        telling.tell_start(self.plan)
        self._exit_status = None
        self._watch_init()
        if self.plan.health and self.plan.health.test[0] != "NONE":
            from izba.monitor.health import Health

            self._health = Health(self.loop, self.plan, created.pid, self._on_verdict)
        return warnings

    def _create(self, starter: Starter, uses: Sequence[int]) -> None:
        try:
            self.plan = self._attachment.reserve(self.plan)
            starter.create(self.plan, self._attachment.sockets, uses)
        finally:
            for fd in uses:
                os.close(fd)

    def _watch_init(self) -> None:
        self._pidfd = os.pidfd_open(self.state.pid)
        self.loop.watch(self._pidfd, READ, lambda _events: self._on_exit())

    def _hold_mounts(self) -> None:
        """Before its command runs, which may end at once; where an ordinary user may not look at it yet, after that."""
        if not self.plan.shares_pids or self._mounts >= 0:
            return
        from izba.monitor import stragglers

        self._mounts = stragglers.hold(self.state.pid)

    def _end_stragglers(self) -> None:
        if self._mounts < 0:
            return
        from izba.monitor import stragglers

        mounts, self._mounts = self._mounts, -1
        stragglers.end(mounts)

    def _attach_command(self) -> None:
        """The command that waits for the first start has the output from its first byte on."""
        if self._attached:
            both = frozenset(("stdout", "stderr"))
            self.streams.clients.add(self._attached, streams=both, feeds=self.plan.stdin)
            self._attached = None
            telling.tell(self.plan, "attach")

    def _on_verdict(self, verdict: Verdict) -> None:
        changed = verdict.status != self.state.health
        self._write(self.state.replace(health=verdict.status, health_failures=verdict.failures))
        if not changed:
            return
        telling.tell(self.plan, f"health_status: {verdict.status}")
        if verdict.status == "unhealthy":
            self._on_unhealthy()

    def _on_unhealthy(self) -> None:
        """Do what was asked for; `restart` whatever the policy says, `kill` leaves the rest to it."""
        assert self.plan.health is not None
        match self.plan.health.on_failure:
            case "kill":
                self.signal(_signal.SIGKILL)
            case "stop":
                requests.stop(self, self.plan.stop_signal, self.plan.stop_timeout)
            case "restart":
                self._is_unwell = True
                self.signal(self.plan.stop_signal)
                if self.plan.stop_timeout >= 0:
                    run = self._began
                    self.loop.after(self.plan.stop_timeout, lambda: self._kill_run(run))

    def _kill_run(self, began: float) -> None:
        if self._began == began:
            self.signal(_signal.SIGKILL)

    # -- its end

    def _on_exit(self) -> None:
        self.loop.unwatch(self._pidfd)
        os.close(self._pidfd)
        self._pidfd = -1
        if self._starter:
            self._starter.close()
            self._starter = None
        self._exit_status = os.waitpid(self.state.pid, 0)[1]
        self._end_stragglers()
        self.streams.drain()
        if self.streams.are_open:
            self.loop.after(STRAGGLERS, self._end_run)
        else:
            self._end_run()

    def _on_end_of_output(self) -> None:
        if self._exit_status is not None and not self.streams.are_open:
            self._end_run()

    def _end_run(self) -> None:
        if self._exit_status is None:
            return
        status, self._exit_status = self._exit_status, None
        self.streams.close()
        self._attachment.run_ended()
        self.streams.log.flush()
        if self._health:
            self._health.close()
            self._health = None
        oom_killed = self._clean_up()
        ended = self.state.replace(
            exit_code=processes.exit_code(status), oom_killed=oom_killed, finished=time.time_ns(), process=None
        )
        telling.tell_end(self.plan, ended)
        self._decide(ended)

    def _clean_up(self) -> bool:
        """Let another runtime forget the run, and remove its cgroup; whether the kernel killed there for want of
        memory.
        """
        if not self.plan.cgroup and self.plan.runtime in {"", "native"}:
            return False
        return os.waitpid(children.fork(lambda: _clean_up(self.plan), keep=()), 0)[1] == 1 << 8

    def _decide(self, ended: State) -> None:
        run = Ended(
            exit_code=ended.exit_code,
            seconds=time.monotonic() - self._began,
            restarts=ended.restarts,
            delay=self._delay,
            stopped_by_user=ended.stopped_by_user,
        )
        policy = self.policy.replace(name="always") if self._is_unwell else self.policy
        self._is_unwell = False
        delay = delay_before_restart(policy, run)
        if delay is None:
            self._finish(ended)
            return
        self._delay = delay
        self._write(ended.replace(status="restarting"))
        self.waiting.answer({"exit_code": ended.exit_code})
        self._retry = self.loop.after(delay, self._restart)

    def _restart(self) -> None:
        self._retry = None
        self.state = self.state.replace(restarts=self.state.restarts + 1)
        try:
            self._launch(Starter(), self._hold_networks())
        except IzbaError as error:
            self._began = time.monotonic()
            code = getattr(error, "exit_code", 128)
            self._decide(self.state.replace(exit_code=code, error=str(error), finished=time.time_ns(), process=None))

    def _hold_networks(self) -> Sequence[int]:
        """For the starter, which may outlive us. Nobody can have removed them yet: the container runs until we end."""
        if self.plan.network is None or not self.plan.network.links:
            return ()
        from izba.network.uses import held

        return held(self.plan.network)

    def stop_retrying(self) -> None:
        """A request to stop, between two runs."""
        if self._retry:
            self._retry.cancel()
            self._retry = None
            self._finish(self.state)

    # -- the end for good

    def _finish(self, ended: State) -> None:
        """Record the end, let everybody know, and leave once those attached have all the output."""
        self._write(ended.replace(status="exited", monitor=None, process=None, health=""))
        if self.is_stopping:
            telling.tell(self.plan, "stop")
        self.streams.log.close()
        self._attachment.release(self.plan)
        if self._control:
            self._control.close()
        wire.send(self._channel, {"exit_code": ended.exit_code})
        self.streams.clients.on_caught_up = self._leave_when_alone
        self.streams.clients.finish()
        self._leave_when_alone()

    def _leave_when_alone(self) -> None:
        if self.streams.clients.are_gone:
            self.loop.stop()

    def _is_removed_by_command(self) -> bool:
        """A command in the foreground has the store open already; should it die, it is up to us."""
        try:
            wire.receive(self._channel)
        except EOFError:
            return False
        return True

    def _discard(self) -> None:
        from izba.monitor.discard import main

        os.waitpid(children.fork(lambda: main(self.plan), keep=(self._lock,)), 0)

    # -- asleep, see slumber.py

    def is_idle(self) -> bool:
        """Whether `pack` has all: the container runs, nobody is there, nothing is under way."""
        alone = self.streams.clients.are_gone and self.waiting.is_empty and wire.is_left(self._channel)
        if (
            not alone
            or self.is_stopping
            or self._pidfd < 0
            or self._control is None
            or (self._starter and self._starter.pid)
        ):
            return False
        expected = {self._pidfd, self._control.fileno(), *self.streams.outputs}
        return self.streams.stdin.is_idle and self.loop.watched == expected | set(self._attachment.pack()["held"][:1])

    def pack(self) -> tuple[dict[str, Any], list[int]]:
        """What `resume` needs to go on, and the descriptors that have to stay open meanwhile."""
        assert self._control is not None
        value: dict[str, Any] = {
            "plan": to_json(self.plan),
            "policy": [self.policy.name, self.policy.maximum],
            "lock": self._lock,
            "control": self._control.fileno(),
            "attachment": self._attachment.pack(),
            "mounts": self._mounts,
            "began": self._began,
            "delay": self._delay,
            **self.streams.pack(),
        }
        held, sockets = value["attachment"]["held"], value["attachment"]["sockets"]
        fds = [self._lock, value["control"], value["console"], self._mounts, value["stdin"]["fd"], *held, *sockets]
        fds += self.streams.outputs
        return value, sorted({fd for fd in fds if fd >= 0})

    def resume(self, value: dict[str, Any], quiet: float) -> None:
        """Be what was packed, and watch until the end for good."""
        self.state = state.recorded(self.plan.directory)
        self.policy = RestartPlan(name=value["policy"][0], maximum=value["policy"][1])
        self._mounts = value.get("mounts", -1)
        self._began, self._delay = value["began"], value["delay"]
        self.loop.on_signal(_signal.SIGCHLD, self._reap_others)
        self._answer_requests(value["control"])
        self._attachment.unpack(value["attachment"], self.plan, self.state.pid)
        self.streams.unpack(value)
        self._watch_init()
        for fd in self.pack()[1]:
            os.set_inheritable(fd, False)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, slumber.SIGNALS)
        self._watch_until_the_end(quiet)

    # -- small things

    def use_networks(self, links: tuple[LinkPlan, ...], *, names: bool, done: Callable[[], None]) -> None:
        """The container has these links, in this run and every later one; with `names` izba answers at 127.0.0.11.

        `done` is called when its ports lead to where they should.
        """
        if self.plan.network is None:
            done()
            return
        network = self.plan.network.replace(links=links, names=names or self.plan.network.names)
        self.plan = self.plan.replace(network=network)
        self._attachment.change(self.plan, self.state.pid, done)

    def note(self, **changes: object) -> None:
        """Change the state and write it."""
        self._write(self.state.replace(**changes))

    def signal(self, number: int) -> bool:
        """Signal the container's init, which is our child and cannot be mistaken: it is not reaped yet. Whether it is
        there.
        """
        if self._pidfd < 0 or self._exit_status is not None or not self.state.pid:
            return False
        try:
            os.kill(self.state.pid, number)
        except ProcessLookupError:
            return False
        return True

    def suspend_health(self, suspended: bool) -> None:
        """No probes while the container is paused."""
        if self._health and suspended:
            self._health.suspend()
        elif self._health:
            self._health.resume()

    def _write(self, new: State) -> None:
        self.state = new
        state.write(self.plan.directory, new)

    def _reap_others(self) -> None:
        """Orphans of a container in the host's pid namespace become our children; ours are waited for by name."""
        mine = {self.state.pid, self._health.child if self._health else 0}
        if self._starter:
            self._starter.reap()
            mine.add(self._starter.pid)
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None or found.si_pid in mine:
                return
            os.waitpid(found.si_pid, 0)


def _clean_up(plan: Plan) -> int:
    """In a child; 1 if the kernel killed for want of memory."""
    from izba.monitor.cleanup import clean_up

    return int(clean_up(plan))
