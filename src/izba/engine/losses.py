"""What its monitor would have seen to at a container's end, done by the command that found it killed."""

from __future__ import annotations

from izba import jsonio
from izba.engine import eventlog
from izba.network.store import Networks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.containers.documents import Kept
    from izba.engine.engine import Engine
    from izba.monitor.state import State

_SECOND = 1_000_000_000


def settle(engine: Engine, id: str, ended: State) -> None:
    """Tell the end, at the time of this look, and have the rules of its published ports looked for."""
    from izba.network import trust

    trust.distrust(f"{engine.roots.run}/network")
    _tell_end(engine, id, ended)


def _tell_end(engine: Engine, id: str, ended: State) -> None:
    """As `monitor.telling` would have."""
    row = engine.store.containers.require(id)
    kept: Kept = jsonio.loads(row.config)
    config = kept["Config"]
    told = {**(config.get("Labels") or {}), "image": config.get("Image", ""), "name": row.name}
    duration = max(0, ended.finished - ended.started) // _SECOND
    eventlog.emit(engine, "container", "die", id, **told, exitCode=str(ended.exit_code), execDuration=str(duration))
    rows = Networks(engine.store.db)
    for endpoint in rows.of_container(id):
        if network := rows.find(endpoint.network):
            eventlog.emit(
                engine, "network", "disconnect", network.id, container=id, name=network.name, type=network.driver
            )
    for point in kept["Mounts"]:
        if "Name" in point:
            eventlog.emit(engine, "volume", "unmount", point["Name"], container=id, driver="local")
