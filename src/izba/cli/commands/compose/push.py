"""`izba compose push`: the images that are built here, to their registries."""

from __future__ import annotations

import sys

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext
    from izba.compose.project import Project

COMMAND = Command(
    name="compose push",
    usage="[OPTIONS] [SERVICE...]",
    summary="Push service images",
    flags=(
        Flag(name="ignore-push-failures", help="Push what it can and ignores images with push failures"),
        Flag(name="include-deps", help="Also push images of services declared as dependencies"),
        Flag(name="quiet", short="q", help="Push without printing progress information"),
    ),
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Push each."""
    flags = COMMAND.parse(argv)
    from izba.compose.order import select

    project = select(compose.project(flags.arguments), flags.arguments, dependencies_too=flags.on("include-deps"))
    return push_images(compose, project, quiet=flags.on("quiet"), ignore_failures=flags.on("ignore-push-failures"))


def push_images(compose: ComposeContext, project: Project, *, quiet: bool, ignore_failures: bool) -> int:
    """Push the images of services that are built and have a name; tell of the others, even quietly, as Compose does."""
    from izba.cli.commands.compose.session import tell_skipped
    from izba.cli.commands.push import run as push
    from izba.errors import IzbaError

    for service in project.services:
        if service.build is None or not service.image:
            tell_skipped(compose, service.name)
            continue
        try:
            push(compose.context, [*(("--quiet",) if quiet else ()), service.image])
        except IzbaError as error:
            if not ignore_failures:
                error.add_note(f"pushing for service {service.name}")
                raise
            sys.stderr.write(f" Image {service.image}  {error.message}\n")
    return 0
