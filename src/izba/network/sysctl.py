"""Settings of the current network namespace: /proc/sys/net shows that of whoever looks."""

from __future__ import annotations

import os


def write_sysctl(name: str, value: str) -> None:
    """Set `net.<name>`, written with slashes, unless it has the value. A kernel without it does not need it."""
    try:
        fd = os.open(f"/proc/sys/net/{name}", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if os.read(fd, 16).strip() != value.encode():
            os.pwrite(fd, value.encode(), 0)
    finally:
        os.close(fd)
