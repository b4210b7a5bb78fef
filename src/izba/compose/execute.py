"""A plan is carried out: operations whose needs are done, several at a time. Nothing is decided here.

Where one fails, what needs it is left out, what does not is finished, and the failure is raised with the last lines of
the container's log. What was done stays: the next plan goes on from there.
"""

from __future__ import annotations

import os
import time

from izba._record import Record
from izba.compose import networks
from izba.compose import plan as kinds
from izba.compose.errors import ComposeError
from izba.compose.observe import containers, is_anonymous, is_one_off, service_of
from izba.compose.requests import container_request
from izba.errors import Conflict, IzbaError, NotModified

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from izba.compose.mountedfiles import MountedFile
    from izba.compose.plan import Operation, Plan
    from izba.compose.project import Hook, Project
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine
    from izba.monitor.spawn import Monitor

    Report = Callable[["Event"], None]
    RunHook = Callable[[str, Hook, Callable[[bytes], None]], int]

_POLL = 0.02
LAST_LINES = 10
_HOOK_OUTPUT = 1 << 16


class Event(Record):
    """An operation began or ended; `failed` says why it failed, `warning` what went wrong and was gone past."""

    operation: Operation
    done: bool
    failed: str = ""
    warning: str = ""


class ServiceFailed(Conflict):
    """A service did not come up: which, why, and what its container said last."""

    def __init__(self, service: str, reason: str, lines: tuple[str, ...], hint: str | None = None) -> None:
        super().__init__(f"service {service!r} failed: {reason}" if service else reason, hint=hint)
        self.service = service
        self.reason = reason
        self.lines = lines


class Settings(Record):
    """What operations need besides themselves. `files` and `hashes` are by service; `timeout` is `--timeout`.

    remove_network  who does it, where this process cannot (`outside`)
    run_hook        who executes a hook in a container; its exit code
    """

    hashes: Mapping[str, str] = {}
    files: Mapping[str, tuple[MountedFile, ...]] = {}
    timeout: int | None = None
    wait_timeout: float | None = None
    volumes: bool = False
    remove_network: Callable[[str], None] | None = None
    run_hook: RunHook | None = None
    parallel: int = 0


def execute(
    engine: Engine,
    project: Project,
    plan: Plan,
    settings: Settings,
    monitor: Callable[[], Monitor] | None,
    report: Report = lambda _: None,
) -> None:
    """Do all of it. `monitor` gives one for each start, from any thread. Raises the first failure there was."""
    _Executor(engine, project, settings, monitor, report).run(plan)


