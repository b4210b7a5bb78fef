"""`izba compose cp`: copy files between a service's container and the host."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext

COMMAND = Command(
    name="compose cp",
    usage="[OPTIONS] SERVICE:SRC_PATH DEST_PATH|-\n\tizba compose cp [OPTIONS] SRC_PATH|- SERVICE:DEST_PATH",
    summary="Copy files/folders between a service container and the local filesystem",
    flags=(
        Flag(name="all", help="Include containers created by the run command", hidden=True),
        Flag(name="archive", short="a", help="Archive mode (copy all uid/gid information)"),
        Flag(name="follow-link", short="L", help="Always follow symbol link in SRC_PATH"),
        Flag(name="index", kind="int", help="Index of the container if service has multiple replicas"),
    ),
    minimum=2,
    maximum=2,
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Copy; to a service without --index, to each of its containers."""
    flags = COMMAND.parse(argv)
    from izba.cli.commands.cp import run as copy

    options = [f"--{name}" for name in ("archive", "follow-link") if flags.on(name)]
    source, target = flags.arguments
    index = flags.number("index")
    if service := _service(target):
        for name in _names(compose, service, index, every=index is None):
            copy(compose.context, [*options, source, f"{name}:{target.partition(':')[2]}"])
        return 0
    if service := _service(source):
        (name,) = _names(compose, service, index, every=False)
        source = f"{name}:{source.partition(':')[2]}"
    return copy(compose.context, [*options, source, target])


def _service(text: str) -> str:
    """The service of SERVICE:PATH; empty for a path of the host."""
    if text == "-" or text.startswith(("/", ".")) or ":" not in text:
        return ""
    return text.partition(":")[0]


def _names(compose: ComposeContext, service: str, index: int | None, *, every: bool) -> list[str]:
    from izba.compose.verbs.lifecycle import NoContainer, of_services, one

    with compose.context.engine() as engine:
        project = compose.project([service])
        if not every:
            return [one(engine, project, service, index, running=False).name]
        names = [container.name for container in of_services(engine, project, [service])]
    if not names:
        raise NoContainer(service)
    return names
