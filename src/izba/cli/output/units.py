"""Sizes and times as Docker prints them: `7.8MB`, `1.5GiB`, `3 weeks ago`."""

from __future__ import annotations

_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_SECOND = 1_000_000_000


def human_size(size: float, *, digits: int = 3) -> str:
    """Powers of 1000 and so many significant digits, as `docker images` has it."""
    return _scaled(size, 1000.0, _DECIMAL, digits)


def human_memory(size: float, *, digits: int = 4) -> str:
    """Powers of 1024, as `docker stats` has it."""
    return _scaled(size, 1024.0, _BINARY, digits)


def _scaled(size: float, base: float, names: tuple[str, ...], digits: int) -> str:
    step = 0
    while size >= base and step < len(names) - 1:
        size /= base
        step += 1
    return f"{size:.{digits}g}{names[step]}"


def human_duration(nanoseconds: int) -> str:
    """Roughly how long, in one unit: `About an hour`, `5 days`."""
    seconds = nanoseconds // _SECOND
    if seconds < 1:
        return "Less than a second"
    if seconds == 1:
        return "1 second"
    if seconds < 60:
        return f"{seconds} seconds"
    minutes = seconds // 60
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    hours = (seconds + 1800) // 3600
    if hours == 1:
        return "About an hour"
    if hours < 48:
        return f"{hours} hours"
    if hours < 24 * 7 * 2:
        return f"{hours // 24} days"
    if hours < 24 * 30 * 2:
        return f"{hours // 24 // 7} weeks"
    if hours < 24 * 365 * 2:
        return f"{hours // 24 // 30} months"
    return f"{seconds // 3600 // 24 // 365} years"


def human_ago(moment: int, now: int) -> str:
    """How long before `now` something was, both in nanoseconds; empty for no time."""
    return f"{human_duration(now - moment)} ago" if moment else ""
