"""`izba image bootstrap`: make a base image from signed distribution packages."""

from __future__ import annotations

import sys

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="image bootstrap",
    usage="[OPTIONS] NAME[:TAG]",
    summary="Make a base image from signed distribution packages, where no registry can be reached",
    flags=(
        Flag(
            name="mirror",
            kind="list",
            shown="url",
            help="Debian archive to use, or a whole `deb …` line (default: this host's apt sources)",
        ),
        Flag(
            name="keyring", kind="list", shown="file", help="OpenPGP keys to trust (default: those of the apt sources)"
        ),
        Flag(
            name="npm-registry",
            kind="string",
            shown="url",
            help="Registry of npm packages (default: npm's own setting)",
        ),
        Flag(name="suite", kind="string", help="Debian release to use (default: the recipe's)"),
        Flag(name="arch", kind="string", help="Architecture, in Debian's words (default: this machine's)"),
        Flag(name="progress", kind="string", help="How progress is shown: auto, plain, tty or none"),
        Flag(name="quiet", short="q", help="Print the image's id only"),
    ),
    minimum=1,
    maximum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Make the image; print its name and id."""
    flags = COMMAND.parse(argv)
    from izba.bootstrap.catalog import bootstrap
    from izba.bootstrap.workshop import Settings
    from izba.cli.output.steps import steps
    from izba.oci.reference import Reference

    reference = Reference.parse(flags.arguments[0])
    settings = Settings(
        mirrors=flags.all("mirror"),
        keyrings=flags.all("keyring"),
        npm_registry=flags.text("npm-registry"),
        suite=flags.text("suite"),
        architecture=flags.text("arch"),
    )
    quiet = flags.on("quiet")
    with context.engine() as engine:
        with steps(sys.stderr, "none" if quiet else flags.text("progress") or "auto") as progress:
            image = bootstrap(engine, reference, progress, settings=settings)
        print(image.id if quiet else f"{reference.familiar()} {image.id}")
    return 0
