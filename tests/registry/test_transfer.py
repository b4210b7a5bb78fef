"""Pull and push between two stores by way of Debian's docker-registry."""

from __future__ import annotations

import gzip
import io
import json
import os
import socket
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from izba.errors import InvalidArgument
from izba.image.mutate import create_image
from izba.image.pull import pull as pull_and_tell
from izba.image.push import push
from izba.image.stored import StoredImage
from izba.image.transfer import Progress
from izba.layer.compress import compressor
from izba.oci import mediatype
from izba.oci.chain import next_chain_id
from izba.oci.digest import Digest, DigestMismatch
from izba.oci.reference import Reference
from izba.paths import roots
from izba.registry.client import Client
from izba.registry.config import RegistryConfig
from izba.registry.fault import RegistryUnreachable
from izba.store.store import Store
from tests.registry import servers
from tests.registry.fakes import Fake, tar_of
from tests.registry.servers import Request, scripted

pytestmark = [pytest.mark.peer("docker-registry"), pytest.mark.root]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.debian_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture
def store_at(tmp_path: Path) -> Iterator[Callable[[str], Store]]:
    opened = []

    def open_store(name: str) -> Store:
        opened.append(Store.open(roots({}, os.geteuid(), root=str(tmp_path / name))))
        return opened[-1]

    yield open_store
    for store in opened:
        assert store.check(verify=True) == []
        store.close()


def pull(*args: Any, **options: Any) -> StoredImage:
    return pull_and_tell(*args, **options).image


def client(reference: Reference) -> Client:
    return Client(RegistryConfig(host=reference.domain), reference.path, environ={}, credentials=None)


def build(store: Store, name: Reference, *contents: dict[str, bytes]) -> StoredImage:
    """An image as a build makes it: one layer for each of `contents`, kept as a directory only."""
    parent, diff_ids, layers = None, [], []
    with store.lease("test"):
        for number, files in enumerate(contents):
            stream = io.BytesIO()
            with tarfile.open(fileobj=stream, mode="w") as tar:
                for path, data in files.items():
                    info = tarfile.TarInfo(path)
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
            stream.seek(0)
            key = f"test-{number}-{os.urandom(4).hex()}"
            store.snapshots.prepare(key, parent)
            store.snapshots.apply(key, stream)
            written = store.snapshots.write_layer(key, io.BytesIO())
            store.layers.record(written.diff_id, written.size)
            parent = next_chain_id(parent, written.diff_id)
            store.snapshots.commit(parent, key, diff_id=written.diff_id, size=written.size)
            diff_ids.append(written.diff_id)
            layers.append(store.layers.descriptor(written.diff_id))
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["sh"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }
        return create_image(store, config=config, layers=layers, name=name)  # type: ignore[arg-type]


def tree(store: Store, image: StoredImage) -> dict[str, bytes]:
    found = {}
    assert image.chain_id
    for lower in reversed(store.snapshots.lowers(image.chain_id)):
        for path in Path(lower).rglob("*"):
            if path.is_file():
                found[str(path.relative_to(lower))] = path.read_bytes()
    return found


def states(told: list[Progress]) -> list[str]:
    return [one.state for one in told if one.state not in {"Downloading", "Pushing", "Preparing"}]


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_an_image_comes_out_of_a_registry_as_it_went_in(
    registry: str, store_at: Callable[[str], Store], compression: str
) -> None:
    name = Reference.parse(f"{registry}/team/app-{compression}:1")
    here, there = store_at("here"), store_at("there")
    image = build(here, name, {"a": b"a" * 100_000, "etc/b": b"b"}, {"c": os.urandom(300_000)})

    pushed = push(here, image, name, client(name), compression=compression)  # type: ignore[arg-type]
    pulled = pull(there, name, client(name))

    assert pulled.id == image.id
    assert pulled.descriptor.digest == pushed.digest
    assert tree(there, pulled) == tree(here, image) == {"a": b"a" * 100_000, "etc/b": b"b", "c": tree(here, image)["c"]}


def test_what_is_there_is_neither_sent_nor_fetched_again(registry: str, store_at: Callable[[str], Store]) -> None:
    name = Reference.parse(f"{registry}/team/again:1")
    here, there = store_at("here"), store_at("there")
    image = build(here, name, {"a": os.urandom(1000)}, {"b": os.urandom(1000)})
    told: list[Progress] = []

    push(here, image, name, client(name))
    first = pull(there, name, client(name))
    push(here, image, name, client(name), report=told.append)
    second = pull(there, name, client(name), report=told.append)

    assert states(told) == ["Layer already exists"] * 2
    assert first.descriptor == second.descriptor


def test_a_pulled_image_is_pushed_elsewhere_by_mounting(registry: str, store_at: Callable[[str], Store]) -> None:
    name, other = Reference.parse(f"{registry}/team/origin:1"), Reference.parse(f"{registry}/team/copy:1")
    here, there = store_at("here"), store_at("there")
    pushed = push(here, image := build(here, name, {"a": os.urandom(1000)}), name, client(name))
    told: list[Progress] = []

    pulled = pull(there, name, client(name))
    again = push(there, pulled, other, client(other), report=told.append)

    assert again.digest == pushed.digest
    assert states(told) == ["Mounted"]
    assert pull(store_at("third"), other, client(other)).id == image.id


