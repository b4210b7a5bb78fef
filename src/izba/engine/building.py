"""Building images: from a request to an image, its files and its names."""

from __future__ import annotations

import os
import sys
import time

from izba.build import outcome
from izba.build.cache import BuildCache
from izba.build.context import Contexts
from izba.build.convert.copy import MAIN_CONTEXT
from izba.build.convert.stages import convert
from izba.build.dockerfile.parser import parse
from izba.build.outcome import Answer
from izba.build.progress import Reporter
from izba.build.resolve import Names
from izba.build.secrets import Secrets
from izba.build.solver import Solver
from izba.build.worker import Settings, Worker
from izba.engine import buildoutput
from izba.engine.acquire import acquire
from izba.engine.buildcaches import read_caches, write_cache
from izba.engine.buildchecks import look, refuse, warn
from izba.engine.buildoutput import Target
from izba.engine.buildrequest import Built, Checked, StepFailed
from izba.errors import InvalidArgument, IzbaError, NotFound, SourceError
from izba.ids import short
from izba.oci.reference import Reference
from izba.runtime.specgen import rlimits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from izba.bootstrap.progress import Step as Stage
    from izba.build.context import Loaded
    from izba.build.convert.stages import Converted
    from izba.build.dockerfile.instructions import Dockerfile
    from izba.build.graph import Vertex
    from izba.build.options import Options
    from izba.build.outcome import Question
    from izba.build.progress import Event, RunningStep, Sink, Warned
    from izba.engine.acquire import Bootstrap
    from izba.engine.buildrequest import BuildRequest
    from izba.engine.engine import Engine
    from izba.image.stored import StoredImage
    from izba.image.transfer import Progress


class UnknownFrontend(InvalidArgument):
    """A Dockerfile asks for another language than the one that izba knows."""


def build(engine: Engine, request: BuildRequest, sink: Sink, *, stdin: IO[bytes] | None = None) -> Built:
    """See `builds.build_anew`."""
    asked = _question(engine, request)
    began = time.time_ns()
    events: list[Event | Warned] = []
    reporter = Reporter(sink if asked is None else _both(events.append, sink))
    store = engine.store
    names = tuple(Reference.parse(tag) for tag in request.tags)
    buildoutput.check(request)
    settings = Settings(
        host=lambda: engine.host,
        environ=os.environ,
        secrets=Secrets(request.secrets, os.environ),
        host_trust=request.host_trust,
    )
    os.makedirs(f"{store.roots.data}/build", mode=0o700, exist_ok=True)
    cache = BuildCache(store)
    with store.lease("build") as lease, Worker(store, lease, cache, reporter, settings) as worker:
        contexts = Contexts(f"{store.roots.data}/build/contexts", lambda: worker.scratch_directory("stdin"))
        with reporter.step(f"[internal] load build definition from {_shown_file(request)}"):
            loaded = contexts.load(request.context, request.file, stdin or sys.stdin.buffer)
            dockerfile = parse(loaded.text, file=loaded.file)
            _check_frontend(dockerfile)
        resolver = Names(
            store,
            reporter,
            dict(request.contexts),
            fetch=_fetcher(engine, request),
            directory=contexts.directory,
        )
        several = [_convert(dockerfile, request, options, resolver) for options in request.of_each_platform]
        findings = look(dockerfile, request.options, several[0], resolver.bases, loaded.source.ignore)
        checked = Checked(dockerfile=dockerfile, findings=findings)
        found = [converted for converted in several if converted is not None]
        if len(found) < len(several) or request.check_only:
            return Built(image=None, names=(), checked=checked)
        refuse(dockerfile, findings, reporter)
        worker.contexts = {**resolver.sources, MAIN_CONTEXT: loaded.source}
        worker.images = resolver.images
        imported = read_caches(engine, request.cache_from, reporter) if request.cache_from else ()
        targets: list[Target] = []
        try:
            for converted in found:
                solver = Solver(
                    worker,
                    cache,
                    reporter,
                    parallel=_parallel(),
                    locate=lambda vertex, error: _located(loaded, vertex, error),
                    imported=imported,
                )
                try:
                    solved = solver.solve(converted.vertex)
                finally:
                    if solver.used:
                        cache.note_use(record.key for record in solver.used)
                worker.pin([solved.tree])
                targets.append(Target(converted=converted, solver=solver, tree=solved.tree))
        finally:
            contexts.save()
        _warn(engine, reporter, request, found[0])
        warn(reporter, findings)
        images, pushed = buildoutput.export(engine, worker, targets, request, reporter)
        for place in request.cache_to:
            write_cache(engine, place, cache, [(one.solver, one.converted.vertex) for one in targets], reporter)
        image = next((one for one in images if one.names), images[0]) if images else None
        if asked is not None and asked.is_settled(began) and image is not None and not solver.has_worked:
            answer = _answer(events, resolver, solver, loaded, image, began)
            if answer is not None and asked == _question(engine, request):
                outcome.remember(store, asked, answer)
        return Built(image=image, names=names, checked=checked, pushed=pushed)


