"""The monitor again, in an interpreter that has just started in place of the sleeper; the other half of `slumber`."""

from __future__ import annotations

import gc
import os
import time

from izba import jsonio
from izba.linux import process
from izba.monitor import daemon, sleeper, slumber

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def main(memory: int) -> None:
    """Go on with what the memory file says; never returns."""
    gc.disable()  # see `spawn`
    process.set_name(sleeper.NAME)
    with open(memory, "rb") as file:
        value: dict[str, Any] = jsonio.loads(file.read())
    for fd in value["only_asleep"]:
        os.close(fd)
    quiet, slept = value["quiet"], time.monotonic() - value["slept"]
    again = slumber.quiet_at_first() if slept >= slumber.SHORT else min(quiet * 2, slumber.LONGEST_QUIET)
    daemon.resume(value, again)
    os._exit(0)
