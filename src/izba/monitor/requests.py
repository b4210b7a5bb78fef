"""What each request of `control` does. The supervisor it acts on is passed in."""

from __future__ import annotations

import _signal

from izba.monitor import children, telling
from izba.monitor.control import Request
from izba.monitor.plan import RestartPlan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from izba.monitor.supervise import Supervisor

__all__ = ["Request", "answer", "stop"]


def answer(supervisor: Supervisor, request: Request) -> None:
    """Do what is asked; a request that makes no sense is answered with what is wrong with it."""
    verb = _VERBS.get(str(request.value.get("verb")))
    if verb is None:
        request.answer({"error": f"no such verb: {request.value.get('verb')!r}"})
        return
    try:
        verb(supervisor, request)
    except (KeyError, TypeError, ValueError, OSError) as error:
        request.answer({"error": f"{type(error).__name__}: {error}"})


def stop(supervisor: Supervisor, number: int, timeout: int) -> None:
    """Signal the container and, after `timeout` seconds (-1 is never), kill it."""
    supervisor.note(stopped_by_user=True)
    supervisor.is_stopping = True
    if supervisor.state.status == "restarting":
        supervisor.stop_retrying()
        return
    _kill(supervisor, number)
    if timeout >= 0:
        supervisor.loop.after(timeout, lambda: _kill(supervisor, _signal.SIGKILL))


def _kill(supervisor: Supervisor, number: int) -> None:
    if supervisor.signal(number):
        telling.tell(supervisor.plan, "kill", signal=str(int(number)))


def _attach(supervisor: Supervisor, request: Request) -> None:
    value = request.value
    request.keep({"ok": True, "tty": supervisor.plan.tty})
    client = supervisor.streams.clients.add(
        request.connection, streams=frozenset(value["streams"]), feeds=bool(value["stdin"]) and supervisor.plan.stdin
    )
    telling.tell(supervisor.plan, "attach")
    if request.rest and client.feeds:
        supervisor.streams.clients.feed(request.rest)


def _signal_it(supervisor: Supervisor, request: Request) -> None:
    number = int(request.value["number"])
    if request.value.get("final"):
        supervisor.note(stopped_by_user=True)
        if supervisor.state.status == "restarting":
            supervisor.stop_retrying()
    _kill(supervisor, number)
    request.answer({"ok": True})


def _stop(supervisor: Supervisor, request: Request) -> None:
    supervisor.waiting.add(request)
    stop(supervisor, int(request.value["number"]), int(request.value["timeout"]))


def _wait(supervisor: Supervisor, request: Request) -> None:
    supervisor.waiting.add(request)


def _resize(supervisor: Supervisor, request: Request) -> None:
    supervisor.streams.resize(int(request.value["rows"]), int(request.value["columns"]))
    request.answer({"ok": True})


def _paused(supervisor: Supervisor, request: Request) -> None:
    paused, before = bool(request.value["value"]), supervisor.state.status
    if before not in {"running", "paused"}:
        request.answer({"error": f"it is {before}"})
        return
    # The state first: a crash between the two leaves a container that `unpause` can free.
    supervisor.note(status="paused" if paused else "running")
    if error := children.complaint(lambda: _freeze(supervisor.state.pid, supervisor.plan.cgroup, paused)):
        supervisor.note(status=before)
        request.answer({"error": error})
        return
    supervisor.suspend_health(paused)
    telling.tell(supervisor.plan, "pause" if paused else "unpause")
    request.answer({"ok": True})


def _freeze(init: int, cgroup: str, frozen: bool) -> None:
    """In a child."""
    from izba.monitor.freeze import freeze, thaw

    (freeze if frozen else thaw)(init, cgroup)


def _cgroup(supervisor: Supervisor, request: Request) -> None:
    supervisor.plan = supervisor.plan.replace(cgroup=str(request.value["path"]))
    request.answer({"ok": True})


def _restart_policy(supervisor: Supervisor, request: Request) -> None:
    supervisor.policy = RestartPlan(name=str(request.value["name"]), maximum=int(request.value["maximum"]))
    request.answer({"ok": True})


def _networks(supervisor: Supervisor, request: Request) -> None:
    from izba.network.plan import links_from_json

    links, pid = links_from_json(request.value["links"]), supervisor.state.pid
    names = bool(request.value["names"])
    supervisor.use_networks(links, names=names, done=lambda: request.answer({"ok": True, "pid": pid}))


def _renamed(supervisor: Supervisor, request: Request) -> None:
    told = dict(supervisor.plan.told) | {"name": str(request.value["name"])}
    supervisor.plan = supervisor.plan.replace(told=tuple(told.items()))
    request.answer({"ok": True})


_VERBS: dict[str, Callable[[Supervisor, Request], None]] = {
    "attach": _attach,
    "signal": _signal_it,
    "stop": _stop,
    "wait": _wait,
    "resize": _resize,
    "paused": _paused,
    "cgroup": _cgroup,
    "networks": _networks,
    "restart-policy": _restart_policy,
    "renamed": _renamed,
}
