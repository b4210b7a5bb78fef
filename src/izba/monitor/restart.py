"""When a container that ended is started again: Docker's restart policies, and its backoff."""

from __future__ import annotations

from izba._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.monitor.plan import RestartPlan

FIRST_DELAY = 0.1
LONGEST_DELAY = 60.0
STEADY = 10.0
"""A run of this many seconds was a success; the next delay is the first again."""


class Ended(Record):
    """How one run ended. `restarts` counts those of the policy before it, `delay` is the last wait, 0 for none."""

    exit_code: int
    seconds: float
    restarts: int
    delay: float
    stopped_by_user: bool


def delay_before_restart(policy: RestartPlan, ended: Ended) -> float | None:
    """Seconds to wait before the next start; None where there is none."""
    if ended.stopped_by_user or policy.name == "no":
        return None
    if policy.name == "on-failure" and (ended.exit_code == 0 or (policy.maximum and ended.restarts >= policy.maximum)):
        return None
    if ended.delay == 0 or ended.seconds >= STEADY:
        return FIRST_DELAY
    return min(ended.delay * 2, LONGEST_DELAY)
