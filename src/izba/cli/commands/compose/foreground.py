"""`up` in the foreground: the output of all, until all ended, or Ctrl-C stops them (twice: kills them)."""

from __future__ import annotations

import sys
from threading import Event, Thread

from izba.cli.commands.compose.lines import LinePrinter, wants_colour

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext
    from izba.cli.commands.compose.session import Session
    from izba.cli.options.flags import Flags
    from izba.compose.project import Project
    from izba.compose.verbs.logs import Follower
    from izba.engine.containers.model import Container

INTERRUPTED = 130
_LOOK = 0.25
"""Seconds between two looks for containers that came."""


def follow(session: Session, project: Project, flags: Flags, compose: ComposeContext) -> int:
    """Show the output until the end; the exit code."""
    from izba.compose.verbs.up import own_containers

    containers = own_containers(session.engine, project)
    return _Foreground(session, project, flags, compose, containers).run()


class _Foreground:
    """One `up`."""

    def __init__(
        self,
        session: Session,
        project: Project,
        flags: Flags,
        compose: ComposeContext,
        containers: list[Container],
    ) -> None:
        self._session = session
        self._project = project
        self._flags = flags
        self._containers = containers
        self._printer = LinePrinter(
            self._shown(containers),
            project.name,
            colour=wants_colour(compose.ansi, never=flags.on("no-color")),
            prefix=not flags.on("no-log-prefix"),
            times=flags.on("timestamps"),
        )
        self._abort = flags.on("abort-on-container-exit") or flags.given("exit-code-from")
        self._abort_on_failure = flags.on("abort-on-container-failure")
        self._code = 0
        self._hooks = session.hooks(project)  # before threads are begun
        self._stopping = Event()
        self._watchers: dict[str, Thread] = {}
        """By the container's id."""

    def run(self) -> int:
        names = ", ".join(each.name.removeprefix(f"{self._project.name}-") for each in self._shown(self._containers))
        print(f"Attaching to {names}", flush=True)
        try:
            self._print()
        except KeyboardInterrupt:
            return self._interrupted()
        wanted = self._flags.text("exit-code-from")
        return self._exit_code_of(wanted) if wanted else self._code

    def _shown(self, containers: list[Container]) -> list[Container]:
        from izba.compose.observe import service_of

        wanted, hidden = set(self._flags.all("attach")), set(self._flags.all("no-attach"))
        if self._flags.arguments and not self._flags.on("attach-dependencies") and not wanted:
            wanted = set(self._flags.arguments)
        quiet = {service.name for service in self._project.services if not service.attach}
        return [
            each
            for each in containers
            if service_of(each) not in hidden
            and (service_of(each) in wanted if wanted else service_of(each) not in quiet)
        ]

    def _print(self) -> None:
        from izba.compose.verbs.logs import Follower
        from izba.engine.containers import lifecycle
        from izba.engine.containers.logs import LogQuery

        follower = Follower()
        for container in self._shown(self._containers):
            # What it wrote in this run of its.
            follower.add(container, LogQuery(follow=True, since=lifecycle.state(container).started))
        for container in self._containers:
            self._watchers[container.id] = Thread(target=self._watch, args=(container,), daemon=True)
            self._watchers[container.id].start()
        if self._flags.on("watch"):
            follower.endless = True
            Thread(target=self._look_for_more, args=(follower,), daemon=True).start()
        for line in follower.lines():
            self._printer.print(line)
        self._join()
        self._printer.finish()

    def _join(self) -> None:
        """A log ends before its container's end is dealt with: what an end asks for is done, and its code known."""
        for container in self._shown(self._containers):
            self._watchers[container.id].join()
        if self._stopping.is_set():  # by whichever container: the others are stopped, whether they are shown or not
            for watcher in self._watchers.values():
                watcher.join()

    def _look_for_more(self, follower: Follower) -> None:
        """With `--watch` containers are made anew and restarted, and what they write then is shown, too."""
        from izba.compose.verbs.up import own_containers
        from izba.engine.containers import lifecycle
        from izba.engine.containers.logs import LogQuery

        known = {each.id for each in self._containers}
        while not self._stopping.wait(_LOOK):
            for container in self._shown(own_containers(self._session.engine, self._project)):
                state = lifecycle.state(container)
                if state.is_running and container.id not in follower.followed:
                    self._printer.know(container)
                    follower.add(container, LogQuery(follow=True, since=state.started))
                    if container.id not in known:
                        known.add(container.id)
                        Thread(target=self._watch, args=(container,), daemon=True).start()

    def _watch(self, container: Container) -> None:
        """Wait for a container's end, and do what is asked for then."""
        from izba.engine.containers import lifecycle
        from izba.engine.containers.stop import wait

        code = wait(container)
        if self._stopping.is_set() or lifecycle.state(container).status == "restarting":
            return
        self._printer.say(container, f"exited with code {code}")
        if self._abort or (self._abort_on_failure and code):
            self._stopping.set()
            self._code = code
            print("Aborting on container exit...", file=sys.stderr)
            self._stop()

    def _interrupted(self) -> int:
        self._stopping.set()
        stopped = Event()  # a Thread.join that was interrupted takes the thread for ended from then on (CPython 3.11)
        Thread(target=self._stop_and_say, args=(stopped,), daemon=True).start()
        try:
            print("\nGracefully Stopping... press Ctrl+C again to force", file=sys.stderr, flush=True)
            stopped.wait()
        except KeyboardInterrupt:
            print("Killing", file=sys.stderr, flush=True)
            self._kill()
            stopped.wait()
        return INTERRUPTED

    def _stop_and_say(self, stopped: Event) -> None:
        try:
            self._stop()
        finally:
            stopped.set()

    def _stop(self) -> None:
        from izba.compose.verbs.lifecycle import stop_all

        timeout = self._flags.number("timeout")
        stop_all(
            self._session.engine,
            self._project,
            timeout=timeout,
            report=self._session.report(),
            run_hook=self._hooks,
        )

    def _kill(self) -> None:
        from izba.engine.containers.lifecycle import NotRunning
        from izba.engine.containers.stop import kill

        for container in self._containers:
            try:
                kill(container)
            except NotRunning:
                continue

    def _exit_code_of(self, service: str) -> int:
        from izba.compose.observe import service_of
        from izba.engine.containers import lifecycle

        own = [each for each in self._containers if service_of(each) == service]
        if not own:
            self._project.service(service)
        return max((lifecycle.state(each).exit_code for each in own), default=0)
