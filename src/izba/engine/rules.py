"""Root's rules, looked at by the commands that have to do with networks, and put right.

Others may flush them at any time (`nft flush ruleset`, a firewall that is loaded anew), and a process that is killed
before it took its own away leaves them. An ordinary user's are in a namespace of its own, where nobody else is.
"""

from __future__ import annotations

import errno
import os

from izba.network import trust

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.engine import Engine


def look(engine: Engine) -> None:
    """See that the rules are right. One question to the kernel where nobody changed any since the last look."""
    from izba.monitor.state import boot_id

    run = f"{engine.roots.run}/network"
    if engine.roots.rootless or not os.path.isdir(run):
        return
    try:
        now = trust.mark(boot_id())
        if now == trust.trusted(run):
            return
        from izba.engine.rulerepair import put_right

        if not put_right(engine):
            trust.trust(run, now)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EACCES}:
            from izba import log

            log.warning(f"the rules of networks could not be looked at: {error}")
