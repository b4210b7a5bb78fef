"""A registry of which every byte is the test's: images that lie, and servers that break off."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from typing import Any

from izba.oci import mediatype
from izba.oci.digest import Digest
from tests.registry.servers import Request


def tar_of(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return stream.getvalue()


class Fake:
    """Blobs by digest, manifests by tag or digest with the type they are served as."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[bytes, str]] = {}
        self.before: Callable[[Request], bool] = lambda _: False

    def blob(self, data: bytes, media_type: str) -> dict[str, Any]:
        self.blobs[Digest.of(data)] = data
        return {"mediaType": media_type, "digest": Digest.of(data), "size": len(data)}

    def manifest(self, document: object, media_type: str = mediatype.OCI_MANIFEST, tag: str = "1") -> dict[str, Any]:
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.manifests[Digest.of(data)] = self.manifests[tag] = (data, media_type)
        return {"mediaType": media_type, "digest": Digest.of(data), "size": len(data)}

    def image(self, files: dict[str, bytes], **changes: Any) -> dict[str, Any]:
        """The parts of a good image of one layer; `changes` replace fields of its manifest."""
        tar = tar_of(files)
        config = {
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [Digest.of(tar)]},
        }
        return {
            "schemaVersion": 2,
            "mediaType": mediatype.OCI_MANIFEST,
            "config": self.blob(json.dumps(config).encode(), mediatype.OCI_CONFIG),
            "layers": [self.blob(gzip.compress(tar, mtime=0), mediatype.OCI_LAYER_GZIP)],
            **changes,
        }

    def __call__(self, request: Request) -> None:
        if self.before(request):
            return
        kind, _, name = request.path.rpartition("/")
        if request.path == "/v2/":
            request.answer(200)
        elif kind.endswith("/manifests") and name in self.manifests:
            data, media_type = self.manifests[name]
            request.answer(200, data, Content_Type=media_type, Docker_Content_Digest=Digest.of(data))
        elif kind.endswith("/blobs") and name in self.blobs:
            self.send_blob(request, self.blobs[name])
        else:
            request.answer(404, b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}')

    def send_blob(self, request: Request, data: bytes) -> None:
        wanted = request.headers.get("Range", "")
        start = int(wanted.removeprefix("bytes=").partition("-")[0] or 0)
        if wanted:
            request.answer(206, data[start:], Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            request.answer(200, data)
