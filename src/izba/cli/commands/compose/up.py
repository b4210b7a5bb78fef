"""`izba compose up`: what the files want comes to be, and runs; in the foreground its output is shown."""

from __future__ import annotations

from izba.cli.commands.compose.bringing import bring_up, told
from izba.cli.commands.compose.session import Session
from izba.cli.commands.compose.upflags import UP, up_options
from izba.cli.options.flags import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from izba.cli.commands.compose.context import ComposeContext
    from izba.cli.commands.compose.watch import Watcher
    from izba.cli.options.flags import Flags

COMMAND = UP


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Bring it up."""
    flags = COMMAND.parse(argv)
    _check(flags)
    if compose.dry_run or flags.on("dry-run"):
        from izba.cli.commands.compose.plan import show

        return show(compose.replace(dry_run=True), flags)
    with _beside(compose, flags) as watcher, Session(compose, starts=True) as session, told():
        whole = compose.project(flags.arguments, keep=True)
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


def _check(flags: Flags) -> None:
    detached = flags.on("detach") or flags.on("wait")
    stops = flags.on("abort-on-container-exit") or flags.on("abort-on-container-failure")
    if detached and (stops or flags.given("attach") or flags.on("attach-dependencies")):
        raise UsageError("--detach cannot be combined with --abort-on-container-exit or --attach")
    if flags.on("watch") and (detached or stops or flags.given("exit-code-from")):
        raise UsageError("--watch cannot be combined with --detach, --wait, --abort-on-… or --exit-code-from")
    if detached and flags.given("exit-code-from"):
        raise UsageError("--detach cannot be combined with --exit-code-from")
