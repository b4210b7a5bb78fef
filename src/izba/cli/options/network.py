"""`--network` and what goes with it, `-p`, `--expose`, `--dns` and `--add-host`."""

from __future__ import annotations

from izba.cli.options.flags import UsageError
from izba.engine.containers.networkfiles import extra_host
from izba.network.plan import HELPERS
from izba.network.store import INTERFACE, EndpointRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from izba.cli.options.flags import Flags
    from izba.engine.containers.documents import ContainerConfig, HostConfig

_OF_DOMAINS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
_WITHOUT_ENDPOINT = ("none", "host", *HELPERS)


def read(flags: Flags, config: ContainerConfig, host: HostConfig) -> tuple[EndpointRequest, ...]:
    """Put what was given into the documents; the networks to be connected to. Raises `UsageError`."""
    _names(flags, host)
    _ports(flags, config, host)
    texts = (*flags.all("network"), *flags.all("net"))
    if "" in texts:
        raise UsageError("no name set for network", hint="--network takes the name of a network")
    endpoints = [_endpoint(text) for text in texts]
    if endpoints:
        host["NetworkMode"] = endpoints[0].network
    mode = host.get("NetworkMode", "default")
    if _has_none(mode) or any(_has_none(each.network) for each in endpoints):
        if len(endpoints) > 1:
            raise UsageError(f"conflicting options: the network {mode} has no other networks beside it")
        _refuse_with(mode, flags)
        if mode == "host" and (flags.given("publish") or flags.on("publish-all")):
            from izba import log

            log.warning("published ports are discarded when using host network mode")
        return ()
    first = endpoints[0] if endpoints else EndpointRequest(network="default")
    first = first.replace(
        aliases=(*first.aliases, *flags.all("network-alias"), *flags.all("net-alias")),
        address=flags.text("ip") or first.address,
        mac=_mac(flags.text("mac-address") or first.mac),
    )
    return (first, *endpoints[1:])


def _has_none(mode: str) -> bool:
    return mode in _WITHOUT_ENDPOINT or mode.startswith("container:")


def _refuse_with(mode: str, flags: Flags) -> None:
    kind = mode.partition(":")[0]
    for name in ("network-alias", "net-alias", "ip", "mac-address"):
        if flags.given(name):
            raise UsageError(f"conflicting options: --{name} and the network {kind}")
    if kind == "container":
        for name in ("publish", "publish-all", "expose", "dns", "add-host"):
            if flags.given(name):
                raise UsageError(f"conflicting options: --{name} and the container type network mode")


def _endpoint(text: str) -> EndpointRequest:
    """`NAME`, or `name=NAME,alias=A,ip=ADDRESS,mac-address=MAC,gw-priority=N,driver-opt=KEY=VALUE`."""
    if "=" not in text:
        return EndpointRequest(network=text)
    values: dict[str, list[str]] = {}
    for field in text.split(","):
        key, _, value = field.partition("=")
        if key not in {"name", "alias", "ip", "mac-address", "gw-priority", "driver-opt"}:
            raise UsageError(
                f'invalid field {key!r} in --network "{text}"',
                hint="the fields are name, alias, ip, mac-address, gw-priority and driver-opt",
            )
        values.setdefault(key, []).append(value)
    if "name" not in values:
        raise UsageError(f'network name is missing in --network "{text}"')
    return EndpointRequest(
        network=values["name"][-1],
        aliases=tuple(values.get("alias", ())),
        address=values.get("ip", [""])[-1],
        mac=_mac(values.get("mac-address", [""])[-1]),
        interface=interface_of(values.get("driver-opt", ())),
        gateway_priority=_priority(values.get("gw-priority", ["0"])[-1]),
    )


def interface_of(options: Sequence[str]) -> str:
    """The interface's name that an endpoint's options `KEY=VALUE` ask for. Raises `UsageError` for other options."""
    name = ""
    for option in options:
        key, _, name = option.partition("=")
        if key != INTERFACE:
            raise UsageError(f"the driver has no option {key}", hint=f"an endpoint has the option {INTERFACE}")
        if not name:
            raise UsageError(f"{INTERFACE} needs the name of an interface")
    return name


def _priority(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"gw-priority: {text} is no whole number") from None


def _mac(text: str) -> str:
    if not text:
        return ""
    digits = text.lower().replace("-", ":")
    if text.count(".") == 2 and len(text) == 14:  # 0242.ac11.0002
        digits = ":".join(text.lower().replace(".", "")[at : at + 2] for at in range(0, 12, 2))
    parts = digits.split(":")
    if len(parts) != 6 or not all(len(part) == 2 and set(part) <= set("0123456789abcdef") for part in parts):
        raise UsageError(f"{text} is not a valid mac address")
    if int(parts[0], 16) & 1:
        raise UsageError(f"{text} is a multicast address, which no interface can have")
    return ":".join(parts)


def _names(flags: Flags, host: HostConfig) -> None:
    for text in flags.all("add-host"):
        _, address = extra_host(text)
        if address != "host-gateway" and not _is_address(address):
            raise UsageError(
                f'invalid IP address in add-host: "{address}"', hint="write NAME:ADDRESS or NAME:host-gateway"
            )
    host["ExtraHosts"] = list(flags.all("add-host"))
    for server in flags.all("dns"):
        if not _is_address(server):
            raise UsageError(f"{server} is not an ip address", hint="--dns takes addresses of name servers")
    host["Dns"] = list(flags.all("dns"))
    host["DnsOptions"] = [*flags.all("dns-option"), *flags.all("dns-opt")]
    for domain in flags.all("dns-search"):
        if not domain or not _OF_DOMAINS.issuperset(domain):
            raise UsageError(f"{domain} is not a valid domain", hint="--dns-search takes one domain; `.` is none")
    host["DnsSearch"] = list(flags.all("dns-search"))


def _is_address(text: str) -> bool:
    from izba.cli.options.ports import is_address  # of no use to a run without such flags

    return is_address(text)


def _ports(flags: Flags, config: ContainerConfig, host: HostConfig) -> None:
    from izba.cli.options.ports import exposed, published

    exposing: dict[str, dict[str, Any]] = {port: {} for text in flags.all("expose") for port in exposed(text)}
    bindings = published(flags.all("publish"))
    if exposing or bindings:
        config["ExposedPorts"] = exposing | {key: {} for key in bindings}
    host["PortBindings"] = bindings
    host["PublishAllPorts"] = flags.on("publish-all")
