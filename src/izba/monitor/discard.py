"""The child that takes a container out of the store at its end (`--rm`)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.monitor.plan import Plan


def main(plan: Plan) -> int:
    """Remove the container that `plan` is for; its directory is locked by the monitor."""
    from izba.monitor.container import enter_user_namespace
    from izba.monitor.finish import discard
    from izba.store import eventlog
    from izba.store.store import Store

    enter_user_namespace()
    # Not closed, for its end is near, and the last to close the database takes its log away (`izba.store.db`).
    discard(Store.open(plan.roots), plan.id, volumes=plan.volumes)
    eventlog.append(plan.roots.data, "container", "destroy", plan.id, dict(plan.told))
    return 0
