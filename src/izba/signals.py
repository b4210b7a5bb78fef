"""Signals by name and number, without the enums of `signal`."""

from __future__ import annotations

import _signal

from izba.errors import InvalidArgument

_FIRST_REALTIME, _LAST_REALTIME = 34, 64


class InvalidSignal(InvalidArgument):
    """A text is no signal; Docker's sentence."""

    def __init__(self, text: str) -> None:
        super().__init__(f"invalid signal: {text}")
        self.text = text


def number(text: str) -> int:
    """The number of `SIGTERM`, `term`, `15`, `RTMIN+3`. Raises `InvalidSignal`."""
    if text.isdecimal():
        value = int(text)
        if not 0 < value <= _LAST_REALTIME:
            raise InvalidSignal(text)
        return value
    name = text.upper().removeprefix("SIG")
    for base, start in (("RTMIN", _FIRST_REALTIME), ("RTMAX", _LAST_REALTIME)):
        if name.startswith(base):
            offset = name.removeprefix(base) or "+0"
            if offset[0] in "+-" and offset[1:].isdecimal():
                value = start + int(offset)
                if _FIRST_REALTIME <= value <= _LAST_REALTIME:
                    return value
            raise InvalidSignal(text)
    found = getattr(_signal, f"SIG{name}", None) if name.isalnum() and name not in {"DFL", "IGN"} else None
    if not isinstance(found, int):
        raise InvalidSignal(text)
    return int(found)
