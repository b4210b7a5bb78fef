"""`izba compose pull`: the images of services, from their registries."""

from __future__ import annotations

import sys

from izba.cli.commands.compose.session import Session
from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext

COMMAND = Command(
    name="compose pull",
    usage="[OPTIONS] [SERVICE...]",
    summary="Pull service images",
    flags=(
        Flag(name="ignore-buildable", help="Ignore images that can be built"),
        Flag(name="ignore-pull-failures", help="Pull what it can and ignores images with pull failures"),
        Flag(name="include-deps", help="Also pull services declared as dependencies"),
        Flag(name="policy", kind="string", help='Apply pull policy: "missing" or "always"'),
        Flag(name="quiet", short="q", help="Pull without printing progress information"),
    ),
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Pull each image once."""
    flags = COMMAND.parse(argv)
    from izba.compose.order import select
    from izba.errors import IzbaError

    with Session(compose, writes=True) as session:
        project = select(compose.project(flags.arguments), flags.arguments, dependencies_too=flags.on("include-deps"))
        pull = session.tools(quiet=flags.on("quiet")).pull
        done: set[str] = set()
        for service in project.services:
            image = project.image(service)
            if image in done or not service.image or service.pull_policy in {"never", "build"}:
                continue
            if service.build and (flags.on("ignore-buildable") or not service.image):
                continue
            done.add(image)
            try:
                pull(session.engine, image, flags.text("policy") or "always", service.platform)
            except IzbaError as error:
                if not flags.on("ignore-pull-failures") and not service.build:
                    error.add_note(f"pulling for service {service.name}")
                    raise
                sys.stderr.write(f" Image {image}  {error.message}\n")
            else:
                sys.stderr.write(f" Image {image}  Pulled\n")
    return 0
