"""`izba network ls`."""

from __future__ import annotations

import sys

from izba.cli.options.flags import Command, Flag
from izba.cli.output.filters import Filters, InvalidFilter
from izba.cli.output.listing import Field, Listing, natural
from izba.cli.output.userformat import list_format
from izba.ids import short
from izba.timestamps import format_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context
    from izba.network.store import Network

COMMAND = Command(
    name="network ls",
    usage="[OPTIONS]",
    summary="List networks",
    aliases=("network list",),
    flags=(
        Flag(
            name="filter", short="f", kind="list", shown="filter", help='Provide filter values (e.g. "driver=bridge")'
        ),
        Flag(name="format", kind="string", help="Format output: 'table', 'table TEMPLATE', 'json' or a Go template"),
        Flag(name="no-trunc", help="Do not truncate the output"),
        Flag(name="quiet", short="q", help="Only display network IDs"),
    ),
    maximum=0,
)


def network_listing(*, truncated: bool) -> Listing:
    """The fields of a network's row."""
    return Listing(
        kind="network",
        table=("ID", "Name", "Driver", "Scope"),
        raw=(("network_id", "ID"), ("name", "Name"), ("driver", "Driver"), ("scope", "Scope")),
        fields={
            "ID": Field(header="NETWORK ID", value=lambda network: short(network.id) if truncated else network.id),
            "Name": Field(header="NAME", value=lambda network: network.name),
            "Driver": Field(header="DRIVER", value=lambda network: network.driver),
            "Scope": Field(header="SCOPE", value=lambda _: "local"),
            "IPv4": Field(header="IPV4", value=lambda _: "true"),
            "IPv6": Field(header="IPV6", value=lambda _: "false"),
            "Internal": Field(header="INTERNAL", value=lambda network: str(network.internal).lower()),
            "Labels": Field(
                header="LABELS",
                value=lambda network: ",".join(f"{name}={value}" for name, value in sorted(network.labels)),
            ),
            "Label": Field(
                header="LABEL", value=lambda network, name: dict(network.labels).get(name, ""), takes_argument=True
            ),
            "CreatedAt": Field(header="CREATED AT", value=lambda network: format_time(network.created)),
        },
    )


def run(context: Context, argv: list[str]) -> int:
    """List the networks that pass the filters."""
    flags = COMMAND.parse(argv)
    filters = Filters(flags.all("filter"), {"dangling", "driver", "id", "label", "name", "scope", "type"})
    dangling = filters.flag("dangling")
    for kind in set(filters.all("type")) - {"builtin", "custom"}:
        raise InvalidFilter(f"invalid filter 'type={kind}'", hint="the types are builtin and custom")
    from izba.engine import upkeep
    from izba.engine.networks import everything, users

    with context.engine() as engine:
        upkeep.look(engine)
        found = [
            network
            for network in sorted(everything(engine), key=lambda network: natural(network.name))
            if _passes(filters, network)
            and (dangling is None or dangling != (network.is_predefined or bool(users(engine, network))))
        ]
    listing = network_listing(truncated=not flags.on("no-trunc"))
    sys.stdout.write(
        listing.ids(found) if flags.on("quiet") else listing.show(found, list_format(flags, "networksFormat"))
    )
    return 0


def _passes(filters: Filters, network: Network) -> bool:
    return (
        filters.exactly("driver", network.driver)
        and filters.begins("id", network.id)
        and filters.matches("name", network.name)
        and filters.exactly("scope", "local")
        and filters.exactly("type", "builtin" if network.is_predefined else "custom")
        and filters.labels(dict(network.labels))
    )
