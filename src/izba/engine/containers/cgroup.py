"""The cgroup of a container."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cgroups.manager import CgroupManager
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine


def cgroup(engine: Engine, container: Container) -> CgroupManager | None:
    """The container's cgroup; None where it has none."""
    from izba.cgroups.manager import manager
    from izba.runtime import bundle

    path = bundle.read(container.directory)["linux"].get("cgroupsPath")
    return manager(path, engine.cgroups) if path and engine.cgroups else None
