"""The names of a uts namespace that Python's `socket` does not set."""

from __future__ import annotations

import os

from izba.linux import libc

_setdomainname = libc.function("setdomainname", libc.Pointer, libc.Long)


def set_domainname(name: str) -> None:
    """setdomainname(2): the NIS domain."""
    data = os.fsencode(name)
    libc.check("setdomainname", _setdomainname(data, len(data)), name)
