"""What the other end of a stream is."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO


def is_terminal(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether somebody looks at `stream`, on a terminal that can move its cursor."""
    try:
        return stream.isatty() and environment.get("TERM", "") not in {"", "dumb"}
    except ValueError:
        return False  # closed


def wants_colour(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether colours are welcome: on a terminal, if NO_COLOR does not say otherwise (no-color.org)."""
    return not environment.get("NO_COLOR") and is_terminal(stream, environment)
