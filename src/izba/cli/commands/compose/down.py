"""`izba compose down`: containers and networks go; volumes and images when asked for."""

from __future__ import annotations

import sys

from izba.cli.commands.compose.session import Session, tell_orphans
from izba.cli.options.flags import Command, Flag, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext
    from izba.compose.observe import Observed
    from izba.compose.project import Project
    from izba.compose.verbs.down import DownOptions
    from izba.engine.engine import Engine

COMMAND = Command(
    name="compose down",
    usage="[OPTIONS] [SERVICE...]",
    summary="Stop and remove containers, networks",
    flags=(
        Flag(name="dry-run", help="Print what would be done, and do nothing"),
        Flag(name="remove-orphans", help="Remove containers for services not defined in the files"),
        Flag(name="rmi", kind="string", help='Remove images used by services: "local" or "all"'),
        Flag(name="timeout", short="t", kind="int", help="Seconds to wait before killing containers"),
        Flag(name="volumes", short="v", help="Remove the project's volumes, and anonymous ones"),
    ),
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Take it down."""
    flags = COMMAND.parse(argv)
    from izba.compose.verbs import down

    images = flags.text("rmi") or ""
    if images not in {"", "local", "all"}:
        raise UsageError(f"invalid value for --rmi: {images!r}", hint="local and all are")
    with Session(compose, writes=True) as session:
        name, project = compose.named_project()
        if project is not None:
            for service in flags.arguments:
                project.service(service)
        options = down.DownOptions(
            services=flags.arguments,
            volumes=flags.on("volumes"),
            images=images,
            remove_orphans=flags.on("remove-orphans"),
            timeout=flags.number("timeout"),
            parallel=compose.parallel,
        )
        if compose.dry_run or flags.on("dry-run"):
            sys.stdout.write(str(down.prepare(session.engine, name, project, options)[0]))
            return 0
        with session.lock(name):
            plan, observed = down.prepare(session.engine, name, project, options)
            tell_orphans(plan.orphans)
            if not plan.operations:
                sys.stderr.write(f"warning: No resource found to remove for project {name!r}.\n")
            hooks = session.hooks(project)
            down.carry_out(
                session.engine, name, project, plan, options, session.report(), session.remove_network, hooks
            )
        if images:
            _remove_images(session.engine, project, observed, options)
    return 0


def _remove_images(engine: Engine, project: Project | None, observed: Observed, options: DownOptions) -> None:
    from izba.compose.verbs.down import images_to_remove
    from izba.errors import Conflict, NotFound

    for image in images_to_remove(project, observed, options):
        try:
            engine.images.remove(image)
        except NotFound:
            continue
        except Conflict as error:
            sys.stderr.write(f" Image {image}  {error.message}\n")
        else:
            sys.stderr.write(f" Image {image}  Removed\n")
