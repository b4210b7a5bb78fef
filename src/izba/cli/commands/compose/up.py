"""`izba compose up`: what the files want comes to be, and runs; in the foreground its output is shown."""

from __future__ import annotations

import sys

from izba.cli.commands.compose.session import Session, tell_orphans
from izba.cli.commands.compose.upflags import UP_FLAGS, up_options
from izba.cli.options.flags import Command, Flag, UsageError
from izba.errors import IzbaError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from izba.cli.commands.compose.context import ComposeContext
    from izba.cli.commands.compose.watch import Watcher
    from izba.cli.options.flags import Flags
    from izba.compose.project import Project
    from izba.compose.verbs.up import UpOptions

COMMAND = Command(
    name="compose up",
    usage="[OPTIONS] [SERVICE...]",
    summary="Create and start containers",
    flags=(
        *UP_FLAGS,
        Flag(name="abort-on-container-exit", help="Stop all containers if any container stopped"),
        Flag(name="abort-on-container-failure", help="Stop all containers if any container failed"),
        Flag(name="attach", kind="list", shown="SERVICE", help="Show the output of these services alone"),
        Flag(name="attach-dependencies", help="Show the output of dependencies, too"),
        Flag(name="detach", short="d", help="Run containers in the background"),
        Flag(name="dry-run", help="Print what would be done, and do nothing"),
        Flag(name="exit-code-from", kind="string", shown="SERVICE", help="Return the exit code of the service"),
        Flag(name="menu", help="Accepted for Compose's sake: there is no menu, its keys are the other flags"),
        Flag(name="no-attach", kind="list", shown="SERVICE", help="Don't show the output of these services"),
        Flag(name="no-color", help="Print without colours"),
        Flag(name="no-log-prefix", help="Don't print the service's name before its lines"),
        Flag(name="timestamps", help="Show timestamps"),
        Flag(name="watch", short="w", help="Watch source code and rebuild/refresh containers when files are updated"),
    ),
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Bring it up."""
    flags = COMMAND.parse(argv)
    _check(flags)
    if compose.dry_run or flags.on("dry-run"):
        from izba.cli.commands.compose.plan import show

        return show(compose.replace(dry_run=True), flags)
    with _beside(compose, flags) as watcher, Session(compose, starts=True) as session, told():
        whole = compose.project(flags.arguments)
        if watcher is not None:
            watcher.check(whole)
        options = up_options(compose, flags)
        project = bring_up(session, whole, options, quiet=flags)
        if flags.on("wait"):
            from izba.compose.verbs.up import wait_for_all

            wait_for_all(session.engine, project, options.services, options.wait_timeout)
            return 0
        if flags.on("detach") or flags.on("no-start"):
            return 0
        from izba.cli.commands.compose.foreground import follow

        if watcher is not None:
            watcher.begin()
        return follow(session, project, flags, compose)


def _beside(compose: ComposeContext, flags: Flags) -> AbstractContextManager[Watcher | None]:
    """`--watch`: who follows the source files. Asked for before this process is anything special."""
    if not flags.on("watch"):
        from contextlib import nullcontext

        return nullcontext()
    from izba.cli.commands.compose.watch import Watcher

    return Watcher(compose, flags.arguments)


def bring_up(session: Session, whole: Project, options: UpOptions, *, quiet: Flags) -> Project:
    """Images, plan, execution; the project of the services that were selected."""
    from izba.compose.builds import ensure
    from izba.compose.verbs import up

    project = up.selected(whole, options)
    tools = session.tools(quiet=quiet.on("quiet-build"), pull_quiet=quiet.on("quiet-pull"))
    hooks = session.hooks(project)
    ensure(session.engine, project, options.images, tools)
    with session.lock(project.name):
        prepared = up.prepare(session.engine, whole, project, options)
        tell_orphans(prepared.plan.orphans)
        up.carry_out(session.engine, prepared, session.monitor, session.report(), hooks)
    return project


class told:  # noqa: N801 - read as a word: `with told():`
    """What the command or container of a failure said last is told right before the error."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, IzbaError):
            _tell_last_words(error)


def _tell_last_words(error: IzbaError) -> None:
    from izba.build.progress import printable
    from izba.compose.execute import ServiceFailed
    from izba.engine.builds import StepFailed

    lines: tuple[bytes, ...] = ()
    if isinstance(error, ServiceFailed):
        lines = tuple(line.encode("utf-8", "surrogateescape") for line in error.lines)
    elif isinstance(error, StepFailed):
        lines = tuple(error.tail.rstrip(b"\n").split(b"\n")[-10:])
    if any(lines):
        sys.stderr.write("------\n" + "".join(f" > {printable(line)}\n" for line in lines) + "------\n")


def _check(flags: Flags) -> None:
    detached = flags.on("detach") or flags.on("wait")
    stops = flags.on("abort-on-container-exit") or flags.on("abort-on-container-failure")
    if detached and (stops or flags.given("attach") or flags.on("attach-dependencies")):
        raise UsageError("--detach cannot be combined with --abort-on-container-exit or --attach")
    if flags.on("watch") and (detached or stops or flags.given("exit-code-from")):
        raise UsageError("--watch cannot be combined with --detach, --wait, --abort-on-… or --exit-code-from")
    if detached and flags.given("exit-code-from"):
        raise UsageError("--detach cannot be combined with --exit-code-from")
