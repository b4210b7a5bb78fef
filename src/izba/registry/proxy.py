"""Which proxy a URL goes through: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, as curl and Go read them."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """The proxy's URL, or None to go direct. Loopback always goes direct."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if not host or _is_loopback(host) or _is_exempt(host, parts.port, _variable(environ, "no_proxy")):
        return None
    proxy = _variable(environ, f"{parts.scheme}_proxy") or _variable(environ, "all_proxy")
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    return proxy or None


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.upper()) or ""


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_exempt(host: str, port: int | None, no_proxy: str) -> bool:
    return any(_matches(entry.strip().lower(), host, port) for entry in no_proxy.split(",") if entry.strip())


def _matches(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    try:
        if "/" in entry:
            return ip_address(host) in ip_network(entry, strict=False)
        return ip_address(host) == ip_address(entry.strip("[]"))
    except ValueError:
        pass  # one of both is a name
    name, colon, wanted = entry.rpartition(":")
    if colon and wanted.isdigit():
        if str(port) != wanted:
            return False
        entry = name
    # "example.com" and ".example.com" both cover the domain's hosts; the first covers the domain itself too.
    suffix = "." + entry.lstrip("*").lstrip(".")
    return host.endswith(suffix) or (not entry.startswith((".", "*")) and host == entry)
