"""What registries answer when they refuse (distribution-spec, "Error Codes"), as izba's errors."""

from __future__ import annotations

from izba import jsonio
from izba.errors import Forbidden, Internal, InvalidArgument, IzbaError, NotFound, Unauthorized, Unavailable

MAX_FAULT = 64 << 10


class RegistryError(Internal):
    """A registry answered with a status that izba cannot use."""


class RegistryUnreachable(Unavailable):
    """No answer: name, connection, TLS or time; `host` is the registry's or a mirror's.

    `lasting`: asking again at once would get the same.
    """

    def __init__(self, host: str, reason: str, *, hint: str | None = None, lasting: bool = False) -> None:
        super().__init__(f"registry {host} cannot be reached: {reason}", hint=hint)
        self.host = host
        self.lasting = lasting


class RegistryDenied(Forbidden):
    """The registry knows who asks, or will not say, and refuses."""


class RegistryUnauthorized(Unauthorized):
    """The registry wants credentials that it was not given, or refuses those it was."""


class ManifestUnknown(NotFound):
    """The registry has no such repository, tag or digest."""


class TooManyRequests(Unavailable):
    """The registry limits how often it is asked; `remaining` is its header, where it sent one."""


class RegistryRefused(InvalidArgument):
    """The registry found the request itself wrong."""


def fault(status: int, headers: dict[str, str], body: bytes, *, what: str, host: str) -> IzbaError:
    """The error for an answer of `status` to the request that `what` names, such as `manifest of docker.io/a/b:1`."""
    code, said = _first_error(body)
    tail = f": {said}" if said else ""
    login = f"izba login {host}"
    if status == 401:
        return RegistryUnauthorized(f"{what}: access denied, {host} wants other credentials{tail}", hint=login)
    if status == 403:
        return RegistryDenied(
            f"{what}: access denied, it does not exist or may require `{login}`{tail}",
            hint=f"{login}, or ask its owner",
        )
    if status == 404 or code in {"MANIFEST_UNKNOWN", "NAME_UNKNOWN", "BLOB_UNKNOWN"}:
        return ManifestUnknown(f"{what} not found{tail or f' on {host}'}")
    if status == 429:
        return TooManyRequests(f"{what}: {host} limits requests{_limits(headers)}{tail}", hint=_limit_hint(host))
    if status >= 500:
        return Unavailable(f"{what}: {host} failed with status {status}{tail}")
    if 400 <= status < 500:
        return RegistryRefused(f"{what}: {host} refuses with status {status}{tail}")
    return RegistryError(f"{what}: unexpected status {status} from {host}{tail}")


def _first_error(body: bytes) -> tuple[str, str]:
    """Code and message of the first error in the body; both empty where the body is something else."""
    try:
        errors = jsonio.loads(body[:MAX_FAULT])["errors"]
        first = errors[0]
        code, message = str(first.get("code", "")), str(first.get("message", ""))
    except (InvalidArgument, KeyError, IndexError, TypeError, AttributeError):
        return "", ""
    words = code.lower().replace("_", " ")
    return code, printable(message if message.lower().startswith(words) else f"{words}: {message}")[:300]


def printable(text: str) -> str:
    """`text` with everything that a terminal might act on made visible."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def _limits(headers: dict[str, str]) -> str:
    shown = [
        f"{name} {printable(headers[name])[:40]}"
        for name in ("ratelimit-limit", "ratelimit-remaining")
        if name in headers
    ]
    if "retry-after" in headers:
        shown.append(f"try again after {printable(headers['retry-after'])[:40]}")
    return f" ({', '.join(shown)})" if shown else ""


def _limit_hint(host: str) -> str:
    return f"wait, or izba login {host}, or name a mirror in registries.toml"
