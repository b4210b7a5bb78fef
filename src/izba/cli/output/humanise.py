"""Durations and sizes in the words of docker's lists: "About a minute", "1.24MB"."""

from __future__ import annotations

_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")


def duration(seconds: float) -> str:
    """How long that is, roughly."""
    whole = int(seconds)
    minutes, hours = whole // 60, int(seconds / 3600 + 0.5)
    if whole < 1:
        return "Less than a second"
    if whole < 60:
        return "1 second" if whole == 1 else f"{whole} seconds"
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    days = hours // 24
    if days < 14:
        return f"{days} days"
    if hours < 24 * 30 * 2:
        return f"{days // 7} weeks"
    if hours < 24 * 365 * 2:
        return f"{days // 30} months"
    return f"{int(seconds / 3600) // 24 // 365} years"


def ago(seconds: float) -> str:
    """How long ago something was, in lists' words."""
    return f"{duration(seconds)} ago"


def size(count: float, *, digits: int = 3) -> str:
    """A number of bytes in units of 1000, as of images and layers."""
    return _scaled(count, 1000, _DECIMAL, digits)


def binary_size(count: float, *, digits: int = 4) -> str:
    """A number of bytes in units of 1024, as of memory."""
    return _scaled(count, 1024, _BINARY, digits)


def _scaled(count: float, base: int, units: tuple[str, ...], digits: int) -> str:
    at = 0
    while count >= base and at < len(units) - 1:
        count /= base
        at += 1
    return f"{count:.{digits}g}{units[at]}"
