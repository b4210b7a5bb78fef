"""The images of services are seen to: pulled, and built at once, those first that others are built on."""

from __future__ import annotations

import os

from izba.compose.images import build, built_on, ids, needs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.build.progress import Event, Sink, Step, Warned
    from izba.compose.images import BuildOptions, ImageOptions, Need, Tools
    from izba.compose.project import Project, Service
    from izba.engine.engine import Engine


def ensure(engine: Engine, project: Project, options: ImageOptions, tools: Tools) -> dict[str, str]:
    """See that each service has its image; their ids by service. The process has a single thread.

    Raises what builds and pulls raise.
    """
    wanted: dict[str, Need] = {}
    for need in needs(engine, project, options):
        if need.action:
            wanted.setdefault(need.image, need)
    for need in wanted.values():
        if need.action == "pull":
            tools.pull(engine, need.image, need.policy, project.service(need.service).platform)
    if builds := [need for need in wanted.values() if need.action == "build"]:
        build_all(engine, project, [project.service(need.service) for need in builds], options.options, tools)
    return ids(engine, project)


def build_all(
    engine: Engine, project: Project, services: Sequence[Service], options: BuildOptions, tools: Tools
) -> None:
    """Build them all. The process has a single thread. Raises the first failure, once what was begun has ended."""
    from _queue import SimpleQueue
    from _thread import start_new_thread

    from izba.engine.builds import enter

    enter()  # what builds mount is seen by nobody else
    ended: SimpleQueue[tuple[str, BaseException | None]] = SimpleQueue()
    limit = tools.parallel or max(2, os.cpu_count() or 1)
    waiting = {service.name: service for service in services}
    by_image = {project.image(service): service.name for service in services}
    needs = {
        service.name: {by_image.get(project.image(project.service(each)), "") for each in built_on(service)}
        - {service.name}
        for service in services
    }
    running: set[str] = set()
    failure: BaseException | None = None
    with tools.progress() as shown:
        shared = _SharedSink(shown)

        def work(service: Service) -> None:
            error: BaseException | None = None
            sink = shared.of(service.name) if len(services) > 1 else shown
            try:
                build(engine, project, service, options, sink, bootstrap=tools.bootstrap)
            except BaseException as raised:  # it is raised again by the thread that waits
                error = raised
            ended.put((service.name, error))

        while True:
            for name in [] if failure else [each for each in waiting if not needs[each] & (waiting.keys() | running)]:
                if len(running) < limit:
                    running.add(name)
                    start_new_thread(work, (waiting.pop(name),))
            if not running:
                break
            name, error = ended.get()
            running.remove(name)
            failure = failure or error
    if failure is not None:
        raise failure


class _SharedSink:
    """One view of several builds: each step has a number of its own in it, and names its service."""

    def __init__(self, sink: Sink) -> None:
        from _thread import allocate_lock

        self._sink = sink
        self._lock = allocate_lock()
        self._steps: dict[tuple[str, int], Step] = {}

    def of(self, service: str) -> Sink:
        """The sink of one build."""

        def sink(event: Event | Warned) -> None:
            from izba.build.progress import Warned

            with self._lock:
                if not isinstance(event, Warned):
                    event = event.replace(step=self._step(service, event.step))
                self._sink(event)

        return sink

    def _step(self, service: str, step: Step) -> Step:
        known = self._steps.get((service, step.number))
        if known is None:
            name = f"[{service} {step.name[1:]}" if step.name.startswith("[") else f"[{service}] {step.name}"
            known = self._steps[service, step.number] = step.replace(number=len(self._steps) + 1, name=name)
        return known
