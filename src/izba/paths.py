"""Where an izba keeps its data, its run-time state and its configuration: pure functions of environment and uid.

data   izba.db, content/, snapshots/, volumes/, containers/<id>/    survives a reboot
run    containers/<id>/{monitor.pid,attach.sock,control.sock,exit.json}   dies with the machine
config registries.toml and the like, written by the user
"""

from __future__ import annotations

from izba._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Roots(Record):
    """The three roots of one izba, absolute. Two izbas with different `data` share nothing."""

    data: str
    run: str
    config: str
    rootless: bool


def roots(environ: Mapping[str, str], uid: int, *, root: str | None = None) -> Roots:
    """The roots for the user `uid`; `root` (or `IZBA_ROOT`) puts data and run under one directory."""
    home = environ.get("HOME") or "/"
    rootless = uid != 0
    config = (environ.get("XDG_CONFIG_HOME") or f"{home}/.config") + "/izba" if rootless else "/etc/izba"
    if root := root or environ.get("IZBA_ROOT"):
        root = _absolute(root)
        return Roots(data=root, run=f"{root}/run", config=config, rootless=rootless)
    if not rootless:
        return Roots(data="/var/lib/izba", run="/run/izba", config=config, rootless=False)
    data = (environ.get("XDG_DATA_HOME") or f"{home}/.local/share") + "/izba"
    runtime = environ.get("XDG_RUNTIME_DIR")
    return Roots(data=data, run=f"{runtime}/izba" if runtime else f"{data}/run", config=config, rootless=True)


def _absolute(path: str) -> str:
    import posixpath  # already loaded by site; named here so that the module itself stays pure

    return posixpath.abspath(path)