def proxy_that_breaks(target: str, after: int, times: int) -> Callable[[Request], None]:
    """Pass requests on to `target`, but break the connection after so many bytes of a blob, so many times."""
    import urllib.error
    import urllib.request

    left = [times]

    def handle(request: Request) -> None:
        asked = urllib.request.Request(f"http://{target}{request.path}", method=request.command)
        for header in ("Accept", "Range"):
            if request.headers.get(header):
                asked.add_header(header, request.headers[header])
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(asked) as answer:
            data = answer.read()
        request.send_response(answer.status)
        for header in ("Content-Type", "Docker-Content-Digest", "Content-Range", "Content-Length"):
            if answer.headers.get(header):
                request.send_header(header, answer.headers[header])
        request.end_headers()
        if "/blobs/" in request.path and len(data) > after and left[0]:
            left[0] -= 1
            request.wfile.write(data[:after])
            request.wfile.flush()
            request.connection.shutdown(socket.SHUT_RDWR)
            request.close_connection = True
        elif request.command != "HEAD":
            request.wfile.write(data)

    return handle


def test_a_broken_download_goes_on_where_it_stopped(registry: str, store_at: Callable[[str], Store]) -> None:
    name = Reference.parse(f"{registry}/team/large:1")
    here, there = store_at("here"), store_at("there")
    image = build(here, name, {"big": os.urandom(2_000_000)})
    push(here, image, name, client(name))

    with scripted(proxy_that_breaks(registry, 600_000, times=3)) as flaky:
        through = name.replace(domain=flaky.host)
        pulled = pull(there, through, client(through))
        ranges = [request.headers["Range"] for request in flaky.seen if request.headers.get("Range")]

    assert pulled.id == image.id
    assert len(ranges) == 3
    assert all(int(text.removeprefix("bytes=").rstrip("-")) >= 600_000 for text in ranges)


def test_a_later_pull_goes_on_where_an_earlier_gave_up(
    registry: str, store_at: Callable[[str], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = Reference.parse(f"{registry}/team/later:1")
    here, there = store_at("here"), store_at("there")
    image = build(here, name, {"big": os.urandom(2_000_000)})
    push(here, image, name, client(name))
    monkeypatch.setattr("izba.image.download.RESUMES", 0)

    with scripted(proxy_that_breaks(registry, 600_000, times=1)) as flaky:
        through = name.replace(domain=flaky.host)
        with pytest.raises(RegistryUnreachable):
            pull(there, through, client(through))
        assert there.images.all() == []
        pulled = pull(there, through, client(through))
        ranges = [request.headers["Range"] for request in flaky.seen if request.headers.get("Range")]

    assert pulled.id == image.id
    assert ranges == ["bytes=600000-"]


def test_a_layer_that_is_not_what_the_manifest_says_leaves_no_trace(
    registry: str, store_at: Callable[[str], Store]
) -> None:
    """A9."""
    name = Reference.parse(f"{registry}/team/forged:1")
    here, there = store_at("here"), store_at("there")
    image = build(here, name, {"a": os.urandom(5000)})
    push(here, image, name, client(name))
    genuine = proxy_that_breaks(registry, 0, times=0)

    def forge(request: Request) -> None:
        if "/blobs/" in request.path and len(data := forged.get(request.path.rpartition("/")[2], b"")):
            request.answer(200, data)
        else:
            genuine(request)

    manifest = client(name).manifest("1")
    layer = json.loads(manifest.data)["layers"][0]
    with scripted(forge) as liar:
        through = name.replace(domain=liar.host)
        for _ in range(5):  # what unpacks it and what counts its bytes are threads of their own
            forged = {layer["digest"]: os.urandom(layer["size"])}
            with pytest.raises((DigestMismatch, InvalidArgument), match=r"not what was promised|damaged"):
                pull(there, through, client(through))

    assert there.images.all() == []
    assert list(there.snapshots.walk()) == []
    assert not there.content.has(Digest(layer["digest"]))


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_layer_that_izba_would_write_again_is_kept_once_and_pushed_the_same(
    registry: str, store_at: Callable[[str], Store], tmp_path: Path, compression: Any
) -> None:
    name = Reference.parse(f"{registry}/team/once-{compression}:1")
    here, there = store_at("here"), store_at("there")
    image = build(here, name, {"small": b"s" * 3000}, {"large": os.urandom(4_000_000), "text": b"words " * 500_000})
    pushed = push(here, image, name, client(name), compression=compression)

    pulled = pull(there, name, client(name))
    kept = {blob.digest for blob in there.content.walk()}
    assert kept == {pulled.descriptor.digest, pulled.id}
    assert there.content.ingests() == []

    (elsewhere_root := tmp_path / "elsewhere").mkdir()
    with servers.debian_registry(elsewhere_root) as other:
        elsewhere = Reference.parse(f"{other}/team/copy:1")
        assert push(there, pulled, elsewhere, client(elsewhere)).digest == pushed.digest
        third = store_at("third")
        assert tree(third, pull(third, elsewhere, client(elsewhere))) == tree(here, image)


@pytest.mark.parametrize("form", ["another compressor", "another tar"])
def test_a_layer_that_izba_would_write_otherwise_keeps_its_blob(store_at: Callable[[str], Store], form: str) -> None:
    fake = Fake()
    tar = tar_of({"large": os.urandom(2_000_000), "a": b"a"} if form == "another tar" else {"a": os.urandom(2_000_000)})
    blob = gzip.compress(tar, mtime=0) if form == "another compressor" else compressed(tar)
    document = fake.image({})
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [Digest.of(tar)]}}
    document["config"] = fake.blob(json.dumps(config).encode(), mediatype.OCI_CONFIG)
    document["layers"] = [fake.blob(blob, mediatype.OCI_LAYER_GZIP)]
    fake.manifest(document)
    there = store_at("there")

    with scripted(fake) as server:
        name = Reference.parse(f"{server.host}/team/foreign:1")
        pull(there, name, client(name))

    assert there.content.has(Digest.of(blob))


def compressed(data: bytes) -> bytes:
    out = io.BytesIO()
    writer = compressor(out, "gzip")
    writer.write(data)
    writer.close()
    return out.getvalue()
