"""The flags that `up`, `create`, `plan` and `scale` share, and what they mean."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext
    from izba.cli.options.flags import Flags
    from izba.compose.verbs.up import UpOptions

CREATE_FLAGS = (
    Flag(name="build", help="Build images before starting containers"),
    Flag(name="force-recreate", help="Recreate containers even if their configuration and image haven't changed"),
    Flag(name="no-build", help="Don't build an image, even if it's missing"),
    Flag(name="no-recreate", help="If containers already exist, don't recreate them"),
    Flag(name="pull", kind="string", help='Pull image before running: "always", "missing", "never" or "build"'),
    Flag(name="quiet-build", help="Build without printing progress"),
    Flag(name="quiet-pull", help="Pull without printing progress"),
    Flag(name="remove-orphans", help="Remove containers for services not defined in the files"),
    Flag(name="scale", kind="list", shown="SERVICE=NUM", help="Scale SERVICE to NUM instances"),
)
UP_FLAGS = (
    *CREATE_FLAGS,
    Flag(name="always-recreate-deps", help="Recreate dependent containers as well"),
    Flag(name="no-deps", help="Don't start linked services"),
    Flag(name="no-start", help="Don't start the services after creating them"),
    Flag(name="renew-anon-volumes", short="V", help="Make anonymous volumes anew instead of going on with the old"),
    Flag(name="timeout", short="t", kind="int", help="Seconds to wait before killing containers"),
    Flag(name="wait", help="Wait for services to be running|healthy; implies detached mode"),
    Flag(name="wait-timeout", kind="int", help="Seconds to wait at most"),
    Flag(name="yes", short="y", help="Answer yes to everything", hidden=True),
)
UP = Command(
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


def up_options(compose: ComposeContext, flags: Flags) -> UpOptions:
    """What was asked. Raises `UsageError`."""
    from izba.compose.images import ImageOptions
    from izba.compose.verbs.up import UpOptions

    _exclude(flags, "force-recreate", "no-recreate")
    _exclude(flags, "always-recreate-deps", "no-recreate")
    _exclude(flags, "build", "no-build")
    pull = flags.text("pull") or ""
    if pull not in {"", "always", "missing", "never", "build"}:
        raise UsageError(f"invalid --pull option {pull!r}", hint="always, missing, never and build are")
    return UpOptions(
        services=flags.arguments,
        dependencies=not flags.on("no-deps"),
        scale=scales(flags.all("scale")),
        recreate="always" if flags.on("force-recreate") else "never" if flags.on("no-recreate") else "changed",
        recreate_dependencies=flags.on("always-recreate-deps"),
        remove_orphans=flags.on("remove-orphans"),
        start=not flags.on("no-start"),
        renew_anonymous_volumes=flags.on("renew-anon-volumes"),
        timeout=flags.number("timeout"),
        wait_timeout=flags.number("wait-timeout"),
        images=ImageOptions(
            build=flags.on("build") or pull == "build",
            no_build=flags.on("no-build"),
            pull="" if pull == "build" else pull,
        ),
        parallel=compose.parallel,
    )


def scales(texts: tuple[str, ...]) -> dict[str, int]:
    """`SERVICE=NUM` of each. Raises `UsageError`."""
    found = {}
    for text in texts:
        name, equals, count = text.partition("=")
        if not equals or not name or not count.isdecimal():
            raise UsageError(f"invalid --scale option {text!r}", hint="write it as SERVICE=NUM")
        found[name] = int(count)
    return found


def _exclude(flags: Flags, one: str, other: str) -> None:
    if flags.on(one) and flags.on(other):
        raise UsageError(f"--{one} and --{other} are incompatible")
