"""What a container changed over its image."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine
    from izba.layer.diff import Change

MOUNT_POINTS = frozenset(("/dev", "/proc", "/sys", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"))
"""What every container has mounted, made in its writable layer where the image lacks it: nobody's change."""


def diff(engine: Engine, container: Container) -> list[Change]:
    """Its changes, parents before children."""
    return without_mount_points(engine.store.snapshots.changes(container.id))


def without_mount_points(changes: Iterable[Change]) -> list[Change]:
    """The changes but those that making mount points was; /etc among them if nothing else in it changed."""
    kept = [change for change in changes if not (change.kind == "A" and change.path in MOUNT_POINTS)]
    if any(change.path.startswith("/etc/") for change in kept):
        return kept
    return [change for change in kept if change.path != "/etc"]
