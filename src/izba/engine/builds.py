"""Building images: from a request to an image, its files and its names."""

from __future__ import annotations

import os
import sys

from izba import jsonio
from izba._record import Record
from izba.build.cache import BuildCache
from izba.build.context import Contexts
from izba.build.convert.copy import MAIN_CONTEXT
from izba.build.convert.stages import Options, convert
from izba.build.dockerfile.parser import parse
from izba.build.export.output import IMAGE, Output
from izba.build.progress import Reporter
from izba.build.resolve import Names
from izba.build.secrets import Secrets, SecretSource
from izba.build.solver import Solver
from izba.build.worker import Settings, Worker
from izba.engine.acquire import acquire
from izba.engine.buildchecks import look, refuse, warn
from izba.errors import InvalidArgument, IzbaError, NotFound, SourceError
from izba.ids import short
from izba.oci.platform import host
from izba.oci.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from izba.bootstrap.progress import Step as Stage
    from izba.build.context import Loaded
    from izba.build.convert.stages import Converted
    from izba.build.dockerfile.instructions import Dockerfile
    from izba.build.dockerfile.rules import Finding
    from izba.build.graph import Tree, Vertex
    from izba.build.progress import RunningStep, Sink
    from izba.engine.acquire import Bootstrap
    from izba.engine.engine import Engine
    from izba.errors import Range
    from izba.image.stored import StoredImage
    from izba.image.transfer import Progress


class BuildRequest(Record):
    """What `izba build` was asked. `context` is a directory or `-`; `contexts` are `--build-context` pairs."""

    context: str
    file: str | None = None
    tags: tuple[str, ...] = ()
    options: Options = Options()
    contexts: tuple[tuple[str, str], ...] = ()
    secrets: tuple[SecretSource, ...] = ()
    outputs: tuple[Output, ...] = (IMAGE,)
    annotations: tuple[tuple[str, str], ...] = ()
    pull: bool = False
    host_trust: bool = True
    bootstrap: bool = False
    check_only: bool = False


class Built(Record):
    """What came of a build. No image where only files, or only the checks, were asked for."""

    image: StoredImage | None
    names: tuple[Reference, ...]
    dockerfile: Dockerfile
    findings: tuple[Finding, ...]


class UnknownFrontend(InvalidArgument):
    """A Dockerfile asks for another language than the one that izba knows."""


def build(engine: Engine, request: BuildRequest, sink: Sink, *, stdin: IO[bytes] | None = None) -> Built:
    """Build the request's target. Raises `DockerfileError` and its kin where the Dockerfile is to blame.

    In the command line's process this comes after `enter`, which keeps mounts private.
    """
    reporter = Reporter(sink)
    store = engine.store
    names = tuple(Reference.parse(tag) for tag in request.tags)
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
        converted = _convert(dockerfile, request, resolver)
        findings = look(dockerfile, request.options, converted, resolver.bases, loaded.source.ignore)
        if converted is None or request.check_only:
            return Built(image=None, names=(), dockerfile=dockerfile, findings=findings)
        refuse(dockerfile, findings, reporter)
        worker.contexts = {**resolver.sources, MAIN_CONTEXT: loaded.source}
        worker.images = resolver.images
        solver = Solver(
            worker,
            cache,
            reporter,
            parallel=_parallel(),
            locate=lambda vertex, error: _located(loaded, vertex, error),
        )
        try:
            solved = solver.solve(converted.vertex)
        finally:
            contexts.save()
            if solver.used:
                cache.note_use(solver.used)
        worker.pin([solved.tree])
        _warn(reporter, converted)
        warn(reporter, findings)
        image = _export(worker, solver, converted, solved.tree, request, names, reporter)
        return Built(image=image, names=names, dockerfile=dockerfile, findings=findings)


def _convert(dockerfile: Dockerfile, request: BuildRequest, resolver: Names) -> Converted | None:
    """The graph; None where only checks are asked for, and those can do without an image that is not here."""
    try:
        return convert(dockerfile, request.options, resolver)
    except SourceError as error:
        if request.check_only and isinstance(error.__cause__, NotFound):
            return None
        raise


