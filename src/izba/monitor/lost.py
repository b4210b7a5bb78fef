"""What a monitor removes at its container's end, removed by whoever finds that the monitor was killed."""

from __future__ import annotations

from izba import jsonio
from izba.runtime import bundle


def clean_up(directory: str) -> None:
    """Remove the cgroup of the container in `directory`, with the processes that are still in it.

    Its mounts and interfaces died with its namespaces. What another runtime keeps of it goes at the next start, or with
    the container.
    """
    try:
        path = bundle.read(directory)["linux"].get("cgroupsPath", "")
    except (OSError, jsonio.BadJSON):
        return
    if not path:
        return
    from izba.cgroups.manager import manager

    group = manager(path)
    if group is None or not group.exists():
        return
    try:
        group.kill()
        group.remove()
    except OSError as error:
        from izba import log

        log.warning(f"the cgroup {path} of a container whose monitor was killed stays: {error}")
