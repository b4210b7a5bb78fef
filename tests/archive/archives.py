"""Archives of images as bytes: saved by izba, made by hand, taken apart and put together again."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

from izba.cli.binary import FdReader
from izba.image.archive import save, select
from izba.image.loading import Loaded, load
from izba.image.stored import StoredImage
from izba.store.store import Store
from tests.archive.images import Fill, files

BASE: Fill = files({"bin/sh": b"#!" * 5000, "etc/os-release": "NAME=test\n"})


def saved(store: Store, *names: str) -> bytes:
    out = io.BytesIO()
    save(store, select(store, names), out)
    return out.getvalue()


def members(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {one.name: tar.extractfile(one).read() for one in tar if one.isfile()}  # type: ignore[union-attr]


def repack(contents: dict[str, bytes], *, links: dict[str, str] | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return out.getvalue()


def oci_archive(*layers: bytes) -> bytes:
    """An OCI layout of one image, its documents first."""
    from izba.oci.digest import Digest

    def blob(data: bytes, kind: str) -> dict[str, object]:
        contents[f"blobs/sha256/{Digest.of(data).hex}"] = data
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": Digest.of(data), "size": len(data)}

    contents: dict[str, bytes] = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": b""}
    rootfs = {"type": "layers", "diff_ids": [Digest.of(layer) for layer in layers]}
    config = blob(json.dumps({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).encode(), "config.v1+json")
    kind = "application/vnd.oci.image.layer.v1.tar"
    described = [{"mediaType": kind, "digest": Digest.of(layer), "size": len(layer)} for layer in layers]
    manifest = {"schemaVersion": 2, "config": config, "layers": described}
    manifest["mediaType"] = "application/vnd.oci.image.manifest.v1+json"
    index = {"schemaVersion": 2, "manifests": [blob(json.dumps(manifest).encode(), "manifest.v1+json")]}
    for layer in layers:
        blob(layer, "layer.v1.tar")
    return repack(contents | {"index.json": json.dumps(index).encode()})


def docker_archive(*layers: bytes, tags: list[str] | None = None, **overrides: object) -> bytes:
    """As `docker save` of 20.10 lays it out: layers first, manifest.json at the end."""
    from izba.oci.digest import Digest

    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
    config["rootfs"]["diff_ids"] = [Digest.of(layer) for layer in layers]  # type: ignore[index]
    data = json.dumps(config | (overrides.pop("config", {}))).encode()  # type: ignore[operator]
    name = f"{Digest.of(data).hex}.json"
    contents = {f"{number}/layer.tar": layer for number, layer in enumerate(layers)}
    manifest = {"Config": name, "RepoTags": tags, "Layers": list(contents)} | overrides
    return repack({**contents, name: data, "manifest.json": json.dumps([manifest]).encode()})


def load_file(store: Store, directory: Path, archive: bytes, *, again: bool = True) -> list[Loaded]:
    (directory / "archive.tar").write_bytes(archive)
    with FdReader(os.open(directory / "archive.tar", os.O_RDONLY)) as stream:
        return load(store, stream, again=stream.again if again else None)


def names(loaded: list[Loaded]) -> list[str]:
    return [reference.familiar() for one in loaded for reference in one.references]


def files_of(image: StoredImage) -> dict[str, bytes]:
    """The files of an image's layers, the topmost winning."""
    found: dict[str, bytes] = {}
    for diff_id in image.diff_ids:
        with image.open_tar(diff_id) as layer, tarfile.open(fileobj=layer, mode="r|") as tar:  # type: ignore[call-overload]
            for one in tar:
                if one.isfile():
                    found[one.name] = tar.extractfile(one).read()
    return found
