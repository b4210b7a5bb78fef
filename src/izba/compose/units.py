"""Durations and sizes as Compose files have them, which know more units than Docker's flags."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_UNITS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_UNITS |= {"d": 24 * _UNITS["h"], "w": 7 * 24 * _UNITS["h"]}
_DIGITS = frozenset("0123456789")
_FACTORS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}


def duration(value: Any) -> int:
    """Nanoseconds of `1m30s`, `2d`. Raises `ValueError`."""
    text = str(value).strip()
    if text in {"0", "+0", "-0"}:
        return 0
    negative = text.startswith("-")
    rest, total = text[1:] if text[:1] in {"+", "-"} else text, 0.0
    if not rest:
        raise ValueError(f"{text!r} is not a duration, as in 1m30s")
    while rest:
        number, rest = _split(rest, "0123456789.")
        unit, rest = _split(rest, "nuµmshdw")
        if number.count(".") > 1 or number in {"", "."} or unit not in _UNITS:
            raise ValueError(f"{text!r} is not a duration, as in 1m30s")
        total += float(number) * _UNITS[unit]
    return -round(total) if negative else round(total)


def size(value: Any) -> int:
    """Bytes of `64m`, `1.5gb`, `1048576`. Raises `ValueError`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value).strip()
    if _is_whole(text[1:] if text[:1] in {"+", "-"} else text):
        return int(text)
    number, rest = _split(text.lower(), "0123456789.")
    whole, dot, fraction = number.partition(".")
    unit = rest.removeprefix(" ").removesuffix("b").removesuffix("i")
    if unit not in _FACTORS or not _is_whole(whole) or (dot and not _is_whole(fraction)):
        raise ValueError(f"{text!r} is not a size, as in 64m")
    return int(float(number) * _FACTORS[unit])


def _split(text: str, characters: str) -> tuple[str, str]:
    """As much of the beginning as these characters make, and what follows it."""
    rest = text.lstrip(characters)
    return text[: len(text) - len(rest)], rest


def _is_whole(text: str) -> bool:
    return bool(text) and _DIGITS.issuperset(text)
