"""The child that runs one health probe: it ends with the probe's exit code, or by SIGALRM if that took too long."""

from __future__ import annotations

import _signal
import os

from izba.errors import IzbaError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.monitor.plan import Plan


def main(plan: Plan, pid: int, output: int) -> int:
    """Run the probe in the container whose init is `pid`, its output to `output`."""
    from izba.monitor.container import probe

    try:
        code = probe(plan, pid, output)
    except IzbaError as error:
        os.write(output, str(error).encode())
        return int(getattr(error, "exit_code", 1))
    if code is None:
        os.kill(os.getpid(), _signal.SIGALRM)
    return int(code or 0)
