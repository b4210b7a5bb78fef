"""Maintainer scripts run where they belong: in a container, without network, on the file system they configure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.bootstrap.workshop import Workshop


def configure(workshop: Workshop, key: str, script: str, *, epoch: int) -> None:
    """Run the shell `script` in a container on the active snapshot `key`. Raises `ConfigureFailed`."""
    raise NotImplementedError
