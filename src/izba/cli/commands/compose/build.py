"""`izba compose build`: the images of services."""

from __future__ import annotations

import os
import sys

from izba.cli.commands.compose.session import Session
from izba.cli.options.flags import Command, Flag, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext
    from izba.compose.project import Project

COMMAND = Command(
    name="compose build",
    usage="[OPTIONS] [SERVICE...]",
    summary="Build or rebuild services",
    flags=(
        Flag(name="build-arg", kind="list", shown="NAME=VALUE", help="Set build-time variables for services"),
        Flag(name="no-cache", help="Do not use cache when building the image"),
        Flag(name="print", help="Print what would be built, and do nothing"),
        Flag(name="pull", help="Always attempt to pull a newer version of the base images"),
        Flag(name="push", help="Push service images"),
        Flag(name="quiet", short="q", help="Don't print anything"),
        Flag(name="with-dependencies", help="Also build dependencies"),
    ),
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Build them, those that others build on first."""
    flags = COMMAND.parse(argv)
    from izba.cli.commands.compose.bringing import told
    from izba.compose import images
    from izba.compose.builds import ensure
    from izba.compose.order import select

    with Session(compose, writes=True) as session, told():
        whole = compose.project(flags.arguments)
        project = select(whole, _with_contexts(whole, flags.arguments, also=flags.on("with-dependencies")),
                         dependencies_too=False)  # fmt: skip
        options = images.ImageOptions(
            build=True,
            options=images.BuildOptions(
                args=_args(flags.all("build-arg")), no_cache=flags.on("no-cache"), pull=flags.on("pull")
            ),
        )
        built = project.with_services(tuple(service for service in project.services if service.build))
        if not built.services:
            sys.stderr.write("warning: No services to build\n")
            return 0
        if compose.dry_run or flags.on("print"):
            for need in images.needs(session.engine, built, options):
                sys.stdout.write(f"image:{need.image}, BuildImage, service {need.service}\n")
            return 0
        ensure(session.engine, built, options, session.tools(quiet=flags.on("quiet")))
        for service in built.services:
            if not flags.on("quiet"):
                sys.stderr.write(f" Image {project.image(service)}  Built\n")
        if flags.on("push"):
            from izba.cli.commands.compose.push import push_images

            push_images(compose, built, quiet=flags.on("quiet"), ignore_failures=False)
    return 0


def _with_contexts(project: Project, names: tuple[str, ...], *, also: bool) -> tuple[str, ...]:
    """The services named, those whose images they build on, and with `also` those they depend on."""
    from izba.compose.images import built_on
    from izba.compose.order import dependencies, with_dependencies

    if not names:
        return ()
    for name in names:
        project.service(name)
    needs = {service.name: built_on(service) for service in project.services}
    if also:
        needs = {name: [*contexts, *dependencies(project)[name]] for name, contexts in needs.items()}
    return tuple(with_dependencies(names, needs))


def _args(texts: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name:
            raise UsageError(f"invalid --build-arg {text!r}", hint="write it as NAME=VALUE")
        if equals:
            found[name] = value
        elif name in os.environ:
            found[name] = os.environ[name]
    return tuple(found.items())
