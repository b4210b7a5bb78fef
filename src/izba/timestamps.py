"""RFC 3339 times, as image configs and flags have them, and nanoseconds since the epoch."""

from __future__ import annotations

import time

from izba.errors import InvalidArgument

SECOND = 1_000_000_000


class InvalidTime(InvalidArgument):
    """A text is no RFC 3339 time."""

    def __init__(self, text: str) -> None:
        super().__init__(f"invalid time {text[:100]!r}", hint="write it as 2024-02-29T12:00:00Z")
        self.text = text


def parse_time(text: str | None) -> int:
    """Nanoseconds since the epoch; 0 for no time, which reproducible builders leave out. Raises `InvalidTime`."""
    if not text:
        return 0
    day, separator, rest = text.partition("T") if "T" in text else text.partition("t")
    clock, offset = _split_offset(rest)
    whole, _, fraction = clock.partition(".")
    try:
        year, month, date = _numbers(day, "-", (4, 2, 2))
        hour, minute, second = _numbers(whole, ":", (2, 2, 2))
        nanoseconds = int(_digits(fraction[:9])) * 10 ** (9 - len(fraction[:9])) if fraction else 0
        if not separator or hour > 23 or minute > 59 or second > 60 or not 1 <= month <= 12 or not 1 <= date <= 31:
            raise InvalidTime(text)
    except ValueError:
        raise InvalidTime(text) from None
    seconds = _days(year, month, date) * 86400 + hour * 3600 + minute * 60 + second - offset
    return seconds * SECOND + nanoseconds


def format_time(nanoseconds: int) -> str:
    """RFC 3339 in UTC, as Go writes it: no fraction, or one without zeros at its end."""
    seconds, fraction = divmod(nanoseconds, SECOND)
    broken = time.gmtime(seconds)
    tail = f".{fraction:09d}".rstrip("0") if fraction else ""
    day = f"{broken.tm_year:04d}-{broken.tm_mon:02d}-{broken.tm_mday:02d}"
    return f"{day}T{broken.tm_hour:02d}:{broken.tm_min:02d}:{broken.tm_sec:02d}{tail}Z"


def _split_offset(rest: str) -> tuple[str, int]:
    if rest[-1:] in {"Z", "z"}:
        return rest[:-1], 0
    clock, sign, offset = rest[:-6], rest[-6:-5], rest[-5:]
    try:
        hours, minutes = _numbers(offset, ":", (2, 2))
    except ValueError:
        raise InvalidTime(rest) from None
    if sign not in {"+", "-"}:
        raise InvalidTime(rest)
    seconds = hours * 3600 + minutes * 60
    return clock, seconds if sign == "+" else -seconds


def _numbers(text: str, separator: str, widths: tuple[int, ...]) -> list[int]:
    parts = text.split(separator)
    if tuple(map(len, parts)) != widths:
        raise ValueError(text)
    return [int(_digits(part)) for part in parts]


def _digits(text: str) -> str:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return text


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 of a date of the Gregorian calendar (counted in years that begin in March)."""
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468
