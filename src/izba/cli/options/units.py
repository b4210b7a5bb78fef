"""Sizes as Docker's flags have them: `512m`, `1.5g`, powers of 1024."""

from __future__ import annotations

from izba.cli.options.flags import UsageError

_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_MOST = (1 << 63) - 1
"""What the kernel counts bytes with is signed and has 64 bits."""


def size(text: str, flag: str) -> int:
    """Bytes. Raises `UsageError` naming the flag."""
    rest = text.lower().removesuffix("b").removesuffix("i")
    digits = rest.rstrip("kmgtp ")
    unit = rest[len(digits) :].strip()
    whole, point, fraction = digits.partition(".")
    is_number = text.isascii() and whole.isdecimal() and (fraction.isdecimal() or not point)
    if not is_number or unit not in _POWERS or (bytes_ := float(digits) * 1024 ** _POWERS[unit]) > _MOST:
        raise UsageError(f"invalid argument {text!r} for --{flag}: invalid size: '{text}'")
    return int(bytes_)
