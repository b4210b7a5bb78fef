"""How a URL is reached from here: proxies and certificate authorities of the environment and of apt."""

from __future__ import annotations

import os
import ssl
from urllib.parse import urlsplit

from izba._record import Record
from izba.hosttrust import host_bundle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from izba.bootstrap.host.aptconf import AptConfiguration


class Route(Record):
    """`proxy` None: directly."""

    proxy: str | None = None
    ca_file: str | None = None


class Routes:
    """Routes by URL. apt's settings win over the environment's, as they do for apt itself."""

    def __init__(
        self, environ: Mapping[str, str], apt: AptConfiguration | None = None, *, ca_file: str | None = None
    ) -> None:
        self._environ = environ
        self._apt = apt
        self._ca_file = ca_file

    def route(self, url: str) -> Route:
        """How to reach `url`."""
        parts = urlsplit(url)
        return Route(proxy=self._proxy(parts.scheme, parts.hostname or ""), ca_file=self._authorities())

    def _proxy(self, scheme: str, host: str) -> str | None:
        if self._apt is not None:
            for name in (f"Acquire::{scheme}::Proxy::{host}", f"Acquire::{scheme}::Proxy"):
                if chosen := self._apt.get(name):
                    return None if chosen.upper() == "DIRECT" else chosen
        from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

        def lookup(name: str) -> str | None:
            return self._environ.get(name) or self._environ.get(name.upper())

        if proxy_bypass_environment(host, {"no": lookup("no_proxy") or ""}):
            return None
        proxy = lookup(f"{scheme}_proxy") or lookup("all_proxy")
        return proxy if proxy is None or "://" in proxy else f"http://{proxy}"

    def _authorities(self) -> str | None:
        from_apt = self._apt.get("Acquire::https::CAInfo") if self._apt is not None else None
        named = next((path for path in (self._ca_file, from_apt) if path and os.path.isfile(path)), None)
        return named or host_bundle(self._environ)


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Verify servers by the host's authorities, those of `ca_file` added."""
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return context
