"""A small logger to stderr. The standard one costs 8 ms to import, and izba has two places that log.

Debug lines appear with `IZBA_DEBUG=1` or `--debug`; warnings always.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_debug = bool(os.environ.get("IZBA_DEBUG"))
_sink: Callable[[str], None] | None = None


def divert(sink: Callable[[str], None]) -> None:
    """Give warnings to `sink` from here on, and nothing to standard error.

    For a child that a process with threads forked: one of these may have held the stream's lock, for ever.
    """
    global _sink
    _sink = sink


def enable_debug() -> None:
    """Show debug lines from here on, in this process and those it starts."""
    global _debug
    _debug = True
    os.environ["IZBA_DEBUG"] = "1"


def is_debug() -> bool:
    """Whether debug lines are shown."""
    return _debug


def debug(message: str, **facts: object) -> None:
    """What happens, for the developer of izba."""
    if _debug:
        _write("debug", message, facts)


def warning(message: str, **facts: object) -> None:
    """Something the user asked for is not done as asked; the command goes on."""
    _write("warning", message, facts)


def _write(level: str, message: str, facts: dict[str, object]) -> None:
    tail = "".join(f" {key}={value!r}" for key, value in facts.items())
    if _sink is not None:
        if level == "warning":
            _sink(f"{message}{tail}")
        return
    stamp = f"{time.monotonic():.3f} " if _debug else ""
    try:
        sys.stderr.write(f"{stamp}{level}: {message}{tail}\n")
        sys.stderr.flush()
    except OSError:  # a closed terminal must not end what runs behind it
        pass
