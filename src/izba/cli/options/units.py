"""Sizes as Docker's flags have them: `512m`, `1.5g`, powers of 1024."""

from __future__ import annotations

from izba.cli.options.flags import UsageError

_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def size(text: str, flag: str) -> int:
    """Bytes. Raises `UsageError` naming the flag."""
    rest = text.lower().removesuffix("b").removesuffix("i")
    digits = rest.rstrip("kmgtp ")
    unit = rest[len(digits) :].strip()
    whole, point, fraction = digits.partition(".")
    if not whole.isdecimal() or (point and not fraction.isdecimal()) or unit not in _POWERS:
        raise UsageError(f"invalid argument {text!r} for --{flag}: invalid size: '{text}'")
    return int(float(digits) * 1024 ** _POWERS[unit])
