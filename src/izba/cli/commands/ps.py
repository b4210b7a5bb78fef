"""`izba ps`: list containers."""

from __future__ import annotations

import sys
import time

from izba.cli.options.flags import Command, Flag
from izba.cli.output import humanise
from izba.cli.output.columns import ellipsis
from izba.cli.output.filters import Filters
from izba.cli.output.listing import Field, Listing
from izba.cli.output.userformat import list_format
from izba.engine import upkeep
from izba.engine.containers import selection
from izba.engine.containers.listing import Query, list_containers
from izba.ids import short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context
    from izba.engine.containers.listing import Summary
    from izba.engine.engine import Engine

COMMAND = Command(
    name="ps",
    usage="[OPTIONS]",
    summary="List containers",
    aliases=("container ls", "container list", "container ps"),
    flags=(
        Flag(name="all", short="a", help="Show all containers (default shows just running)"),
        Flag(name="filter", short="f", kind="list", shown="filter", help="Filter output based on conditions provided"),
        Flag(name="format", kind="string", help="Format output: 'table', 'table TEMPLATE', 'json' or a Go template"),
        Flag(name="last", short="n", kind="int", help="Show n last created containers (includes all states)"),
        Flag(name="latest", short="l", help="Show the latest created container (includes all states)"),
        Flag(name="no-trunc", help="Don't truncate output"),
        Flag(name="quiet", short="q", help="Only display container IDs"),
        Flag(name="size", short="s", help="Display total file sizes"),
    ),
    maximum=0,
)

_SECOND = 1_000_000_000


def run(context: Context, argv: list[str]) -> int:
    """List the containers that pass the filters."""
    flags = COMMAND.parse(argv)
    given = Filters(flags.all("filter"), selection.FILTERS)
    last = 1 if flags.on("latest") else max(flags.number("last") or 0, 0)
    query = Query(
        all=flags.on("all"), last=last, filters={name: given.all(name) for name in selection.FILTERS if name in given}
    )
    format_ = list_format(flags, "psFormat")
    engine = context.engine()
    summaries = list_containers(engine, query)
    upkeep.look(engine)
    with_size = flags.on("size") or ".Size" in (format_ or "")
    listing = ps_listing(engine, truncated=not flags.on("no-trunc"), with_size=with_size)
    sys.stdout.write(listing.ids(summaries) if flags.on("quiet") else listing.show(summaries, format_))
    return 0


def ps_listing(engine: Engine, *, truncated: bool, with_size: bool) -> Listing:
    """The fields of a container's row."""
    now = time.time_ns()
    images = _Images(engine)
    fields = {
        "ID": Field(header="CONTAINER ID", value=lambda s: short(s.container.id) if truncated else s.container.id),
        "Image": Field(header="IMAGE", value=lambda s: images.name(s, truncated=truncated)),
        "Command": Field(header="COMMAND", value=lambda s: command(s, truncated=truncated)),
        "CreatedAt": Field(header="CREATED AT", value=lambda s: _local_time(s.container.created)),
        "RunningFor": Field(header="CREATED", value=lambda s: humanise.ago((now - s.container.created) / _SECOND)),
        "State": Field(header="STATE", value=lambda s: s.state.status),
        "Status": Field(header="STATUS", value=lambda s: status(s, now)),
        "Ports": Field(header="PORTS", value=_ports),
        "Names": Field(header="NAMES", value=lambda s: s.container.name),
        "Size": Field(header="SIZE", value=lambda s: _size(engine, s) if with_size else "0B"),
        "Labels": Field(header="LABELS", value=_labels),
        "Label": Field(
            header="LABEL",
            value=lambda s, key: (s.container.config.get("Labels") or {}).get(key, ""),
            takes_argument=True,
        ),
        "Mounts": Field(header="MOUNTS", value=lambda s: _mounts(s, truncated=truncated)),
        "LocalVolumes": Field(
            header="LOCAL VOLUMES", value=lambda s: str(sum(m["Type"] == "volume" for m in s.container.mounts))
        ),
        "Networks": Field(header="NETWORKS", value=lambda s: _networks(engine, s)),
        "Platform": Field(header="PLATFORM", value=lambda s: s.container.kept["Platform"]),
    }
    table = ("ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names", *(("Size",) if with_size else ()))
    raw = (
        ("container_id", "ID"),
        *((name.lower(), name) for name in ("Image", "Command")),
        ("created_at", "CreatedAt"),
    )
    raw += tuple((name.lower(), name) for name in ("State", "Status", "Names", "Labels", "Ports"))
    return Listing(kind="Container", fields=fields, table=table, raw=raw + (("size", "Size"),) * with_size)