def _question(engine: Engine, request: BuildRequest) -> Question | None:
    if not request.may_be_remembered:
        return None
    return outcome.question(engine.roots.data, request.context, request.file, request.identity())


def _both(first: Sink, second: Sink) -> Sink:
    def sink(event: Event | Warned) -> None:
        first(event)
        second(event)

    return sink


def _answer(
    events: list[Event | Warned], resolver: Names, solver: Solver, loaded: Loaded, image: StoredImage, began: int
) -> Answer | None:
    """What is to be remembered of a build that did nothing; None where that could mislead a later one."""
    told = outcome.transcript(events)
    context = loaded.source.sightings.fingerprint(began)
    images = resolver.manifests
    if told is None or context is None or images is None:
        return None
    return Answer(
        images=tuple(images.items()),
        steps=tuple((record.key, record.chain, record.created) for record in solver.used),
        context=context,
        manifest=image.descriptor.digest,
        told=told,
    )


def _convert(dockerfile: Dockerfile, request: BuildRequest, options: Options, resolver: Names) -> Converted | None:
    """The graph; None where only checks are asked for, and those can do without an image that is not here."""
    try:
        return convert(dockerfile, options, resolver)
    except SourceError as error:
        if request.check_only and isinstance(error.__cause__, NotFound):
            return None
        raise


def _fetcher(engine: Engine, request: BuildRequest) -> Callable[[str, str | None, RunningStep], StoredImage]:
    """How an image is had: from the store, then from its registry; made from packages only when that is asked for."""

    def fetch(name: str, platform: str | None, step: RunningStep) -> StoredImage:
        def report(progress: Progress) -> None:
            step.advanced(f"{progress.state} {short(progress.layer)}", progress.done, progress.total or None)

        return acquire(
            engine,
            name,
            pull="always" if request.pull else "missing",
            platform=platform,
            takes_name=False,
            bootstrap=_bootstrapper(step) if request.bootstrap else None,
            report=report,
        )

    return fetch


def _bootstrapper(step: RunningStep) -> Bootstrap:
    """Make base images from packages, each of its steps a line of the build's step."""
    said = ""

    def tell(progress: Stage) -> None:
        nonlocal said
        if progress.text != said:
            said = progress.text
            step.output(f"{said}\n".encode())

    def make(engine: Engine, reference: Reference) -> StoredImage:
        from izba.bootstrap.catalog import bootstrap  # downloads, archives, signatures: half a build's time to import

        return bootstrap(engine, reference, tell)

    return make


def _check_frontend(dockerfile: Dockerfile) -> None:
    """`# syntax=`: izba runs no frontend from an image; Dockerfile's own are what it speaks anyhow."""
    syntax = dockerfile.syntax
    if syntax and not syntax.removeprefix("docker.io/").startswith(("docker/dockerfile", "docker/dockerfile-upstream")):
        raise UnknownFrontend(
            f"# syntax={syntax}: external frontends are not run", hint="izba builds Dockerfiles; remove the line"
        )


def _located(loaded: Loaded, vertex: Vertex, error: IzbaError) -> BaseException:
    """The error of a step, pointing at its instruction."""
    if isinstance(error, SourceError) or vertex.place is None:
        return error
    text = loaded.text.decode("utf-8", "surrogateescape")
    return StepFailed(error.message, place=vertex.place, source=text, hint=error.hint, tail=getattr(error, "tail", b""))


def _warn(engine: Engine, reporter: Reporter, request: BuildRequest, converted: Converted) -> None:
    if converted.unused_args:
        reporter.warn(f"One or more build-args {list(converted.unused_args)} were not consumed")
    for warning in rlimits.unreachable(request.options.ulimits, engine.host) if request.options.ulimits else ():
        reporter.warn(warning)


def _parallel() -> int:
    return max(2, len(os.sched_getaffinity(0)))


def _shown_file(request: BuildRequest) -> str:
    return os.path.basename(request.file) if request.file and request.file != "-" else "Dockerfile"
