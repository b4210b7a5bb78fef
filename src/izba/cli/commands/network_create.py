"""`izba network create`."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context
    from izba.cli.options.flags import Flags

_REFUSED = {
    "config-from": "networks are configured by their own flags",
    "config-only": "networks are configured by their own flags",
    "ingress": "there is no swarm",
    "ipv6": "networks have IPv4 addresses only",
}

COMMAND = Command(
    name="network create",
    usage="[OPTIONS] NETWORK",
    summary="Create a network",
    flags=(
        Flag(name="attachable", help="Enable manual container attachment"),
        Flag(name="aux-address", kind="list", shown="map", help="Addresses that no container gets (NAME=ADDRESS)"),
        Flag(name="driver", short="d", kind="string", help="Driver to manage the Network (only bridge)"),
        Flag(name="gateway", kind="list", shown="strings", help="IPv4 gateway for the subnet"),
        Flag(name="internal", help="Restrict external access to the network"),
        Flag(name="ip-range", kind="list", shown="strings", help="Allocate container ip from a sub-range"),
        Flag(name="ipam-driver", kind="string", help="IP Address Management Driver (only default)"),
        Flag(name="label", kind="list", help="Set metadata on a network"),
        Flag(name="opt", short="o", kind="list", shown="map", help="Set driver specific options"),
        Flag(name="scope", kind="string", help="Control the network's scope (only local)"),
        Flag(name="subnet", kind="list", shown="strings", help="Subnet in CIDR format that represents the network"),
        *(Flag(name=name, kind="string" if name == "config-from" else "bool", hidden=True) for name in _REFUSED),
    ),
    minimum=1,
    maximum=1,
)

_OPTIONS = frozenset(
    (
        "com.docker.network.bridge.enable_ip_masquerade",
        "com.docker.network.bridge.name",
        "com.docker.network.driver.mtu",
    )
)


def run(context: Context, argv: list[str]) -> int:
    """Make it; print its id."""
    flags = COMMAND.parse(argv)
    for name, reason in _REFUSED.items():
        if flags.given(name) and flags.text(name) != "false":
            raise UsageError(f"--{name} is not supported: {reason}")
    for name, only in (("ipam-driver", "default"), ("scope", "local")):
        if (flags.text(name) or only) != only:
            raise UsageError(f"--{name} {flags.text(name)} is not supported: only {only} is")
    from izba.cli.options.environment import labels
    from izba.engine import upkeep
    from izba.engine.networks import NetworkRequest, create

    request = NetworkRequest(
        name=flags.arguments[0],
        driver=flags.text("driver") or "bridge",
        subnet=_one(flags, "subnet"),
        gateway=_one(flags, "gateway"),
        ip_range=_one(flags, "ip-range"),
        internal=flags.on("internal"),
        attachable=flags.on("attachable"),
        options=_options(flags),
        labels=tuple(labels(flags.all("label"), ()).items()),
    )
    with context.engine() as engine:
        upkeep.look(engine)
        print(create(engine, request).id)
    return 0


def _one(flags: Flags, name: str) -> str:
    values = [value for text in flags.all(name) for value in text.split(",")]
    if len(values) > 1:
        raise UsageError(f"--{name} was given more than once: a network of izba has one subnet")
    return values[0] if values else ""


def _options(flags: Flags) -> tuple[tuple[str, str], ...]:
    options = {}
    for text in flags.all("opt"):
        name, _, value = text.partition("=")
        if name not in _OPTIONS:
            raise UsageError(f"--opt {name} is not supported", hint=f"the options are {', '.join(sorted(_OPTIONS))}")
        options[name] = value
    from izba.network.ipv4 import number
    from izba.network.store import AUXILIARY

    for text in flags.all("aux-address"):
        name, equals, address = text.partition("=")
        if not equals:
            raise UsageError(f"invalid argument {text!r} for --aux-address", hint="write it as NAME=ADDRESS")
        number(address)
        options[f"{AUXILIARY}{name}"] = address
    return tuple(options.items())
