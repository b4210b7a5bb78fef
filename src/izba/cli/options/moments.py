"""`--since` and `--until`: a date, a Unix time, or how long ago."""

from __future__ import annotations

from izba import durations, timestamps
from izba.cli.options.flags import UsageError
from izba.timestamps import InvalidTime


def moment(text: str, now: int) -> int:
    """Nanoseconds since the epoch. Raises `UsageError`."""
    whole, _, fraction = text.partition(".")
    if whole.isdecimal() and (not fraction or fraction.isdecimal()):
        return int(whole) * timestamps.SECOND + int(fraction[:9].ljust(9, "0") or 0)
    try:
        return now - durations.parse(text)
    except durations.InvalidDuration:
        pass
    try:
        return timestamps.parse_time(_completed(text))
    except InvalidTime:
        raise UsageError(
            f"invalid value for a time: {text!r}", hint="write it as 2024-02-29T12:00:00Z, 1709208000 or 42m"
        ) from None


def _completed(text: str) -> str:
    """A date alone is midnight, and one without a zone is of the zone that this machine is in."""
    import time

    day, _, clock = text.partition("T")
    if clock.endswith("Z") or "+" in clock or "-" in clock:
        return text
    clock = clock or "00:00:00"
    clock += ":00" * (2 - clock.count(":"))
    try:
        local = time.mktime(time.strptime(f"{day}T{clock.partition('.')[0]}", "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        raise InvalidTime(text) from None
    fraction = clock.partition(".")[2]
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(local)) + (f".{fraction}" if fraction else "") + "Z"
