"""The image around the layers: config, history, and labels that say how it was made."""

from __future__ import annotations

import time

from izba import __version__
from izba._record import Record
from izba.bootstrap.workshop import platform
from izba.image.mutate import create_image
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from izba.bootstrap.debian.index import Package
    from izba.bootstrap.layers import Layer
    from izba.bootstrap.workshop import Workshop
    from izba.image.stored import StoredImage
    from izba.oci.documents import ContainerDefaults, History, ImageConfig
    from izba.oci.reference import Reference


class Portrait(Record):
    """What the image says of itself.

    recipe    the recipe's own name, `debian:bookworm-slim`
    version   of what the image is for: Debian's, Python's, node's
    suite     the Debian release the packages are from
    steps     a line of history for each layer, lowest first
    sources   names of everything that was put in, with versions and hashes
    """

    recipe: str
    version: str
    suite: str
    steps: tuple[str, ...]
    sources: tuple[str, ...]
    defaults: tuple[tuple[str, object], ...]


def assemble(workshop: Workshop, name: Reference, layer: Layer, portrait: Portrait) -> StoredImage:
    """Make the image of the stack whose topmost layer is `layer`, and name it.

    Nothing in it depends on when, where or from which mirror it was made: the same packages give the same digest.
    """
    architecture, variant = platform(workshop.architecture)
    stack = layer.stack()
    created = _time(layer.newest)
    defaults: ContainerDefaults = dict(portrait.defaults)  # type: ignore[assignment]
    defaults["Labels"] = _labels(portrait, layer)
    config: ImageConfig = {"created": created, "architecture": architecture, "os": "linux"}  # type: ignore[typeddict-item]
    if variant:
        config["variant"] = variant
    config["config"] = defaults
    config["rootfs"] = {"type": "layers", "diff_ids": [str(one.diff_id) for one in stack]}
    config["history"] = _history(portrait, stack)
    layers = [workshop.store.layers.descriptor(one.diff_id) for one in stack]
    return create_image(workshop.store, config=config, layers=layers, name=name)


def sources(packages: Iterable[Package]) -> tuple[str, ...]:
    """How `packages` are named among the sources of an image."""
    return tuple(f"{package.identity} sha256:{package.promise.hex}" for package in packages)


def _labels(portrait: Portrait, layer: Layer) -> dict[str, str]:
    listing = "".join(f"{line}\n" for line in sorted(portrait.sources))
    return {
        "izba.bootstrap.packages": Digest.of(listing.encode()),
        "izba.bootstrap.recipe": portrait.recipe,
        # The time of the newest package: an archive of snapshots has all of them from then on.
        "izba.bootstrap.snapshot": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(layer.newest)),
        "izba.bootstrap.suite": portrait.suite,
        "izba.bootstrap.version": __version__,
        "org.opencontainers.image.created": _time(layer.newest),
        "org.opencontainers.image.title": portrait.recipe,
        "org.opencontainers.image.version": portrait.version,
    }


def _history(portrait: Portrait, stack: Sequence[Layer]) -> list[History]:
    history: list[History] = [
        {"created": _time(layer.newest), "created_by": step, "comment": "izba image bootstrap"}
        for layer, step in zip(stack, portrait.steps, strict=True)
    ]
    command = dict(portrait.defaults).get("Cmd")
    if command:
        words = ", ".join(f'"{word}"' for word in command)  # type: ignore[attr-defined]
        history.append({"created": _time(stack[-1].newest), "created_by": f"CMD [{words}]", "empty_layer": True})
    return history


def _time(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
