"""What becomes of the trees of a build: images of the store, archives, files, and what goes to a registry."""

from __future__ import annotations

from izba._record import Record
from izba.errors import InvalidArgument
from izba.oci.platform import Platform
from izba.oci.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.build.convert.stages import Converted
    from izba.build.export.output import Output
    from izba.build.graph import Tree
    from izba.build.progress import Reporter
    from izba.build.solver import Solver
    from izba.build.worker import Worker
    from izba.engine.buildrequest import BuildRequest
    from izba.engine.engine import Engine
    from izba.image.push import Compression
    from izba.image.stored import StoredImage
    from izba.image.transfer import Progress
    from izba.oci.descriptor import Descriptor


class Target(Record):
    """The target for one platform, solved."""

    converted: Converted
    solver: Solver
    tree: Tree


def check(request: BuildRequest) -> None:
    """Raise `InvalidArgument` for outputs that cannot be, before anything is built."""
    for output in request.outputs:
        if output.push and not (request.tags or output.names):
            raise InvalidArgument("there is no name to push the image under", hint="--tag REGISTRY/NAME")
        if len(request.platforms) > 1 and output.kind in {"docker", "tar"}:
            raise InvalidArgument(
                f"the output type {output.kind} holds the image of one platform",
                hint="--output type=oci,dest=FILE holds several, and so does a registry",
            )


def export(
    engine: Engine, worker: Worker, targets: Sequence[Target], request: BuildRequest, reporter: Reporter
) -> tuple[tuple[StoredImage, ...], Descriptor | None]:
    """Put the targets where the request says; their images, if it asks for images, and what a registry has of them,
    whose layers are compressed.
    """
    images: tuple[StoredImage, ...] = ()
    pushed: Descriptor | None = None
    for output in request.outputs:
        if output.kind in {"local", "tar"}:
            _files(worker, targets, output, reporter)
            continue
        names = tuple(Reference.parse(name) for name in (*request.tags, *output.names))
        with reporter.step("exporting to image" if output.kind == "image" else f"exporting to {output.kind} archive"):
            images = _images(worker, targets, request, names)
            if output.kind != "image":
                _archive(worker, images, output, names)
        if output.push:
            pushed = _push(engine, images, output, names, reporter)
    if len(images) > 1:
        _tell_of_names(images, request, reporter)
    return images, pushed


def _images(
    worker: Worker, targets: Sequence[Target], request: BuildRequest, names: tuple[Reference, ...]
) -> tuple[StoredImage, ...]:
    """Images of the store. A name means one of them here: the one for this machine, or the first."""
    from izba.build.export.image import export_image, image_config

    named = next((one for one in targets if _is_for(one, request.options.build_platform)), targets[0])
    images = []
    for target in targets:
        config = image_config(target.converted, target.solver, target.tree, epoch=request.options.epoch)
        own = names if target is named else ()
        images.append(export_image(worker.store, config, target.tree, own, request.annotations))
    return tuple(images)


def _is_for(target: Target, platform: str) -> bool:
    return Platform.parse(target.converted.platform) == Platform.parse(platform)


def _archive(worker: Worker, images: tuple[StoredImage, ...], output: Output, names: tuple[Reference, ...]) -> None:
    from izba.build.export.archives import export_archive, export_index

    if len(images) == 1:
        export_archive(worker.store, images[0], output, names)
    else:
        export_index(worker.store, images, output, names)


def _files(worker: Worker, targets: Sequence[Target], output: Output, reporter: Reporter) -> None:
    from izba.build.export.archives import export_tar
    from izba.build.export.local import export_directory

    with reporter.step("exporting to client directory" if output.kind == "local" else "exporting to client tarball"):
        for target in targets:
            worker.unpack(target.tree)
            view = worker.view(target.tree)
            if output.kind == "tar":
                export_tar(view, output, worker.ops)
                continue
            assert output.destination is not None
            of_platform = target.converted.platform.replace("/", "_")
            export_directory(view, f"{output.destination}/{of_platform}" if len(targets) > 1 else output.destination)


def _push(
    engine: Engine, images: tuple[StoredImage, ...], output: Output, names: tuple[Reference, ...], reporter: Reporter
) -> Descriptor | None:
    pushed: Descriptor | None = None
    kind: Compression = "zstd" if output.compression == "zstd" else "gzip"
    for name in names:
        with reporter.step(f"pushing {name.canonical()}") as step:

            def report(progress: Progress) -> None:
                step.advanced(f"{progress.state} {progress.layer[7:19]}", progress.done, progress.total or None)

            if len(images) == 1:
                pushed = engine.registries.push(name, compression=kind, report=report)
            else:
                pushed = engine.registries.push_index(images, name, compression=kind, report=report)
    return pushed


def _tell_of_names(images: tuple[StoredImage, ...], request: BuildRequest, reporter: Reporter) -> None:
    """A name of the store is of one image: who built several must not think that the name has them all."""
    if not request.tags or any(output.push for output in request.outputs):
        return
    others = [f"{one.config['os']}/{one.config['architecture']} {one.id[7:19]}" for one in images if not one.names]
    reporter.warn(
        f"{request.tags[0]} means one of the images here; the others have ids only: {', '.join(others)}."
        " --push, or --output type=oci,dest=FILE, puts all under one name"
    )
