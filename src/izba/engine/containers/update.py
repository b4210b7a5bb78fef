"""Other limits, or another restart policy, for a container that exists; a running one feels them at once."""

from __future__ import annotations

import time

from izba.engine import eventlog
from izba.engine.containers import lifecycle, specrequest
from izba.engine.containers.processes import processes
from izba.errors import Conflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cgroups.manager import CgroupManager
    from izba.engine.containers.documents import HostConfig
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine
    from izba.oci.runtimespec import LinuxResources
    from izba.runtime.specgen.request import ResourceLimits

_PATIENCE = 5.0


class CannotUpdate(Conflict):
    """Docker's sentence around the reason."""

    def __init__(self, container: Container, reason: str) -> None:
        super().__init__(f"Cannot update container {container.id}: {reason}")
        self.id = container.id


def update(engine: Engine, container: Container, changes: HostConfig) -> list[str]:
    """Apply what `changes` names, keep the rest; warnings about what this host cannot do.

    Raises `CannotUpdate`, and `InvalidArgument` for limits that contradict each other or those the container has.
    """
    from izba import jsonio
    from izba.runtime.specgen import resources

    host = container.host_config | changes
    if host.get("AutoRemove") and "RestartPolicy" in changes and changes["RestartPolicy"]["Name"] != "no":
        raise CannotUpdate(
            container, "Restart policy cannot be updated because AutoRemove is enabled for the container"
        )
    limits, warnings = resources.checked(specrequest.limits(host), engine.host)
    if lifecycle.state(container).status in {"running", "paused"}:
        if changes.keys() - {"RestartPolicy"}:
            _apply(engine, container, limits)
        if "RestartPolicy" in changes:
            policy = changes["RestartPolicy"]
            request = {"name": policy["Name"], "maximum": policy["MaximumRetryCount"]}
            lifecycle.ask(container, {"verb": "restart-policy", **request})
    kept = container.kept | {"HostConfig": host}
    engine.store.containers.set_config(container.id, jsonio.dumps_ordered(kept))
    eventlog.emit_container(engine, container, "update")
    return warnings


def _apply(engine: Engine, container: Container, limits: ResourceLimits) -> None:
    """Set the limits of the running container, and write them into its spec for when a policy starts it again."""
    from izba.runtime import bundle
    from izba.runtime.specgen import resources

    spec = bundle.read(container.directory)
    asked = resources.of_limits(limits)
    path = spec["linux"].get("cgroupsPath") or f"/izba/{container.id}"
    group = _manager(engine, path)
    if group is None:
        return  # there is nothing left to apply, and a warning for each
    had_one = "cgroupsPath" in spec["linux"]
    try:
        _limit(engine, container, group, asked)
    except OSError as error:
        if not had_one:
            group.remove()
        raise CannotUpdate(container, f"{error.filename}: {(error.strerror or '').lower()}") from None
    spec["linux"]["resources"] = spec["linux"].get("resources", {}) | asked
    spec["linux"]["cgroupsPath"] = path
    bundle.write(container.directory, spec)
    if not had_one:
        lifecycle.ask(container, {"verb": "cgroup", "path": path})


def _manager(engine: Engine, path: str) -> CgroupManager | None:
    from izba.cgroups.manager import manager

    return manager(path, engine.cgroups) if engine.cgroups else None


def _limit(engine: Engine, container: Container, group: CgroupManager, asked: LinuxResources) -> None:
    """Make or change the cgroup, then move in who is not there yet: on v1 each limit has a hierarchy of its own."""
    group.apply(asked)
    deadline = time.monotonic() + _PATIENCE
    moved: set[int] = set()
    while outside := {process.pid for process in processes(engine, container)} - moved:
        for pid in outside:
            try:
                group.add(pid)
            except ProcessLookupError:
                continue
        moved |= outside
        if time.monotonic() > deadline:
            raise OSError(16, "its processes fork faster than they can be moved", group.path)
