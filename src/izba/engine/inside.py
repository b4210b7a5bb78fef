"""Doing something where an izba's bridges are: here, as root; in the user's own namespaces for an ordinary user."""

from __future__ import annotations

import os

from izba.errors import Internal
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
    from izba.linux import wire
    from izba.monitor import failure
    from izba.network import attach
    from izba.network.relay.client import is_running

    plan = NetworkPlan(
        container="", owner=engine.roots.data, run=f"{engine.roots.run}/network", links=(), rootless=True
    )
    if not is_running(plan.run):
        return
    ours, theirs = wire.pair()
    child = os.fork()
    if child == 0:
        try:
            ours.close()
            attach.enter(plan)
            work()
            wire.send(theirs, {})
        except BaseException as error:  # whoever's fault it is, the parent must hear of it
            wire.send(theirs, {"error": failure.to_json(error)})
        finally:
            os._exit(0)
    theirs.close()
    try:
        value, _ = wire.receive(ours)
    except EOFError:
        raise Internal("the process that changes the networks was killed") from None
    finally:
        ours.close()
        os.waitpid(child, 0)
    if "error" in value:
        raise failure.from_json(value["error"])
