"""Doing something where an izba's bridges are: here, as root; in the user's own namespaces for an ordinary user."""

from __future__ import annotations

from izba.network.plan import NetworkPlan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from izba.engine.engine import Engine


def inside(engine: Engine, work: Callable[[], object]) -> None:
    """Do it; what it raises is raised here. The process has a single thread and is as the user is.

    An ordinary user's work is done by a child; where no container runs on a network, there is no such place, and
    nothing to be done.
    """
    if not engine.roots.rootless:
        work()
        return
    from izba.monitor.errand import by_a_child
    from izba.network import attach
    from izba.network.relay.client import is_running

    plan = NetworkPlan(
        container="", owner=engine.roots.data, run=f"{engine.roots.run}/network", links=(), rootless=True
    )
    if not is_running(plan.run):
        return

    def entered() -> None:
        attach.enter(plan)
        work()

    by_a_child(entered, "changes the networks")
