"""`izba compose watch`: containers follow the source files."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress

from izba.cli.commands.compose.bringing import detached
from izba.cli.commands.compose.session import Session
from izba.cli.options.flags import Command, Flag
from izba.errors import IzbaError
from izba.linux.process import set_parent_death_signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn, Self

    from izba.cli.commands.compose.context import ComposeContext
    from izba.cli.options.flags import Flags
    from izba.compose.project import Project
    from izba.compose.verbs.watch import Change, Watched
    from izba.engine.containers.model import Container

COMMAND = Command(
    name="compose watch",
    usage="[SERVICE...]",
    summary="Watch build context for service and rebuild/refresh containers when files are updated",
    flags=(
        Flag(name="no-up", help="Do not build & start services before watching"),
        Flag(name="quiet", help="Hide build output"),
        Flag(name="quiet-build", help="Hide build output", hidden=True),
        Flag(name="quiet-pull", help="Hide pull output", hidden=True),
    ),
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Watch until Ctrl-C."""
    flags = COMMAND.parse(argv)
    with Session(compose) as session:
        project = compose.project(flags.arguments)
        watched = _rules(project, flags.arguments)
        if not flags.on("no-up"):
            _up(compose, flags.arguments)
        _Watch(compose, session, project, flags).run(watched)
    return 0


class Watcher:
    """`up --watch`: a process beside it that watches from `begin` until the end of the block.

    It is forked first of all: `up` has threads later, and as an ordinary user it leaves the user's own namespaces.
    """

    def __init__(self, compose: ComposeContext, services: tuple[str, ...]) -> None:
        self._compose = compose
        self._services = services
        self._pid = 0
        self._pipe = -1

    def check(self, project: Project) -> None:
        """Raises `ComposeError` where there is nothing to watch."""
        _rules(project, self._services)

    def begin(self) -> None:
        """The services are up."""
        os.write(self._pipe, b"x")

    def __enter__(self) -> Self:
        reader, self._pipe = os.pipe2(os.O_CLOEXEC)
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._pipe)
            self._work(reader)
        os.close(reader)
        return self

    def _work(self, reader: int) -> NoReturn:
        code = 1
        try:
            set_parent_death_signal(signal.SIGTERM)
            if os.read(reader, 1):
                code = run(self._compose, ["--no-up", *self._services])
        except KeyboardInterrupt:
            pass
        except IzbaError as error:
            from izba.cli.main import report

            report(error, 1)
        finally:
            sys.stderr.flush()
            os._exit(code)

    def __exit__(self, *_: object) -> None:
        os.close(self._pipe)
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGTERM)
        os.waitpid(self._pid, 0)


def _rules(project: Project, services: tuple[str, ...]) -> list[Watched]:
    from izba.compose.errors import ComposeError
    from izba.compose.verbs.watch import rules

    watched = rules(project, services)
    if not watched:
        raise ComposeError(
            "none of the selected services is configured for watch", hint="`develop: {watch: […]}` is what it needs"
        )
    return watched


def _up(compose: ComposeContext, services: tuple[str, ...]) -> None:
    """In a child: `up` has threads, and enters the engine's namespace."""
    _in_child(lambda: detached(compose, ["--build", *services]))


class _Watch:
    """Looks, and acts."""

    def __init__(self, compose: ComposeContext, session: Session, project: Project, flags: Flags) -> None:
        self._compose = compose
        self._session = session
        self._project = project
        self._flags = flags

    def run(self, watched: list[Watched]) -> None:
        from izba.compose.verbs.watch import SECONDS

        for each in watched:
            if each.rule.initial_sync and each.rule.action.startswith("sync"):
                self._sync(each, each.everything())
        sys.stderr.write("Watch enabled\n")
        sys.stderr.flush()
        try:
            while True:
                time.sleep(SECONDS)
                self._look(watched)
        except KeyboardInterrupt:
            sys.stderr.write("Watch disabled\n")

    def _look(self, watched: list[Watched]) -> None:
        rebuild: set[str] = set()
        for each in watched:
            changes = each.changes()
            if not changes:
                continue
            try:
                if each.rule.action == "rebuild":
                    rebuild.add(each.service.name)
                else:
                    self._act(each, changes)
            except IzbaError as error:
                sys.stderr.write(f"error: {each.service.name}: {error}\n")
        for name in sorted(rebuild):
            self._tell(name, "rebuilding")
            self._rebuild(name)

    def _rebuild(self, service: str) -> None:
        _in_child(lambda: detached(self._compose, ["--build", "--no-deps", service]))

    def _act(self, watched: Watched, changes: list[Change]) -> None:
        action = watched.rule.action
        if action.startswith("sync"):
            self._sync(watched, changes)
        if action in {"restart", "sync+restart"}:
            from izba.cli.commands.compose.restart import run as restart

            self._tell(watched.service.name, "restarting")
            _in_child(lambda: restart(self._compose, ["--no-deps", watched.service.name]))
        elif action == "sync+exec":
            for container in self._containers(watched):
                self._exec(container, watched)

    def _sync(self, watched: Watched, changes: list[Change]) -> None:
        from izba.compose.verbs.watch import sync

        containers = self._containers(watched)
        for container in containers:
            sync(self._session.engine, container, watched.rule, changes)
        if containers:
            self._tell(watched.service.name, f"{len(changes)} file(s) synchronised to {watched.rule.target}")

    def _exec(self, container: Container, watched: Watched) -> None:
        from izba.cli import execution
        from izba.compose.hooks import exec_request

        request = exec_request(watched.rule.command)
        _in_child(
            lambda: execution.in_foreground(self._session.engine, container, request, interactive=False, keys=None)
        )

    def _containers(self, watched: Watched) -> list[Container]:
        from izba.compose.verbs.lifecycle import of_services
        from izba.engine.containers import lifecycle

        own = of_services(self._session.engine, self._project, [watched.service.name])
        return [container for container in own if lifecycle.state(container).is_running]

    @staticmethod
    def _tell(service: str, what: str) -> None:
        sys.stderr.write(f" {service}  {what}\n")
        sys.stderr.flush()


def _in_child(work: Callable[[], int]) -> int:
    """Do it in a process of its own; its exit code. An error is told, and the watch goes on."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            set_parent_death_signal(signal.SIGTERM)
            code = work()
        except IzbaError as error:
            from izba.cli.main import report

            report(error, 1)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
