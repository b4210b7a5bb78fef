"""What every command that has to do with networks puts right on its way, left by who was killed or taken by others."""

from __future__ import annotations

import os

from izba.engine import rules
from izba.errors import IzbaError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.engine import Engine


def look(engine: Engine) -> None:
    """Look, and put right. The process has a single thread and is as the user is. Never a reason to fail."""
    run = f"{engine.roots.run}/network"
    if not os.path.isdir(run):
        return
    rules.look(engine)
    if not os.path.isdir(f"{run}/pending"):
        return
    from izba.network.intents import for_each_abandoned

    try:
        for_each_abandoned(run, lambda told: _finish(engine, told))
    except (OSError, IzbaError) as error:
        from izba import log

        log.warning(f"what a killed command left of a network stays for now: {error}")


def _finish(engine: Engine, told: dict[str, str]) -> None:
    """A removal and a disconnection are completed, a connection is taken back."""
    from izba.engine import networks as networks_of

    rows = networks_of.networks(engine)
    network = rows.find(told["network"])
    if told["kind"] == "remove":
        if network is None:
            networks_of.remove_bridge_of(engine, told["bridge"])
        return
    if not engine.store.containers.exists(told["container"]):
        return
    from izba.engine.containers import connecting
    from izba.engine.containers.model import require

    container = require(engine, told["container"])
    is_connected = any(each.network == told["network"] for each in rows.of_container(container.id))
    if told["kind"] == "connect":
        if is_connected and network is not None:
            connecting.disconnect(engine, network, container)
    elif not is_connected:
        connecting.detach(engine, container, told["address"], bytes.fromhex(told["mac"]))
