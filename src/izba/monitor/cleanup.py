"""What a child of the monitor removes after each run."""

from __future__ import annotations

from izba.cgroups.manager import manager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.monitor.plan import Plan


def clean_up(plan: Plan) -> bool:
    """Let another runtime forget the run, and remove its cgroup; whether the kernel killed in it for want of memory."""
    group = manager(plan.cgroup) if plan.cgroup else None
    killed = group is not None and group.exists() and group.oom_kills() > 0
    if plan.runtime not in {"", "native"}:
        from izba.monitor import container

        container.delete(plan)
    if group is not None and group.exists():
        group.remove()
    return killed
