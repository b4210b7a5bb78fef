"""`izba compose plan`: what `up` would do, and why. It promises to change nothing."""

from __future__ import annotations

import sys

from izba.cli.commands.compose.session import Session, tell_orphans
from izba.cli.commands.compose.upflags import UP_FLAGS, up_options
from izba.cli.options.flags import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext
    from izba.cli.options.flags import Flags

COMMAND = Command(
    name="compose plan",
    usage="[OPTIONS] [SERVICE...]",
    summary="Print what `up` would do, and why, and do nothing",
    flags=UP_FLAGS,
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Print it."""
    return show(compose.replace(dry_run=True), COMMAND.parse(argv))


def show(compose: ComposeContext, flags: Flags) -> int:
    """Images first, then the plan as it is with the images that are here now."""
    from izba.compose import images
    from izba.compose.verbs import up

    with Session(compose) as session:
        whole = compose.project(flags.arguments)
        options = up_options(compose, flags)
        project = up.selected(whole, options)
        for need in images.needs(session.engine, project, options.images):
            if need.action:
                word = {"build": "BuildImage", "pull": "PullImage"}[need.action]
                sys.stdout.write(f"image:{need.image}, {word}, service {need.service}\n")
        prepared = up.prepare(session.engine, whole, project, options)
        sys.stdout.write(str(prepared.plan))
        tell_orphans(prepared.plan.orphans)
    return 0
