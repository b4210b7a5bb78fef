"""`registries.toml`: how each registry is reached. docs/registries.md shows every key.

[registry."docker.io"]
mirrors = ["https://mirror.example/hub"]   # asked first, in order; then the registry itself
insecure = false                           # true: plain HTTP, or TLS that nobody vouches for
ca = "/etc/izba/registry-ca.pem"           # trusted besides the system's
client-certificate = "/etc/izba/me.crt"
client-key = "/etc/izba/me.key"
token-hosts = ["login.example"]            # hosts beyond the registry's domain that may be shown credentials
search = "https://index.example"           # where `izba search` asks; Docker Hub's is known
"""

from __future__ import annotations

from izba._record import Record
from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HUB = "docker.io"
HUB_ENDPOINT = "https://registry-1.docker.io"


class RegistryConfig(Record):
    """How one registry is reached; `host` is as in a reference, with its port."""

    host: str
    mirrors: tuple[str, ...] = ()
    insecure: bool = False
    ca: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    token_hosts: tuple[str, ...] = ()
    search: str | None = None

    @property
    def endpoint(self) -> str:
        """The registry's own base URL; loopback and `insecure` ones speak HTTP if they do not speak TLS."""
        return HUB_ENDPOINT if self.host == HUB else f"https://{self.host}"


class Registries(Record):
    """All that the file says, by host."""

    configured: tuple[RegistryConfig, ...] = ()

    def of(self, host: str) -> RegistryConfig:
        """The configuration of `host`, its defaults where the file says nothing."""
        return next((one for one in self.configured if one.host == host), RegistryConfig(host=host))


class ConfigError(InvalidArgument):
    """registries.toml says something izba does not understand; the message names file and key."""


_TEXT = {"ca": "ca", "search": "search", "client-certificate": "client_certificate", "client-key": "client_key"}
_LISTS = {"mirrors": "mirrors", "token-hosts": "token_hosts"}


def load(path: str) -> Registries:
    """Read the file; one that is not there says nothing. Raises `ConfigError`."""
    try:
        with open(path, "rb") as file:
            text = file.read()
    except FileNotFoundError:
        return Registries()
    import tomllib

    try:
        document = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    tables = document.pop("registry", {})
    if document:
        raise ConfigError(f"{path}: unknown key {next(iter(document))!r}", hint='the only table is [registry."HOST"]')
    if not isinstance(tables, dict):
        raise ConfigError(f'{path}: registry: a table [registry."HOST"] is expected')
    return Registries(configured=tuple(_registry(path, host, table) for host, table in tables.items()))


def _registry(path: str, host: str, table: Any) -> RegistryConfig:
    where = f'{path}: registry."{host}"'
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: a table is expected")
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key == "insecure" and isinstance(value, bool):
            values[key] = value
        elif key in _TEXT and isinstance(value, str):
            values[_TEXT[key]] = value
        elif key in _LISTS and isinstance(value, list) and all(isinstance(item, str) for item in value):
            values[_LISTS[key]] = tuple(value)
        elif key == "insecure" or key in _TEXT or key in _LISTS:
            raise ConfigError(f"{where}.{key}: not of the right type")
        else:
            known = ", ".join(sorted(("insecure", *_TEXT, *_LISTS)))
            raise ConfigError(f"{where}: unknown key {key!r}", hint=f"known keys: {known}")
    for mirror in values.get("mirrors", ()):
        if not mirror.startswith(("https://", "http://")):
            raise ConfigError(f"{where}.mirrors: {mirror!r} is not a URL")
    return RegistryConfig(host=host, **values)
