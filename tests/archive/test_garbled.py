"""Archives whose documents were tampered with, their digests made right again: refused with a reason, or loaded."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from izba.errors import IzbaError
from izba.image.loading import load
from izba.oci.digest import Digest
from izba.store.store import Store
from tests.archive.archives import members, repack, saved
from tests.archive.images import build, files, open_store

pytestmark = pytest.mark.root

ODD = [None, 0, -1, 1 << 70, 1.5, "", "x", "sha256:" + "0" * 64, "\x00", "../../x", [], {}, [None], {"a": None}, True]


@pytest.fixture(scope="module")
def archive() -> Iterator[dict[str, bytes]]:
    path = Path(tempfile.mkdtemp(prefix="izba-garbled-"))
    with open_store(path) as store:
        build(
            store, "app:1", files({"a": "1"}), files({"b": "2"}), config={"Labels": {"a": "b"}, "Volumes": {"/v": {}}}
        )
        yield members(saved(store, "app:1"))
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    path = Path(tempfile.mkdtemp(prefix="izba-garbled-"))
    with open_store(path) as store:
        yield store
    shutil.rmtree(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_tampered_document_is_refused_or_loaded(archive: dict[str, bytes], store: Store, data: st.DataObject) -> None:
    index = json.loads(archive["index.json"])
    manifest = json.loads(archive[path_of(index["manifests"][0])])
    config = json.loads(archive[path_of(manifest["config"])])
    docker = json.loads(archive["manifest.json"])
    which = data.draw(st.sampled_from(["index", "manifest", "config", "docker"]))
    tamper({"index": index, "manifest": manifest, "config": config, "docker": docker}[which], data)

    contents = dict(archive)
    if which == "config":
        manifest["config"] |= add(contents, config)
    if which in {"config", "manifest"}:
        index["manifests"][0] |= add(contents, manifest)
    contents["index.json"] = json.dumps(index).encode()
    if which == "docker":
        contents = {name: body for name, body in contents.items() if name not in {"index.json", "oci-layout"}}
        contents["manifest.json"] = json.dumps(docker).encode()
    assert outcome(store, repack(contents)).isprintable()
    assert store.check() == []


def outcome(store: Store, archive: bytes) -> str:
    try:
        load(store, io.BytesIO(archive))
    except IzbaError as error:
        return str(error)
    return "loaded"


def path_of(descriptor: dict[str, Any]) -> str:
    return "blobs/sha256/" + descriptor["digest"].removeprefix("sha256:")


def add(contents: dict[str, bytes], document: object) -> dict[str, object]:
    data = json.dumps(document).encode()
    contents[f"blobs/sha256/{Digest.of(data).hex}"] = data
    return {"digest": Digest.of(data), "size": len(data)}


def tamper(document: Any, data: st.DataObject) -> None:
    """Replace, remove or add one value somewhere inside."""
    places = list(inside(document))
    container, key = places[data.draw(st.integers(0, len(places) - 1))]
    action = data.draw(st.sampled_from(["replace", "replace", "remove", "add"]))
    if action == "remove":
        del container[key]
    elif action == "add" and isinstance(container, dict):
        container[data.draw(st.sampled_from(["manifests", "layers", "config", "annotations", "urls", "x"]))] = (
            data.draw(st.sampled_from(ODD))
        )
    else:
        container[key] = data.draw(st.sampled_from(ODD))


def inside(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        yield value, key
        yield from inside(value[key])
