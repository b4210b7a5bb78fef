"""Answering challenges: basic, and bearer tokens from the realm a registry names (distribution, token authentication).

Credentials go to a realm only where its host belongs to the registry: the same host, a host under the same parent
domain, or one that registries.toml names. Anonymous tokens may come from anywhere; they carry nothing of the user's.
"""

from __future__ import annotations

import time
from urllib.parse import urlencode, urlsplit

from izba import jsonio
from izba._record import Record
from izba.errors import InvalidArgument
from izba.registry.fault import RegistryDenied, RegistryError, fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.registry.challenge import Challenge
    from izba.registry.config import RegistryConfig
    from izba.registry.credentials import Credentials
    from izba.registry.transport import Answer, Transport

MAX_TOKEN = 64 << 10
DEFAULT_SECONDS = 60  # a token that says nothing of its life lives this long (token specification)
MARGIN_SECONDS = 10


class Token(Record):
    """A bearer token and the moment (monotonic seconds) from which it is not used any more."""

    value: str
    expires: float


class UntrustedRealm(RegistryDenied):
    """A registry sends its callers, with their credentials, to a host that is not known to be its own."""

    def __init__(self, registry: str, realm: str) -> None:
        host = urlsplit(realm).netloc
        super().__init__(
            f"registry {registry} asks for your credentials to be sent to {host!r}",
            hint=f'if that is right, put token-hosts = ["{host}"] under [registry."{registry}"] in registries.toml',
        )


class Authenticator:
    """The `Authorization` headers of one registry, one token for each scope."""

    def __init__(self, transport: Transport, config: RegistryConfig, credentials: Credentials | None) -> None:
        self._transport = transport
        self._config = config
        self._credentials = credentials
        self._challenge: Challenge | None = None
        self._tokens: dict[str, Token] = {}

    @property
    def is_settled(self) -> bool:
        """Whether the registry's way of asking for credentials is known."""
        return self._challenge is not None

    def header(self, scope: str) -> dict[str, str]:
        """What a request for `scope` carries, as far as is known; nothing before the first challenge."""
        if self._challenge is None:
            return {}
        if self._challenge.scheme == "basic":
            return self._basic()
        token = self._tokens.get(scope)
        if token is None or token.expires <= time.monotonic():
            token = self._tokens[scope] = self._fetch(scope)
        return {"Authorization": f"Bearer {token.value}"}

    def accept(self, challenges: tuple[Challenge, ...], scope: str) -> bool:
        """Take up the best challenge after a 401; whether asking again makes sense."""
        known = {challenge.scheme: challenge for challenge in reversed(challenges)}
        chosen = known.get("bearer") or (known.get("basic") if self._has_password() else None)
        if chosen is None:
            return False
        if self._challenge == chosen and chosen.scheme == "basic":
            return False
        self._challenge = chosen
        self._tokens.pop(scope, None)
        return True

    def _has_password(self) -> bool:
        return self._credentials is not None and bool(self._credentials.username)

    def _basic(self) -> dict[str, str]:
        from base64 import b64encode

        assert self._credentials is not None
        pair = f"{self._credentials.username}:{self._credentials.password}"
        return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}

    def _fetch(self, scope: str) -> Token:
        assert self._challenge is not None
        realm = self._challenge.get("realm")
        if not _is_url(realm):
            raise RegistryError(f"registry {self._config.host} names no usable token server: {realm[:100]!r}")
        if self._credentials is not None and not belongs(self._config, realm):
            raise UntrustedRealm(self._config.host, realm)
        query = {"service": self._challenge.get("service"), "scope": scope or self._challenge.get("scope")}
        query = {name: value for name, value in query.items() if value}
        if self._credentials is not None and self._credentials.identity_token:
            answer = self._exchange(realm, query, self._credentials.identity_token)
        else:
            separator = "&" if urlsplit(realm).query else "?"
            headers = self._basic() if self._has_password() else {}
            answer = self._transport.request("GET", f"{realm}{separator}{urlencode(query)}", headers=headers)
        body = answer.body.read_all(MAX_TOKEN, "token")
        if answer.status != 200:
            raise fault(answer.status, answer.headers, body, what=f"token for {scope}", host=self._config.host)
        return _token(body, self._config.host)

    def _exchange(self, realm: str, query: dict[str, str], refresh: str) -> Answer:
        """The OAuth2 form of the token request, for identity tokens."""
        form = {**query, "grant_type": "refresh_token", "client_id": "izba", "refresh_token": refresh}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._transport.request("POST", realm, headers=headers, body=urlencode(form).encode())


def _is_url(realm: str) -> bool:
    try:
        parts = urlsplit(realm)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def belongs(config: RegistryConfig, realm: str) -> bool:
    """Whether credentials for the registry may be shown to the realm's host."""
    parts = urlsplit(realm)
    registry = urlsplit(config.endpoint)
    host, own = (parts.hostname or "").lower(), (registry.hostname or "").lower()
    if parts.netloc.lower() in config.token_hosts or host in config.token_hosts:
        return True
    if host == own:
        return True
    if parts.scheme != "https":
        return False
    parent = own.partition(".")[2]
    return "." in parent and not parent.replace(".", "").isdigit() and (host == parent or host.endswith(f".{parent}"))


def _token(body: bytes, host: str) -> Token:
    try:
        said = jsonio.loads(body)
        value = said.get("token") or said.get("access_token")
        seconds = float(said.get("expires_in") or DEFAULT_SECONDS)
    except (InvalidArgument, AttributeError, TypeError, ValueError):
        value, seconds = None, 0.0
    if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
        raise RegistryError(f"the token server of {host} answered without a token")
    return Token(value=value, expires=time.monotonic() + max(seconds - MARGIN_SECONDS, MARGIN_SECONDS))
