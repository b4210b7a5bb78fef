"""/etc/hosts, /etc/hostname and /etc/resolv.conf of a container, as text."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LOOPBACK = """127.0.0.1	localhost
::1	localhost ip6-localhost ip6-loopback
fe00::0	ip6-localnet
ff00::0	ip6-mcastprefix
ff02::1	ip6-allnodes
ff02::2	ip6-allrouters
"""


def hosts(extra: Iterable[tuple[str, str]], *, base: str = LOOPBACK) -> str:
    """`base` and a line for each (name, address) of `extra`."""
    text = base if base.endswith("\n") or not base else base + "\n"
    return text + "".join(f"{address}\t{name}\n" for name, address in extra)


def resolv_conf(
    host: str, *, servers: Sequence[str] = (), search: Sequence[str] = (), options: Sequence[str] = ()
) -> str:
    """The host's own, each kind of line replaced where the user gave values for it; a search of `.` is none."""
    given = {"nameserver": list(servers), "search": [" ".join(search)] * bool(search)}
    given["options"] = [" ".join(options)] * bool(options)
    if list(search) == ["."]:
        given["search"] = []
    asked = {"nameserver": bool(servers), "search": bool(search), "options": bool(options)}
    kept = []
    for line in host.splitlines():
        word = line.split(None, 1)[0] if line.strip() else ""
        if not asked.get("search" if word == "domain" else word, False):
            kept.append(line)
    added = [f"{kind} {value}" for kind, values in given.items() for value in values]
    return "".join(f"{line}\n" for line in (*kept, *added))


RESOLVER = "127.0.0.11"
"""Where a container finds izba's own resolver, as in Docker."""


def name_servers(text: str | None = None) -> tuple[str, ...]:
    """The name servers of a resolv.conf, the host's unless given."""
    if text is None:
        try:
            with open("/etc/resolv.conf", encoding="utf-8", errors="replace") as file:
                text = file.read(1 << 16)
        except FileNotFoundError:
            text = ""
    words = [line.split() for line in text.splitlines()]
    return tuple(line[1] for line in words if len(line) > 1 and line[0] == "nameserver")


def is_reachable(server: str) -> bool:
    """Whether a container on a bridge reaches the address: not the host's loopback, and by IPv4."""
    return ":" not in server and not server.startswith("127.")


def host_address() -> str:
    """The address by which this host reaches the rest of the world; its loopback where there is nothing else."""
    from _socket import AF_INET, SOCK_DGRAM, socket

    probe = socket(AF_INET, SOCK_DGRAM, 0)
    try:
        probe.connect(("198.51.100.1", 9))  # TEST-NET-2: a route is looked up, nothing is sent
        return str(probe.getsockname()[0])
    except OSError:
        return "127.0.0.1"
    finally:
        probe.close()
