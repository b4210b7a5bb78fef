"""`WWW-Authenticate` (RFC 9110, section 11.6.1): schemes and their parameters, quoted or not."""

from __future__ import annotations

from izba._record import Record

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class Challenge(Record):
    """One scheme, lower case, and its parameters, names lower case."""

    scheme: str
    parameters: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str:
        """The parameter `name`, empty where it is missing."""
        return dict(self.parameters).get(name, "")


def parse(header: str) -> tuple[Challenge, ...]:
    """The challenges of a header; what is not of the grammar ends the reading, it is never guessed."""
    challenges: list[Challenge] = []
    rest = header.strip()
    while rest:
        scheme, rest = _token(rest)
        if not scheme:
            break
        parameters: list[tuple[str, str]] = []
        rest = rest.lstrip()
        while rest:
            name, after = _token(rest)
            after = after.lstrip()
            if not name or not after.startswith("="):
                break
            value, rest = _value(after[1:].lstrip())
            parameters.append((name.lower(), value))
            rest = rest.lstrip()
            if not rest.startswith(","):
                break
            rest = rest[1:].lstrip()
        challenges.append(Challenge(scheme=scheme.lower(), parameters=tuple(parameters)))
        rest = rest.lstrip(", \t")
    return tuple(challenges)


def _token(text: str) -> tuple[str, str]:
    end = 0
    while end < len(text) and text[end] in _TOKEN:
        end += 1
    return text[:end], text[end:]


def _value(text: str) -> tuple[str, str]:
    if not text.startswith('"'):
        return _token(text)
    out: list[str] = []
    at = 1
    while at < len(text) and text[at] != '"':
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
        out.append(text[at])
        at += 1
    return "".join(out), text[at + 1 :]
