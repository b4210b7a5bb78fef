"""What a test can leave behind on a machine, listed."""

from __future__ import annotations

import os
from pathlib import Path

MARK = "IZBA_TEST_SESSION"


def mounts_below(directory: Path) -> set[str]:
    """The mount points of this mount namespace that are below a directory."""
    points = {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()}
    return {point for point in points if point.startswith(f"{directory}/")}


def bridges_below(directory: Path) -> dict[str, Path]:
    """By name the bridges of this network namespace that belong to data roots below a directory."""
    found = {}
    for alias in Path("/sys/class/net").glob("*/ifalias"):
        try:
            owner = alias.read_text().strip().removeprefix("izba of ")
        except OSError:  # it has gone meanwhile
            continue
        if owner.startswith(f"{directory}/"):
            found[alias.parent.name] = Path(owner)
    return found


def marked_processes(mark: str) -> dict[int, str]:
    """Command lines by pid of the processes that carry `mark` in their environment, this session's own aside."""
    own = _ancestors(os.getpid())
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in own:
            continue
        try:
            environ = (entry / "environ").read_bytes()
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            workers = "execnet" in command  # pytest-xdist's own
        except OSError:
            continue
        if f"{MARK}={mark}".encode() in environ and command and not workers:
            found[int(entry.name)] = command
    return found


def _ancestors(pid: int) -> set[int]:
    chain = set()
    while pid:
        chain.add(pid)
        stat = Path(f"/proc/{pid}/stat").read_text()
        pid = int(stat.rpartition(")")[2].split()[1])
    return chain
