"""What `up`, `run` and `watch` have in common: services come to be, and failures are told with their last words."""

from __future__ import annotations

import sys

from izba.cli.commands.compose.session import Session, tell_orphans
from izba.errors import IzbaError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext
    from izba.cli.options.flags import Flags
    from izba.compose.project import Project
    from izba.compose.verbs.up import UpOptions


def detached(compose: ComposeContext, argv: list[str]) -> int:
    """`up --detach` with further flags of its."""
    from izba.cli.commands.compose.upflags import UP, up_options

    flags = UP.parse(argv)
    with Session(compose, starts=True) as session, told():
        bring_up(session, compose.project(flags.arguments), up_options(compose, flags), quiet=flags)
    return 0


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
