"""Another command in a running container. It is the caller's child: no monitor is asked."""

from __future__ import annotations

from izba._record import Record
from izba.engine import eventlog
from izba.engine.containers import lifecycle
from izba.engine.containers.lifecycle import IsPaused
from izba.ids import new_id
from izba.runtime import bundle
from izba.runtime.driver import runtime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cgroups.manager import CgroupManager
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine
    from izba.oci.runtimespec import Process, Spec
    from izba.runtime.launch import Launched, Stdio


class ExecRequest(Record):
    """What to execute. `user` empty: the container's; `cwd` empty: its working directory; `env` over its own.

    id  what its events call it; empty: something new
    """

    args: tuple[str, ...]
    env: tuple[str, ...] = ()
    user: str = ""
    cwd: str = ""
    tty: bool = False
    privileged: bool = False
    id: str = ""


def exec_in(engine: Engine, container: Container, request: ExecRequest, stdio: Stdio) -> Launched:
    """Execute it; returns when the command runs. Raises `NotRunning`, `IsPaused`, `CommandNotFound` …"""
    state = lifecycle.require_running(container)
    if state.status == "paused":
        raise IsPaused(container)
    spec = bundle.read(container.directory)
    assert state.process is not None
    exec_id, line = request.id or new_id(), " ".join(request.args)
    eventlog.emit_container(engine, container, f"exec_create: {line}", execID=exec_id)
    launched = runtime(container.host_config.get("Runtime") or "native").exec(
        spec,
        _process(engine, container, request, spec, state.pid),
        id=container.id,
        pid=state.pid,
        start_time=state.process.started,
        stdio=stdio,
        run_directory=f"{engine.roots.run}/runtime",
        cgroup=_cgroup(engine, spec),
    )
    eventlog.emit_container(engine, container, f"exec_start: {line}", execID=exec_id)
    return launched


def _process(engine: Engine, container: Container, request: ExecRequest, spec: Spec, pid: int) -> Process:
    """The container's own process, with what is asked for in place of its own."""
    from izba.runtime.specgen.process import environment, working_directory

    process = spec["process"].copy()
    process["args"] = list(request.args)
    process["terminal"] = request.tty
    env = process["env"] if not request.tty else environment(["TERM=xterm"], process["env"])
    if request.user:
        from izba.runtime.specgen.rootview import RootView
        from izba.runtime.specgen.user import resolve_user

        user = resolve_user(request.user, RootView((f"/proc/{pid}/root",)))
        process["user"] = {"uid": user.uid, "gid": user.gid, "additionalGids": list(user.additional_gids)}
        if not any(entry.startswith("HOME=") for entry in container.config.get("Env") or ()):
            env = environment(env, [f"HOME={user.home}"])
    process["env"] = environment(env, request.env)
    if request.cwd:
        process["cwd"] = working_directory(request.cwd)
    if request.privileged:
        every = list(engine.host.capabilities)
        process["capabilities"] = {"bounding": every, "effective": every, "permitted": every}
    return process


def _cgroup(engine: Engine, spec: Spec) -> CgroupManager | None:
    path = spec["linux"].get("cgroupsPath")
    if not path:
        return None
    from izba.cgroups.manager import manager

    group = manager(path, engine.cgroups)
    return group if group is not None and group.exists() else None
