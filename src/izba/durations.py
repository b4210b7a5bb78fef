"""Go's durations, `1h30m`, `1.5s`, `500ms`, as flags and Dockerfiles give them, in nanoseconds."""

from __future__ import annotations

from izba.errors import InvalidArgument

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000

_UNITS = {
    "ns": 1,
    "us": MICROSECOND,
    "\u00b5s": MICROSECOND,
    "\u03bcs": MICROSECOND,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3600 * SECOND,
}
_LONGEST = (1 << 63) - 1


class InvalidDuration(InvalidArgument):
    """A text is no duration."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f"invalid duration {text!r}: {reason}", hint="write it as 30s, 1m30s or 500ms")
        self.text = text


def parse(text: str) -> int:
    """Nanoseconds. Raises `InvalidDuration`."""
    rest = text.removeprefix("-") if text.startswith("-") else text.removeprefix("+")
    if rest == "0":
        return 0
    if not rest:
        raise InvalidDuration(text, "a number and a unit are expected")
    total = 0
    while rest:
        number, rest = _take(rest, "0123456789.")
        unit, rest = _take_unit(rest)
        whole, _, fraction = number.partition(".")
        if not (whole or fraction) or "." in fraction:
            raise InvalidDuration(text, "a number is expected")
        if unit not in _UNITS:
            raise InvalidDuration(text, f"unknown unit {unit!r}" if unit else "missing unit")
        fraction = fraction[:18]
        total += int(whole[:20] or "0") * _UNITS[unit] + int(fraction or "0") * _UNITS[unit] // 10 ** len(fraction)
        if total > _LONGEST:
            raise InvalidDuration(text, "longer than 292 years")
    return -total if text.startswith("-") else total


def go_duration(nanoseconds: int) -> str:
    """As Go prints it: `1m30s`, `1.5s`, `200ms`."""
    if not nanoseconds:
        return "0s"
    sign, rest = ("-" if nanoseconds < 0 else ""), abs(nanoseconds)
    if rest < 10**9:
        for unit, size in (("ms", 10**6), ("µs", 10**3), ("ns", 1)):
            if rest >= size:
                return f"{sign}{_fraction(rest, size)}{unit}"
    minutes, seconds = divmod(rest, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}h" if hours else ""
    text += f"{minutes}m" if hours or minutes else ""
    return f"{sign}{text}{_fraction(seconds, 10**9)}s"


def _fraction(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    digits = f"{rest:0{len(str(unit)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)


def _take(text: str, characters: str) -> tuple[str, str]:
    rest = text.lstrip(characters)
    return text[: len(text) - len(rest)], rest


def _take_unit(text: str) -> tuple[str, str]:
    end = next((at for at, character in enumerate(text) if character in "0123456789."), len(text))
    return text[:end], text[end:]
