"""The child that runs one health probe; its exit code is the probe's."""

from __future__ import annotations

import os

from izba.errors import IzbaError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.monitor.plan import Plan


def main(plan: Plan, pid: int, output: int) -> int:
    """Run the probe in the container whose init is `pid`, its output to `output`."""
    from izba.monitor.container import probe

    try:
        return probe(plan, pid, output)
    except IzbaError as error:
        os.write(output, str(error).encode())
        return int(getattr(error, "exit_code", 1))
