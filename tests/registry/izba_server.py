"""izba's own registry in the test's process, and as the command that people run."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from izba.paths import roots
from izba.registry.server.app import Application, Policy
from izba.registry.server.http import HttpServer
from izba.registry.server.passthrough import Upstream
from izba.registry.server.passwords import Passwords
from izba.store.store import Store


@contextmanager
def izba_registry(
    directory: Path,
    *,
    policy: Policy = Policy(),  # noqa: B008 - a frozen value
    htpasswd: Path | None = None,
    upstream: Upstream | None = None,
) -> Iterator[tuple[str, Application]]:
    """Serve the store below `directory`; yields host:port and the application."""
    store = Store.open(roots({}, os.geteuid(), root=str(directory / "registry-store")))
    passwords = Passwords(str(htpasswd)) if htpasswd else None
    application = Application(store, policy=policy, passwords=passwords, upstream=upstream)
    server = HttpServer(application, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.address[1]}", application
    finally:
        server.close()
        application.close()
        thread.join()
        assert store.check(verify=False) == []
        store.close()
