"""Work that a process must not do itself, since it would not come back from where it goes: a child does it."""

from __future__ import annotations

import os

from izba.errors import Internal
from izba.linux import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def by_a_child(work: Callable[[], object], doing: str) -> None:
    """Do `work` in a child and wait for it; what it raises is raised here, and `Internal` if the child is killed.

    The process has a single thread. `doing` is what the child is called then: "the process that …".
    """
    from izba.monitor import failure

    ours, theirs = wire.pair()
    child = os.fork()
    if child == 0:
        try:
            ours.close()
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
        raise Internal(f"the process that {doing} was killed") from None
    finally:
        ours.close()
        os.waitpid(child, 0)
    if "error" in value:
        raise failure.from_json(value["error"])
