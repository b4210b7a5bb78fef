"""A container's spec: generated at creation, so that what cannot be is refused there, and anew at each later start."""

from __future__ import annotations

from izba.engine.containers import specrequest
from izba.runtime.specgen.rootview import RootView

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine
    from izba.oci.runtimespec import Spec
    from izba.runtime.specgen.request import HostFacts


def make_spec(engine: Engine, container: Container) -> Spec:
    """The spec, of what the container was asked to be and what the host is now."""
    from izba.runtime.specgen import generate, mounts, resources, rlimits

    request = specrequest.spec_request(engine, container, root_view(engine, container))
    limits, warnings = resources.checked(request.resources, engine.host)
    unreachable = (*rlimits.unreachable(request.ulimits, engine.host), *mounts.unshared(request.mounts, engine.host))
    for warning in (*warnings, *unreachable, *mounts.unowned(request, engine.host)):
        from izba import log

        log.warning(warning)
    return generate.generate(request.replace(resources=limits), None, _host(engine, container))


def root_view(engine: Engine, container: Container) -> RootView:
    """The container's files, read without mounting them."""
    snapshots = engine.store.snapshots
    parent = snapshots.stat(container.id).parent
    lowers = snapshots.lowers(parent) if parent and snapshots.kind == "overlay" else ()
    return RootView((snapshots.upper(container.id), *lowers))


def _host(engine: Engine, container: Container) -> HostFacts:
    if not container.host_config.get("Privileged"):
        return engine.host
    from izba.runtime.specgen.devices import host_devices

    return engine.host.replace(devices=host_devices())