def status(summary: Summary, now: int) -> str:
    """Docker's STATUS: `Up 5 minutes (healthy)`, `Exited (0) 2 hours ago`."""
    state = summary.state
    if state.status == "created":
        return "Created"
    if state.status == "exited":
        return f"Exited ({state.exit_code}) {humanise.ago((now - state.finished) / _SECOND)}"
    if state.status == "restarting":
        return f"Restarting ({state.exit_code}) {humanise.ago((now - state.finished) / _SECOND)}"
    text = f"Up {humanise.duration((now - state.started) / _SECOND)}"
    if state.status == "paused":
        return f"{text} (Paused)"
    if state.health:
        return f"{text} ({'health: starting' if state.health == 'starting' else state.health})"
    return text


def command(summary: Summary, *, truncated: bool) -> str:
    """The command line in quotes, cut to 20 characters."""
    name, *arguments = summary.container.command or ("",)
    words = " ".join([name, *(f"'{word}'" if " " in word else word for word in arguments)])
    if truncated:
        words = ellipsis(words, 20)
    if words.isprintable() and not set('"\\') & set(words):
        return f'"{words}"'
    from izba.cli.output.gotemplate.lexer import go_quote

    return go_quote(words)


class _Images:
    """The names of containers' images: as they were given, while they still mean the same image."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._manifests: dict[str, str] = {}

    def name(self, summary: Summary, *, truncated: bool) -> str:
        given = summary.container.config.get("Image", "")
        if self._manifest(given) == summary.container.row.image:
            return given
        image_id = summary.container.image_id
        return short(image_id) if truncated else image_id

    def _manifest(self, name: str) -> str:
        if name not in self._manifests:
            from izba.image.stored import find_row

            row = find_row(self._engine.store, name)
            self._manifests[name] = row.manifest if row else ""
        return self._manifests[name]


def _ports(summary: Summary) -> str:
    if not summary.container.config.get("ExposedPorts") and not summary.container.host_config.get("PortBindings"):
        return ""
    if not summary.state.is_running:
        return ""
    from izba.cli.output.ports import ports
    from izba.engine.containers.networking import port_map

    return ports(port_map(summary.container))


def _networks(engine: Engine, summary: Summary) -> str:
    from izba.engine.containers.networking import network_names

    return ",".join(network_names(engine, summary.container))


def _labels(summary: Summary) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted((summary.container.config.get("Labels") or {}).items()))


def _mounts(summary: Summary, *, truncated: bool) -> str:
    from izba.engine.containers.mounts import shown

    names = [mount.get("Name") or mount["Source"] for mount in shown(summary.container.mounts)]
    return ",".join(ellipsis(name, 15) if truncated else name for name in names)


def _size(engine: Engine, summary: Summary) -> str:
    usage = engine.store.snapshots.usage(summary.container.id)
    image = engine.store.images.by_manifest(summary.container.row.image)  # type: ignore[arg-type]
    virtual = usage.size + (image.size if image else 0)
    return f"{humanise.size(usage.size)} (virtual {humanise.size(virtual)})"


def _local_time(nanoseconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %z %Z", time.localtime(nanoseconds // _SECOND))
