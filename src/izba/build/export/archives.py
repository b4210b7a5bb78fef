"""The target in one file: its root file system as a tar, or the image as an archive of Docker's or the OCI's."""

from __future__ import annotations

import os
import sys
from _thread import get_native_id

from izba.image import archive, layout
from izba.image.compressed import compressed
from izba.layer.diff import write_layer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import IO

    from izba.build.export.output import Output
    from izba.image.image import Documents
    from izba.image.stored import StoredImage
    from izba.layer.fsops import FsOps
    from izba.oci.reference import Reference
    from izba.store.store import Store


def export_tar(view: str, output: Output, ops: FsOps) -> None:
    """The tree shown at `view`, as a tar with owners and all."""
    _to(output, lambda file: write_layer(view, file, ops=ops, overlay=None))


def export_archive(store: Store, image: StoredImage, output: Output, names: Sequence[Reference]) -> None:
    """The image as `docker load` reads it, or an OCI layout: in a tar, or with `tar=false` in a directory."""
    with store.lease("export"):
        _export(store, compressed(store, image, output.compression), output, tuple(names))


def export_index(store: Store, images: Sequence[StoredImage], output: Output, names: Sequence[Reference]) -> None:
    """Images for several platforms as one OCI layout, each name that of their index."""
    from izba.image.copying.graph import copy
    from izba.image.copying.store import FromImages
    from izba.image.copying.targets import ToArchive, ToLayout
    from izba.image.portable import portable

    with store.lease("export"):
        wanted = [compressed(store, portable(store, image), output.compression) for image in images]
        source = FromImages(store, wanted, "the images")
        if output.as_directory:
            assert output.destination is not None
            for name in [name.canonical() for name in names] or [""]:
                copy(source, ToLayout(output.destination, name), every=True)
            return
        first = names[0].canonical() if names else ""
        _to(output, lambda file: copy(source, ToArchive(file, first), every=True))


def _export(store: Store, image: Documents, output: Output, names: tuple[Reference, ...]) -> None:
    images = [(image, names)]
    if output.kind == "docker":
        selected = archive.Selected(image=image, references=names)
        _to(output, lambda file: archive.save(store, [selected], file))
    elif output.as_directory:
        assert output.destination is not None
        os.makedirs(output.destination, exist_ok=True)
        layout.write_layout(store, images, layout.DirectorySink(output.destination))
    else:
        _to(output, lambda file: _write_layout(store, images, file))


def _write_layout(store: Store, images: Sequence[tuple[Documents, Sequence[Reference]]], file: IO[bytes]) -> None:
    sink = layout.TarSink(file)
    layout.write_layout(store, images, sink)
    sink.finish()


def _to(output: Output, write: Callable[[IO[bytes]], object]) -> None:
    """To stdout, or to a file that is there when it is whole."""
    assert output.destination is not None
    if output.destination == "-":
        write(sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    temporary = f"{output.destination}.{get_native_id()}.tmp"
    try:
        with open(temporary, "xb") as file:
            write(file)
        os.rename(temporary, output.destination)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