def enter() -> None:
    """Give this process, while it has one thread, a mount namespace of its own: what it mounts does not outlive it."""
    from izba.linux import flags
    from izba.linux.mount import set_propagation
    from izba.linux.namespaces import unshare

    unshare(flags.CLONE_NEWNS)
    set_propagation("/", flags.MS_REC | flags.MS_SLAVE)


def write_results(built: Built, *, iidfile: str | None, metadata_file: str | None) -> None:
    """`--iidfile` and `--metadata-file`."""
    if built.image is None:
        return
    if iidfile:
        jsonio.write_bytes(iidfile, built.image.id.encode(), durable=False)
    if metadata_file:
        descriptor = built.image.descriptor
        document = {
            "containerimage.config.digest": built.image.id,
            "containerimage.descriptor": descriptor.to_document(),
            "containerimage.digest": descriptor.digest,
        }
        if built.names:
            document["image.name"] = ",".join(name.canonical() for name in built.names)
        jsonio.write_bytes(metadata_file, f"{jsonio.dumps(document)}\n".encode(), durable=False)


def _export(
    worker: Worker,
    solver: Solver,
    converted: Converted,
    tree: Tree,
    request: BuildRequest,
    names: tuple[Reference, ...],
    reporter: Reporter,
) -> StoredImage | None:
    from izba.build.export.image import export_image, image_config

    image: StoredImage | None = None
    for output in request.outputs:
        if output.kind in {"local", "tar"}:
            worker.unpack(tree)
            _export_files(worker, tree, output, reporter)
            continue
        own = tuple(Reference.parse(name) for name in output.names)
        with reporter.step("exporting to image" if output.kind == "image" else f"exporting to {output.kind} archive"):
            config = image_config(converted, solver, tree, epoch=request.options.epoch)
            image = export_image(worker.store, config, tree, (*names, *own), request.annotations)
            if output.kind != "image":
                from izba.build.export.archives import export_archive

                export_archive(worker.store, image, output, (*names, *own))
    return image


def _export_files(worker: Worker, tree: Tree, output: Output, reporter: Reporter) -> None:
    from izba.build.export.archives import export_tar
    from izba.build.export.local import export_directory

    with reporter.step("exporting to client directory" if output.kind == "local" else "exporting to client tarball"):
        view = worker.view(tree)
        if output.kind == "local":
            assert output.destination is not None
            export_directory(view, output.destination)
        else:
            export_tar(view, output, worker.ops)


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
            bootstrap=_bootstrapper(step) if request.bootstrap else None,
            report=report,
        )

    return fetch


def _bootstrapper(step: RunningStep) -> Bootstrap:
    """Make base images from packages, each of its steps a line of the build's step."""
    from izba.bootstrap.catalog import bootstrap  # downloads, archives, signatures: only for who asks for them

    said = ""

    def tell(progress: Stage) -> None:
        nonlocal said
        if progress.text != said:
            said = progress.text
            step.output(f"{said}\n".encode())

    return lambda engine, reference: bootstrap(engine, reference, tell)


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


class StepFailed(SourceError):
    """A step of a build failed; `tail` is the last that its command said."""

    def __init__(self, message: str, *, place: Range, source: str, hint: str | None, tail: bytes) -> None:
        super().__init__(message, place=place, source=source, hint=hint)
        self.tail = tail


def _warn(reporter: Reporter, converted: Converted) -> None:
    if converted.unused_args:
        reporter.warn(f"One or more build-args {list(converted.unused_args)} were not consumed")


def _parallel() -> int:
    return max(2, len(os.sched_getaffinity(0)))


def _shown_file(request: BuildRequest) -> str:
    return os.path.basename(request.file) if request.file and request.file != "-" else "Dockerfile"


def default_platform() -> str:
    """What is built where nothing else is asked."""
    return str(host())
