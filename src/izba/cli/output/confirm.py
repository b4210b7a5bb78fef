"""The question before something is removed for good."""

from __future__ import annotations

import sys


def confirmed(warning: str) -> bool:
    """Whether the user answers yes; no answer, as from an empty stdin, is a no."""
    sys.stdout.write(f"{warning}\nAre you sure you want to continue? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
