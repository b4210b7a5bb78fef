"""Building images: from a request to an image, its files and its names."""

from __future__ import annotations

import os

from izba import jsonio
from izba.build import outcome
from izba.engine.buildrequest import BuildRequest, Built, StepFailed
from izba.oci.platform import host
from izba.oci.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

    from izba.build.outcome import Remembered
    from izba.build.progress import Sink
    from izba.engine.engine import Engine

__all__ = ["BuildRequest", "Built", "StepFailed", "build", "build_anew", "enter", "recall", "retell", "write_results"]


def build(engine: Engine, request: BuildRequest, sink: Sink, *, stdin: IO[bytes] | None = None) -> Built:
    """Build the request's target. Raises `DockerfileError` and its kin where the Dockerfile is to blame."""
    if (remembered := recall(engine, request)) is not None:
        return retell(remembered, request, sink)
    return build_anew(engine, request, sink, stdin=stdin)


def recall(engine: Engine, request: BuildRequest) -> Remembered | None:
    """The outcome of the same build before, if nothing that it depends on has changed; its image is named by then.

    It needs none of what building needs: no namespaces, no threads, no modules.
    """
    names = tuple(Reference.parse(tag) for tag in request.tags)
    if not request.may_be_remembered:
        return None
    asked = outcome.question(engine.roots.data, request.context, request.file, request.identity())
    if asked is None or not os.path.exists(asked.path):
        return None
    return outcome.recall(engine.store, asked, names)


def retell(remembered: Remembered, request: BuildRequest, sink: Sink) -> Built:
    """What `build` would give and tell."""
    remembered.tell(sink)
    return Built(image=remembered.image, names=tuple(Reference.parse(tag) for tag in request.tags))


def build_anew(engine: Engine, request: BuildRequest, sink: Sink, *, stdin: IO[bytes] | None = None) -> Built:
    """The same step by step, each done or found in the cache.

    In the command line's process this comes after `enter`, which keeps mounts private.
    """
    from izba.engine.building import build

    return build(engine, request, sink, stdin=stdin)


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
        descriptor = built.pushed or built.image.descriptor
        document = {
            "containerimage.config.digest": built.image.id,
            "containerimage.descriptor": descriptor.to_document(),
            "containerimage.digest": descriptor.digest,
        }
        if built.names:
            document["image.name"] = ",".join(name.canonical() for name in built.names)
        jsonio.write_bytes(metadata_file, f"{jsonio.dumps(document)}\n".encode(), durable=False)


def default_platform() -> str:
    """What is built where nothing else is asked."""
    return str(host())
