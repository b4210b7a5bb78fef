"""What Docker's config.json of the user says about the command line: formats of lists, and the keys that detach."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.options.flags import Flags


def list_format(flags: Flags, key: str) -> str | None:
    """`--format`, or else what the file has under `key` (`psFormat` …), which `--quiet` passes over (Docker)."""
    given = flags.text("format")
    return given if given or flags.on("quiet") else configured(key)


def configured(key: str) -> str | None:
    """The text that the file has under `key`, None without one; what is wrong with the file, a login tells."""
    directory = os.environ.get("DOCKER_CONFIG") or f"{os.environ.get('HOME') or '/'}/.docker"
    path = f"{directory}/config.json"
    if not os.path.exists(path):
        return None
    from izba import jsonio

    try:
        found = jsonio.read(path).get(key)
    except (OSError, jsonio.BadJSON, AttributeError):
        return None
    return found if found and isinstance(found, str) else None
