"""The three files of a container that the engine writes: hosts, resolv.conf and hostname. Pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RESOLV_CONF = "/etc/resolv.conf"
RESOLVED_CONF = "/run/systemd/resolve/resolv.conf"
"""What systemd-resolved itself asks; /etc/resolv.conf then names only its stub on 127.0.0.53."""

# Docker's, for a container whose host has no nameserver but on loopback.
_PUBLIC = ("8.8.8.8", "8.8.4.4")

_LOCAL = (
    ("127.0.0.1", "localhost"),
    ("::1", "localhost ip6-localhost ip6-loopback"),
    ("fe00::", "ip6-localnet"),
    ("ff00::", "ip6-mcastprefix"),
    ("ff02::1", "ip6-allnodes"),
    ("ff02::2", "ip6-allrouters"),
)


def hostname(name: str) -> str:
    """/etc/hostname."""
    return f"{name}\n"


def hosts(
    *, host_file: str | None = None, own: Sequence[tuple[str, str]] = (), extra: Sequence[tuple[str, str]] = ()
) -> str:
    """/etc/hosts from (address, names).

    With the host's network, `host_file` is the host's own; otherwise it starts from the local addresses. `own` are the
    container's, `extra` those of `--add-host`.
    """
    if host_file is None:
        text = "".join(f"{address}\t{names}\n" for address, names in _LOCAL)
    else:
        text = host_file if host_file.endswith("\n") or not host_file else f"{host_file}\n"
    return text + "".join(f"{address}\t{names}\n" for address, names in (*extra, *own))


def resolv_conf(
    read: Callable[[str], str],
    *,
    host_loopback: bool,
    nameservers: Sequence[str] = (),
    search: Sequence[str] | None = None,
    options: Sequence[str] | None = None,
) -> str:
    """/etc/resolv.conf: the host's, with what `--dns`, `--dns-search` and `--dns-option` put in its place.

    read           returns a file's text, empty where there is none
    host_loopback  whether the container is in the host's network namespace, so that the host's own resolver on
                   loopback answers it; otherwise those addresses are left out, and behind systemd-resolved's stub the
                   real servers are taken
    """
    text = read(RESOLV_CONF)
    if not host_loopback and _servers(text) and all(map(_is_loopback, _servers(text))):
        text = read(RESOLVED_CONF) or text
    if host_loopback and not nameservers and search is None and options is None:
        return text
    servers = list(nameservers) or [s for s in _servers(text) if host_loopback or not _is_loopback(s)] or list(_PUBLIC)
    domains = _values(text, "search") if search is None else [] if list(search) == ["."] else list(search)
    chosen = _values(text, "options") if options is None else list(options)
    lines = [f"nameserver {server}" for server in servers]
    lines += [f"search {' '.join(domains)}"] * bool(domains) + [f"options {' '.join(chosen)}"] * bool(chosen)
    return "\n".join(lines) + "\n"


def _servers(text: str) -> list[str]:
    return [words[1] for words in map(str.split, text.splitlines()) if len(words) > 1 and words[0] == "nameserver"]


def _values(text: str, keyword: str) -> list[str]:
    """The values of the last line with this keyword, which is the one that counts (resolv.conf(5))."""
    found = [words[1:] for words in map(str.split, text.splitlines()) if words and words[0] == keyword]
    return found[-1] if found else []


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or address.partition("%")[0] == "::1"
