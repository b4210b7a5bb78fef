"""The files of a step that are about the network: /etc/hosts and /etc/resolv.conf, bound over the image's."""

from __future__ import annotations

import os

from izba.runtime.specgen.request import MountRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.build.stepmounts import StepMounts

_LOCALHOST = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"


def network_files(
    mounts: StepMounts, hosts: Sequence[tuple[str, str]], *, has_network: bool
) -> tuple[MountRequest, ...]:
    """With the host's network, what the host knows; without one, nothing but itself. `hosts` are (name, address)."""
    known = _read("/etc/hosts") if has_network else _LOCALHOST
    text = known + "".join(f"{address}\t{name}\n" for name, address in hosts)
    resolver = _read("/etc/resolv.conf") if has_network else ""
    files = {"/etc/hosts": text, "/etc/resolv.conf": resolver}
    return tuple(
        MountRequest(type="bind", target=target, source=mounts.file(os.path.basename(target), data.encode()))
        for target, data in files.items()
    )


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return _LOCALHOST if path == "/etc/hosts" else ""
