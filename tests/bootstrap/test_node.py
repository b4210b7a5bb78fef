"""node's program and npm come from a registry of npm packages, each file by the hash that the registry signed for."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from izba.bootstrap.errors import Corrupt, PackageNotFound
from izba.bootstrap.fetch.cache import Cache
from izba.bootstrap.fetch.download import Downloader
from izba.bootstrap.progress import silent
from izba.bootstrap.recipes import node
from izba.bootstrap.recipes.node import Registry
from izba.bootstrap.workshop import Settings
from izba.layer.tarstream import TarReader
from tests.bootstrap.conftest import Mirror


def tarball(files: dict[str, bytes], *, mode: int = 0o644) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo()
            info.name, info.size, info.mode, info.uid = name, len(data), mode, 501
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(out.getvalue(), mtime=0)


def integrity(data: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()


def publish(mirror: Mirror, name: str, versions: dict[str, bytes], **dist: Any) -> None:
    documents = {}
    for version, data in versions.items():
        file = mirror.root / f"{name}-{version}.tgz"
        file.write_bytes(data)
        documents[version] = {"dist": {"tarball": f"{mirror.url}/{file.name}", "integrity": integrity(data), **dist}}
    (mirror.root / name).write_text(json.dumps({"name": name, "versions": documents}))


@pytest.fixture
def registry(mirror: Mirror, cache: Cache, tmp_path: Path) -> Registry:
    settings = Settings(npm_registry=mirror.url + "/", host_root=str(tmp_path))
    workshop = SimpleNamespace(
        settings=settings, environ={}, progress=silent, downloader_by=lambda routes: Downloader(cache, routes, silent)
    )
    return Registry(workshop)  # type: ignore[arg-type]


def test_the_newest_release_of_the_major_version_is_taken(mirror: Mirror, registry: Registry) -> None:
    publish(mirror, "npm", dict.fromkeys(["10.2.0", "10.10.1", "10.11.0-rc.1", "11.0.0", "9.9.9"], b"x"))

    assert registry.newest("npm", "10").version == "10.10.1"


def test_a_tarball_is_verified_by_its_sha512(mirror: Mirror, registry: Registry) -> None:
    publish(mirror, "npm", {"10.0.0": b"right"})
    package = registry.newest("npm", "10")
    assert Path(registry.fetch([package])[0]).read_bytes() == b"right"

    publish(mirror, "npm", {"10.0.1": b"promised"})
    package = registry.newest("npm", "10")
    (mirror.root / "npm-10.0.1.tgz").write_bytes(b"tampered")
    with pytest.raises(Corrupt, match="its sha512 is"):
        registry.fetch([package])


@pytest.mark.parametrize("wrong", ["", "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "sha512-!", None, 7])
def test_metadata_without_a_strong_hash_is_refused(mirror: Mirror, registry: Registry, wrong: object) -> None:
    publish(mirror, "npm", {"10.0.0": b"x"}, integrity=wrong)

    with pytest.raises(Corrupt, match="has no sha512 to verify it by"):
        registry.newest("npm", "10")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"versions": []}', "<html>", '{"versions": {"10.0.0": null}}'])
def test_what_is_not_metadata_is_told_as_such(mirror: Mirror, registry: Registry, text: str) -> None:
    (mirror.root / "npm").write_text(text)

    with pytest.raises(Corrupt):
        registry.newest("npm", "10")


def test_a_version_that_is_not_there_is_named(mirror: Mirror, registry: Registry) -> None:
    publish(mirror, "npm", {"9.0.0": b"x"})

    with pytest.raises(PackageNotFound, match="package npm 10 is not in"):
        registry.newest("npm", "10")


def test_a_registry_with_tls_does_not_send_us_elsewhere_without() -> None:
    document = {"dist": {"tarball": "http://elsewhere/npm.tgz", "integrity": integrity(b"x")}}

    with pytest.raises(Corrupt, match="without TLS"):
        node._package("npm", "10.0.0", document, "https://registry/npm")


def test_the_token_is_shown_to_the_registry(mirror: Mirror, cache: Cache, tmp_path: Path) -> None:
    seen: list[str | None] = []

    def answer(handler: SimpleHTTPRequestHandler) -> None:
        seen.append(handler.headers.get("Authorization"))
        handler.send_error(404)

    mirror.answers["npm"] = answer
    host = mirror.url.partition(":")[2]
    (tmp_path / ".npmrc").write_text(f"registry={mirror.url}\n{host}/:_authToken=secret\n")
    workshop = SimpleNamespace(
        settings=Settings(),
        environ={"HOME": str(tmp_path)},
        progress=silent,
        downloader_by=lambda routes: Downloader(cache, routes, silent),
    )
    with pytest.raises(Exception, match="404"):
        Registry(workshop).newest("npm", "10")  # type: ignore[arg-type]

    assert seen == ["Bearer secret"]


def test_files_go_where_they_belong_with_plain_owners_and_modes(tmp_path: Path) -> None:
    path = tmp_path / "node.tgz"
    path.write_bytes(tarball({"package/bin/node": b"ELF", "package/README.md": b"-"}, mode=0o700))

    blocks = iter([b"".join(node._node_files(str(path)))])
    entries = {entry.name: entry for entry in TarReader(lambda: next(blocks, b""))}

    assert set(entries) == {b"usr/local/bin/node"}
    only = entries[b"usr/local/bin/node"]
    assert (only.mode, only.uid, only.size) == (0o755, 0, 3)


@pytest.mark.parametrize("name", ["package/../../etc/passwd", "../x", "package/a/../../../x"])
def test_a_hostile_name_in_a_tarball_is_refused(tmp_path: Path, name: str) -> None:
    """A1."""
    path = tmp_path / "npm.tgz"
    path.write_bytes(tarball({name: b"evil"}))

    with pytest.raises(Corrupt, match="no name of a file"):
        list(node._npm_files(str(path)))
