"""The verbs: name → module and summary, and the flags that come before one."""

from __future__ import annotations

from izba._record import Record
from izba.cli.options.flags import Command, Flag, columns

GLOBAL = Command(
    name="compose",
    usage="[OPTIONS] COMMAND",
    summary="Define and run multi-container applications",
    flags=(
        Flag(name="all-resources", help="Include all resources, even those not used by services"),
        Flag(name="ansi", kind="string", help='When to print colours: "never", "always" or "auto"'),
        Flag(name="compatibility", hidden=True),
        Flag(name="dry-run", help="Print what would be done, and do nothing"),
        Flag(name="env-file", kind="list", help="Specify an alternate environment file"),
        Flag(name="file", short="f", kind="list", help="Compose configuration files"),
        Flag(name="parallel", kind="int", help="How many things are done at once at most"),
        Flag(name="profile", kind="list", help="Specify a profile to enable"),
        Flag(name="progress", kind="string", help='How progress is shown: "auto", "tty", "plain" or "quiet"'),
        Flag(name="project-directory", kind="string", help="Directory that relative paths are relative to"),
        Flag(name="project-name", short="p", kind="string", help="Project name"),
        Flag(name="verbose", hidden=True),
        Flag(name="version", short="v", help="Show the version"),
    ),
    interspersed=False,
)


class Verb(Record):
    """A verb's module in `izba.cli.commands.compose`, and what it does."""

    module: str
    summary: str


def _read(text: str) -> dict[str, Verb]:
    rows = (line.split("|") for line in text.strip().splitlines())
    return {name.strip(): Verb(module=module.strip(), summary=summary.strip()) for name, module, summary in rows}


VERBS = _read("""
    attach  | attach  | Attach local standard streams to a service's running container
    build   | build   | Build or rebuild services
    config  | config  | Print the project's files as one, complete and in canonical form
    cp      | cp      | Copy files/folders between a service container and the local filesystem
    create  | create  | Create containers for services
    down    | down    | Stop and remove containers, networks
    events  | events  | Receive real time events from containers
    exec    | exec    | Execute a command in a running container
    images  | images  | List images used by the created containers
    kill    | kill    | Force stop service containers
    logs    | logs    | View output from containers
    ls      | ls      | List running compose projects
    pause   | pause   | Pause services
    plan    | plan    | Print what `up` would do, and why, and do nothing
    port    | port    | Print the public port for a port binding
    ps      | ps      | List containers
    pull    | pull    | Pull service images
    push    | push    | Push service images
    restart | restart | Restart service containers
    rm      | rm      | Removes stopped service containers
    run     | run     | Run a one-off command on a service
    scale   | scale   | Scale services
    start   | start   | Start services
    stats   | stats   | Display a live stream of resource usage statistics
    stop    | stop    | Stop services
    top     | top     | Display the running processes
    unpause | unpause | Unpause services
    up      | up      | Create and start containers
    version | version | Show the version
    viz     | viz     | Print the services and what they depend on as a graph
    volumes | volumes | List volumes
    watch   | watch   | Watch source files and rebuild/refresh containers when they change
    wait    | wait    | Block until containers of services stop
""")

ALIASES = {"convert": "config"}
VERBS |= {alias: VERBS[name] for alias, name in ALIASES.items()}


class Overview(Command):
    """The help of `izba compose`, with the verbs."""

    def help(self) -> str:
        """What `--help` prints."""
        rows = [(name, verb.summary) for name, verb in VERBS.items() if name not in ALIASES]
        return f"{super().help()}\nCommands:\n{columns(rows)}\n"


def overview() -> Overview:
    """The command as its help shows it."""
    return Overview(name=GLOBAL.name, usage=GLOBAL.usage, summary=GLOBAL.summary, flags=GLOBAL.flags)