class _Executor:
    """One plan's."""

    def __init__(
        self,
        engine: Engine,
        project: Project,
        settings: Settings,
        monitor: Callable[[], Monitor] | None,
        report: Report,
    ) -> None:
        self._engine = engine
        self._project = project
        self._settings = settings
        self._monitor = monitor
        self._report = report
        self._waits = 0
        self._leaving: frozenset[str] = frozenset()
        self._actions: dict[str, Callable[[Operation], None]] = {
            kinds.CREATE_NETWORK: self._create_network,
            kinds.CREATE_VOLUME: self._create_volume,
            kinds.REMOVE_NETWORK: self._remove_network,
            kinds.REMOVE_VOLUME: self._remove_volume,
            kinds.CREATE: self._create,
            kinds.START: self._start,
            kinds.STOP: self._stop,
            kinds.REMOVE: self._remove,
            kinds.RENAME: self._rename,
            kinds.WAIT: self._wait,
        }
        self._deadline = time.monotonic() + settings.wait_timeout if settings.wait_timeout else None

    def run(self, plan: Plan) -> None:
        # Threads of `_thread`: concurrent.futures costs as much as two containers' start to import.
        from _queue import SimpleQueue
        from _thread import start_new_thread

        ended: SimpleQueue[tuple[Operation, BaseException | None]] = SimpleQueue()

        def work(operation: Operation) -> None:
            error: BaseException | None = None
            try:
                self._do(operation)
            except BaseException as raised:  # it is raised again by the thread that waits
                error = raised
            ended.put((operation, error))

        renamed = {each.name for each in plan.operations if each.kind == kinds.RENAME}
        removed = {each.name for each in plan.operations if each.kind == kinds.REMOVE}
        self._leaving = frozenset(removed - renamed)
        limit = self._settings.parallel or max(8, 4 * (os.cpu_count() or 1))
        waiting = {operation.number: operation for operation in plan.operations}
        done: set[int] = set()
        running = 0
        failure: BaseException | None = None
        while True:
            for operation in [each for each in waiting.values() if done.issuperset(each.needs)]:
                # Waiting for a condition takes no work, so it is not counted.
                if running < limit or operation.kind == kinds.WAIT:
                    del waiting[operation.number]
                    running += operation.kind != kinds.WAIT
                    self._waits += operation.kind == kinds.WAIT
                    start_new_thread(work, (operation,))
            if not running and not self._waits:
                break  # all is done, or what is left needs something that failed
            operation, error = ended.get()
            running -= operation.kind != kinds.WAIT
            self._waits -= operation.kind == kinds.WAIT
            if error is None or not operation.required:
                done.add(operation.number)
            else:
                failure = failure or error
        if failure is not None:
            raise failure

    def _do(self, operation: Operation) -> None:
        self._report(Event(operation=operation, done=False))
        try:
            self._actions[operation.kind](operation)
        except ServiceFailed as error:
            self._report(Event(operation=operation, done=True, failed=error.reason))
            raise
        except IzbaError as error:
            self._report(Event(operation=operation, done=True, failed=error.message))
            if not operation.service:
                raise
            lines = self._last_lines(operation.name)
            raise ServiceFailed(operation.service, error.message, lines, error.hint) from error
        self._report(Event(operation=operation, done=True))

    # -- the operations, each one call of the engine

    def _create_network(self, operation: Operation) -> None:
        network = next(each for each in self._project.networks if each.name == operation.name)
        networks.create(self._engine, self._project, network)

    def _remove_network(self, operation: Operation) -> None:
        if self._settings.remove_network:
            self._settings.remove_network(operation.name)
        else:
            networks.remove(self._engine, operation.name)

    def _create_volume(self, operation: Operation) -> None:
        from izba.compose import labels
        from izba.engine.volumes import volumes

        volume = next(each for each in self._project.volumes if each.name == operation.name)
        if volume.driver not in {"", "local"}:
            raise ComposeError(f"volume {volume.key}: izba's volumes are local, not of the driver {volume.driver}")
        own = (*volume.labels, *labels.of_resource(self._project.name, labels.VOLUME, volume.key))
        volumes(self._engine).ensure(operation.name, own, volume.options)

    def _remove_volume(self, operation: Operation) -> None:
        from izba.engine.volumes import remove
        from izba.volume.store import VolumeNotFound

        try:
            remove(self._engine, operation.name)
        except VolumeNotFound:
            return

    def _create(self, operation: Operation) -> None:
        from izba.compose import mountedfiles
        from izba.engine.containers.create import create
        from izba.image.stored import find_row

        service = self._project.service(operation.service)
        row = find_row(self._engine.store, self._project.image(service))
        create(
            self._engine,
            container_request(
                self._engine,
                self._project,
                service,
                number=operation.replica,
                name=operation.name,
                config_hash=self._settings.hashes.get(service.name, ""),
                image_id=str(row.id) if row else "",
                files=mountedfiles.write(self._settings.files.get(service.name, ())),
                inherited=self._find(operation.old) if operation.old and not operation.fresh else None,
            ),
        )

    def _start(self, operation: Operation) -> None:
        from izba.engine.containers.start import start
        from izba.network.errors import PortForbidden, PortTaken

        monitor = self._monitor() if self._monitor else None
        container = self._require(operation.name)
        try:
            start(self._engine, container, monitor)
        except NotModified:
            if monitor:
                monitor.close()
            return
        except (PortTaken, PortForbidden) as error:
            error.hint = f"change `ports:` at {self._project.service(operation.service).ports_at}, or give the "
            error.hint += "container's port alone there: then the kernel chooses one of the host's"
            raise
        for hook in self._hooks(operation, "post_start"):
            code, lines = self._run_hook(container, hook)
            if code:
                reason = f"its post_start hook `{' '.join(hook.command)}` exited with {code}"
                raise ServiceFailed(operation.service, reason, lines)

    def _stop(self, operation: Operation) -> None:
        from izba.engine.containers.remove import wait_for_lock
        from izba.engine.containers.stop import stop

        container = self._require(operation.name)
        self._before_stop(container, operation)
        try:
            stop(container, timeout=self._settings.timeout)
        except NotModified:
            pass
        if (lock := wait_for_lock(container)) is not None:
            os.close(lock)

    def _before_stop(self, container: Container, operation: Operation) -> None:
        """The hooks before a stop. One that fails is told of, and the container stops all the same."""
        from izba.engine.containers.lifecycle import IsPaused, NotRunning

        for hook in self._hooks(operation, "pre_stop"):
            command = " ".join(hook.command)
            try:
                code, lines = self._run_hook(container, hook)
            except (NotRunning, IsPaused):
                return
            except IzbaError as error:
                warning = f"pre_stop hook `{command}`: {error.message}"
            else:
                warning = f"pre_stop hook `{command}` exited with {code}" if code else ""
                warning += f": {lines[-1]}" if code and lines else ""
            if warning:
                self._report(Event(operation=operation, done=False, warning=warning))

    def _hooks(self, operation: Operation, when: str) -> tuple[Hook, ...]:
        if self._settings.run_hook is None or not self._project.has(operation.service):
            return ()
        hooks: tuple[Hook, ...] = getattr(self._project.service(operation.service), when)
        return hooks

    def _run_hook(self, container: Container, hook: Hook) -> tuple[int, tuple[str, ...]]:
        """Its exit code, and the last lines that it wrote."""
        assert self._settings.run_hook is not None
        written = bytearray()

        def keep(data: bytes) -> None:
            written.extend(data)
            del written[:-_HOOK_OUTPUT]

        code = self._settings.run_hook(container.id, hook, keep)
        lines = written.decode("utf-8", "surrogateescape").rstrip("\n").split("\n")
        return code, tuple(filter(None, lines[-LAST_LINES:]))

    def _remove(self, operation: Operation) -> None:
        from izba.engine.containers.remove import remove
        from izba.store.containers import ContainerNotFound

        try:
            container = self._require(operation.name)
            remove(self._engine, container, force=True, volumes=self._settings.volumes or operation.fresh)
        except ContainerNotFound:
            return
        if self._settings.volumes:
            self._remove_inherited(container)

    def _remove_inherited(self, container: Container) -> None:
        """Anonymous volumes that it had from the container it replaced."""
        from izba.engine.volumes import remove
        from izba.volume.store import VolumeInUse

        for point in container.mounts:
            if is_anonymous(point):
                try:
                    remove(self._engine, point["Name"], force=True)
                except VolumeInUse:
                    continue

    def _rename(self, operation: Operation) -> None:
        from izba.engine.containers.rename import rename

        rename(self._engine, self._require(operation.old), operation.name)

    def _wait(self, operation: Operation) -> None:
        """Until every container of the service is as it is wanted; those that the plan removes are not."""
        name = operation.service
        own = [each for each in containers(self._engine, self._project.name) if service_of(each) == name]
        for container in own:
            if not is_one_off(container) and container.name not in self._leaving:
                self.wait_for(container, name, operation.condition)

    def wait_for(self, container: Container, service: str, condition: str) -> None:
        """Until the container is healthy, or ended well. Raises `ServiceFailed`."""
        from izba.engine.containers import lifecycle

        while True:
            state = lifecycle.state(container)
            if condition == "service_completed_successfully":
                if state.status == "exited":
                    if state.exit_code:
                        raise self._failed(service, container, f"it exited with {state.exit_code}")
                    return
            elif state.health == "healthy":
                return
            elif state.status in {"exited", "created"}:
                raise self._failed(service, container, f"container {container.name} exited ({state.exit_code})")
            elif state.health == "unhealthy":
                raise self._failed(service, container, f"container {container.name} is unhealthy")
            elif not state.health:
                raise self._failed(service, container, f"container {container.name} has no healthcheck configured")
            if self._deadline and time.monotonic() > self._deadline:
                raise self._failed(service, container, "it took longer than --wait-timeout")
            time.sleep(_POLL)

    def _failed(self, service: str, container: Container, reason: str) -> ServiceFailed:
        return ServiceFailed(service, reason, last_lines(container), f"`izba compose logs {service}` shows all of it")

    def _last_lines(self, name: str) -> tuple[str, ...]:
        from izba.store.containers import ContainerNotFound

        try:
            return last_lines(self._require(name))
        except (ContainerNotFound, IzbaError):
            return ()

    def _require(self, name: str) -> Container:
        from izba.engine.containers.model import require

        return require(self._engine, name)

    def _find(self, id: str) -> Container | None:
        from izba.store.containers import ContainerNotFound

        try:
            return self._require(id)
        except ContainerNotFound:
            return None


def wait_until(engine: Engine, project: Project, container: Container, service: str, timeout: float | None) -> None:
    """Until a container is healthy, or runs if it has no check. Raises `ServiceFailed`."""
    from izba.engine.containers import lifecycle

    if not lifecycle.state(container).health and lifecycle.state(container).is_running:
        return
    executor = _Executor(engine, project, Settings(wait_timeout=timeout), None, lambda _: None)
    executor.wait_for(container, service, "service_healthy")


def last_lines(container: Container) -> tuple[str, ...]:
    """What a container said last."""
    from izba.engine.containers.logs import LogQuery, NoLog, read

    try:
        return tuple(entry.text.rstrip("\n") for entry in read(container, LogQuery(tail=LAST_LINES)))
    except NoLog:
        return ()
