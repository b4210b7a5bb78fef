"""Whether root's rules have to be looked at. A firewall that is loaded anew flushes everybody's.

To notice costs one question: the kernel counts the changes of a namespace's rules, and a file tells the count at which
they were looked at and right (`rulecheck`).
"""

from __future__ import annotations

import os

_FILE = "rules"


def mark(boot: str) -> str:
    """What the rules of this network namespace are at, at this moment. Raises `OSError`."""
    from izba.linux.nftgeneration import generation

    namespace = os.stat("/proc/self/ns/net").st_ino
    return f"{boot} {namespace} {generation()}"


def trusted(run: str) -> str:
    """The mark at which the rules were right, empty for none. `run` is the run directory of the networks."""
    try:
        with open(f"{run}/{_FILE}", encoding="ascii") as file:
            return file.read()
    except OSError:
        return ""


def trust(run: str, seen: str) -> None:
    """They were right at this mark."""
    from izba import jsonio

    jsonio.write_bytes(f"{run}/{_FILE}", seen.encode(), durable=False)


def distrust(run: str) -> None:
    """Something is to be taken away by a process that may be killed before it does: look next time."""
    try:
        os.unlink(f"{run}/{_FILE}")
    except FileNotFoundError:
        return
