"""`izba compose pull`: the images of services, from their registries."""

from __future__ import annotations

import sys

from izba.cli.commands.compose.session import Session, tell_skipped
from izba.cli.options.flags import Command, Flag, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext
    from izba.cli.options.flags import Flags
    from izba.compose.project import Service
    from izba.engine.engine import Engine

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


POLICIES = ("always", "missing", "if_not_present", "never", "build")


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Pull each image once."""
    flags = COMMAND.parse(argv)
    policy = flags.text("policy")
    if policy and policy not in POLICIES:
        raise UsageError(f'invalid pull_policy "{policy}"', hint=f"one of {', '.join(POLICIES)}")
    from izba.compose.order import select
    from izba.errors import IzbaError

    with Session(compose, writes=True) as session:
        project = select(compose.project(flags.arguments), flags.arguments, dependencies_too=flags.on("include-deps"))
        pull = session.tools(quiet=flags.on("quiet")).pull
        done: set[str] = set()
        for service in project.services:
            image = project.image(service)
            if not service.image:
                tell_skipped(compose, service.name, "No image to be pulled")
                continue
            why = _why_not(session.engine, service, flags)
            if why is not None:
                tell_skipped(compose, f"Image {image}", why)
                continue
            if image in done:
                continue
            done.add(image)
            try:
                pull(session.engine, image, "always", service.platform)
            except IzbaError as error:
                if not flags.on("ignore-pull-failures") and not service.build:
                    error.add_note(f"pulling for service {service.name}")
                    raise
                sys.stderr.write(f" Image {image}  {error.message}\n")
            else:
                sys.stderr.write(f" Image {image}  Pulled\n")
    return 0


def _why_not(engine: Engine, service: Service, flags: Flags) -> str | None:
    """Why a service's image is not pulled, in Compose's words, if it has any; None where it is.

    Who types `pull` wants what is new: without a policy, after any time, and of `latest` also what is here.
    """
    from izba.image.stored import find_row, fits
    from izba.oci.reference import DEFAULT_TAG, Reference

    policy = flags.text("policy") or service.pull_policy
    if policy in {"never", "build"}:
        return ""
    if policy in {"missing", "if_not_present"} and Reference.parse(service.image).tag != DEFAULT_TAG:
        here = find_row(engine.store, service.image)
        if here is not None and fits(here, service.platform):
            return "Image is already present locally"
    if service.build and flags.on("ignore-buildable"):
        return "Image can be built"
    return None
