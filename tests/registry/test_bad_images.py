"""Images that lie (attacks.md A9, B1, B2, E2): a clear error, bounded memory and time, and the store as it was."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from izba.errors import IzbaError
from izba.image.mutate import TooManyLayers, create_image
from izba.image.pull import pull
from izba.oci import mediatype
from izba.oci.descriptor import Descriptor
from izba.oci.reference import Reference
from izba.paths import roots
from izba.registry.client import Client
from izba.registry.config import RegistryConfig
from izba.registry.credentials import Credentials
from izba.store.store import Store
from tests.registry.fakes import Fake, tar_of
from tests.registry.servers import Request, Server, scripted

SOURCE = Path(__file__).parents[2] / "src"
pytestmark = pytest.mark.root

INDEX = {"schemaVersion": 2, "mediaType": mediatype.OCI_INDEX}
HERE = {"architecture": "amd64", "os": "linux"}


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def served(fake: Fake) -> Iterator[Server]:
    with scripted(fake) as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(roots({}, os.geteuid(), root=str(tmp_path / "izba"))) as opened:
        yield opened


def refused(store: Store, served: Server, match: str) -> IzbaError:
    """Pull, and see that it fails and leaves nothing."""
    name = Reference.parse(f"{served.host}/a/b:1")
    client = Client(RegistryConfig(host=served.host), "a/b", environ={}, credentials=None)
    with pytest.raises(IzbaError, match=match) as caught:
        pull(store, name, client)
    assert store.images.all() == []
    assert store.names.all() == []
    assert list(store.content.walk()) == []
    assert list(store.snapshots.walk()) == []
    assert store.content.ingests() == []
    assert store.check(verify=True) == []
    return caught.value


def many_layers(fake: Fake, count: int) -> dict[str, Any]:
    """An image of one tiny layer that many times, served."""
    image = fake.image({"a": b"b"})
    config = json.loads(fake.blobs[image["config"]["digest"]])
    config["rootfs"]["diff_ids"] *= count
    image["config"] = fake.blob(json.dumps(config).encode(), mediatype.OCI_CONFIG)
    image["layers"] *= count
    fake.manifest(image)
    return image


def test_a_good_one_is_pulled(store: Store, served: Server, fake: Fake) -> None:
    """The fake itself is honest unless it is told otherwise."""
    fake.manifest(fake.image({"a": b"b"}))
    name = Reference.parse(f"{served.host}/a/b:1")
    client = Client(RegistryConfig(host=served.host), "a/b", environ={}, credentials=None)

    first, second = pull(store, name, client), pull(store, name, client)

    assert first.is_new
    assert not second.is_new
    assert second.image.names == (f"{served.host}/a/b:1", f"{served.host}/a/b@{first.digest}")


class TestA9DigestsAndSizes:
    """A9: diffID mismatch, layer digest mismatch, size lie, empty layer flag lie."""

    def test_a_tar_that_is_not_the_diff_id(self, store: Store, served: Server, fake: Fake) -> None:
        other = fake.blob(gzip.compress(tar_of({"a": b"another"})), mediatype.OCI_LAYER_GZIP)
        fake.manifest(fake.image({"a": b"b"}, layers=[other]))
        refused(store, served, "the tar of layer .* is not what was promised")

    def test_bytes_that_are_not_the_layer_s_digest(self, store: Store, served: Server, fake: Fake) -> None:
        image = fake.image({"a": b"b" * 1000})
        digest = image["layers"][0]["digest"]
        data = gzip.compress(tar_of({"a": b"c" * 1000}), mtime=0)
        fake.blobs[digest] = data
        image["layers"][0]["size"] = len(data)
        fake.manifest(image)
        refused(store, served, "is not what was promised")

    @pytest.mark.parametrize("more", [-1, 1])
    def test_a_size_that_is_not_the_layer_s(self, store: Store, served: Server, fake: Fake, more: int) -> None:
        image = fake.image({"a": os.urandom(5000)})
        image["layers"][0]["size"] += more
        fake.manifest(image)
        refused(store, served, "not what was promised|another range|ends too early")

    def test_a_config_of_another_digest(self, store: Store, served: Server, fake: Fake) -> None:
        image = fake.image({"a": b"b"})
        fake.blobs[image["config"]["digest"]] = fake.blobs[image["config"]["digest"]].replace(b"linux", b"plan9")
        fake.manifest(image)
        refused(store, served, "config of .* is not what was promised")

    def test_a_config_shorter_than_it_says(self, store: Store, served: Server, fake: Fake) -> None:
        image = fake.image({"a": b"b"})
        image["config"]["size"] += 10
        fake.manifest(image)
        refused(store, served, "config of .* is not what was promised")

    def test_a_config_with_other_layers_than_the_manifest(self, store: Store, served: Server, fake: Fake) -> None:
        image = fake.image({"a": b"b"})
        image["layers"] *= 2
        fake.manifest(image)
        refused(store, served, "1 entries for 2 layers")

    def test_a_history_with_more_layers_than_there_are(self, store: Store, served: Server, fake: Fake) -> None:
        image = fake.image({"a": b"b"})
        config = json.loads(fake.blobs[image["config"]["digest"]])
        config["history"] = [{"created_by": "one"}, {"created_by": "two", "empty_layer": False}]
        image["config"] = fake.blob(json.dumps(config).encode(), mediatype.OCI_CONFIG)
        fake.manifest(image)
        refused(store, served, "history speaks of 2 layers")

    def test_an_endless_layer_is_left_where_it_should_have_ended(
        self, store: Store, served: Server, fake: Fake
    ) -> None:
        """A9, E6: the body never ends."""
        image = fake.image({"a": b"b"})
        fake.manifest(image)

        def endless(request: Request) -> bool:
            if "/blobs/" not in request.path or request.path.endswith(image["config"]["digest"]):
                return False
            request.send_response(200)
            request.send_header("Transfer-Encoding", "chunked")
            request.end_headers()
            try:
                while True:
                    request.wfile.write(b"10000\r\n" + bytes(1 << 16) + b"\r\n")
            except OSError:
                request.close_connection = True
            return True

        fake.before = endless
        refused(store, served, "not what was promised")


class TestB1TwoReadings:
    """B1, CVE-2021-41190: who reads such a document as the other kind runs another image."""

    def test_layers_and_manifests(self, store: Store, served: Server, fake: Fake) -> None:
        fake.manifest(fake.image({"a": b"b"}, manifests=[]))
        refused(store, served, "both layers and manifests")

    def test_an_index_with_a_config(self, store: Store, served: Server, fake: Fake) -> None:
        image = fake.image({"a": b"b"})
        fake.manifest({**image, "mediaType": mediatype.OCI_INDEX, "manifests": []}, mediatype.OCI_INDEX)
        refused(store, served, "both layers and manifests")

    def test_a_type_that_the_header_contradicts(self, store: Store, served: Server, fake: Fake) -> None:
        fake.manifest(fake.image({"a": b"b"}), mediatype.DOCKER_MANIFEST)
        refused(store, served, "came as")

    def test_an_entry_of_another_type_than_the_index_says(self, store: Store, served: Server, fake: Fake) -> None:
        entry = fake.manifest(fake.image({"a": b"b"}))
        fake.manifest(
            INDEX | {"manifests": [{**entry, "mediaType": mediatype.DOCKER_MANIFEST, "platform": HERE}]},
            mediatype.OCI_INDEX,
        )
        refused(store, served, "the index says")

    @pytest.mark.parametrize("media_type", ["", "text/html", "application/octet-stream"])
    def test_a_type_that_is_no_manifest_s(self, store: Store, served: Server, fake: Fake, media_type: str) -> None:
        fake.manifest(fake.image({"a": b"b"}), media_type)
        refused(store, served, "is not an image")

    def test_an_artifact_is_no_image(self, store: Store, served: Server, fake: Fake) -> None:
        empty = fake.blob(b"{}", "application/vnd.example.chart.v1+json")
        fake.manifest(fake.image({"a": b"b"}, config=empty))
        refused(store, served, "not an image but an artifact")


class TestB2Sizes:
    """B2: loops, huge documents, duplicate keys, wrong types, deep nesting."""

    def test_an_index_of_itself_or_of_indexes_without_end(self, store: Store, served: Server, fake: Fake) -> None:
        entry: dict[str, Any] = fake.manifest(fake.image({"a": b"b"}))
        for _ in range(8):
            entry = fake.manifest(INDEX | {"manifests": [{**entry, "platform": HERE}]}, mediatype.OCI_INDEX)
        refused(store, served, "indexes inside indexes")

    def test_a_hundred_thousand_entries(self, store: Store, served: Server, fake: Fake) -> None:
        entry = {"mediaType": mediatype.OCI_MANIFEST, "digest": "", "size": 1}
        fake.manifest(INDEX | {"manifests": [entry] * 11_000}, mediatype.OCI_INDEX)
        refused(store, served, "more than 10000")

    @pytest.mark.parametrize("count", [501, 20_000])
    def test_one_tiny_layer_many_times(self, store: Store, served: Server, fake: Fake, count: int) -> None:
        """Each time would be one more snapshot, and no overlay has more than 500."""
        image = many_layers(fake, count)
        del fake.blobs[image["layers"][0]["digest"]]  # nobody asks for it
        refused(store, served, "500 layers at most|more than 10000")

    def test_from_one_with_too_many_layers(self, served: Server, fake: Fake, tmp_path: Path) -> None:
        image = many_layers(fake, 501)
        del fake.blobs[image["layers"][0]["digest"]]
        (tmp_path / "Dockerfile").write_text(f"FROM {served.host}/a/b:1\nENV a=b\n")
        environment = os.environ | {"PYTHONPATH": str(SOURCE), "IZBA_ROOT": str(tmp_path / "izba")}
        argv = [sys.executable, "-m", "izba", "build", str(tmp_path)]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1, done.stderr
        assert "501 entries: a container can have 500 layers at most" in done.stderr

    def test_one_layer_more_than_a_container_can_have_is_not_made(
        self, store: Store, served: Server, fake: Fake
    ) -> None:
        """What a build or a commit would add to an image of 500."""
        image = many_layers(fake, 501)
        layers = [Descriptor.from_document(layer) for layer in image["layers"]]
        config = json.loads(fake.blobs[image["config"]["digest"]])
        with pytest.raises(TooManyLayers, match="would have 501 layers, and a container can have 500 at most"):
            create_image(store, config=config, layers=layers)
        assert list(store.content.walk()) == []

    def test_a_manifest_of_a_hundred_megabytes_is_not_read(self, store: Store, served: Server, fake: Fake) -> None:
        def huge(request: Request) -> bool:
            if "/manifests/" not in request.path:
                return False
            request.send_response(200)
            request.send_header("Content-Type", mediatype.OCI_MANIFEST)
            request.send_header("Content-Length", str(100 << 20))
            request.end_headers()
            try:
                for _ in range(100):
                    request.wfile.write(b" " * (1 << 20))
            except OSError:
                request.close_connection = True
            return True

        fake.before = huge
        tracemalloc.start()
        refused(store, served, "more than the 4194304 bytes")
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
        tracemalloc.stop()

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            (b'{"schemaVersion": 2, "layers": [], "layers": []}', "stands twice"),
            (b"[" * 100_000, "nested too deeply|not JSON"),
            (b'{"schemaVersion": 2, "a": ' + b"[" * 200 + b"]" * 200 + b"}", "nested deeper"),
            (b"\xff\xfe", "not JSON"),
            (b"", "not JSON"),
            (b"null", "not a JSON object"),
            (b'{"schemaVersion": 1, "fsLayers": []}', "schema"),
            (b'{"schemaVersion": 2, "config": [], "layers": {}}', "not a descriptor"),
        ],
    )
    def test_what_is_no_manifest(self, store: Store, served: Server, fake: Fake, data: bytes, said: str) -> None:
        fake.manifest(data)
        refused(store, served, said)

    def test_a_digest_of_another_algorithm(self, store: Store, served: Server, fake: Fake) -> None:
        image = fake.image({"a": b"b"})
        image["layers"][0]["digest"] = "sha1:" + "0" * 40
        fake.manifest(image)
        refused(store, served, "not sha256")

    def test_a_layer_that_says_it_is_a_terabyte_takes_no_room(self, store: Store, served: Server, fake: Fake) -> None:
        image = fake.image({"a": b"b"})
        image["layers"][0]["size"] = 1 << 40
        fake.manifest(image)
        started = time.monotonic()
        name = Reference.parse(f"{served.host}/a/b:1")
        client = Client(RegistryConfig(host=served.host), "a/b", environ={}, credentials=None)
        with pytest.MonkeyPatch.context() as patch, pytest.raises(IzbaError):
            patch.setattr("izba.image.download.RESUMES", 0)
            pull(store, name, client)
        assert time.monotonic() - started < 5
        assert store.images.all() == []


def test_the_urls_of_a_foreign_layer_are_not_followed(store: Store, served: Server, fake: Fake) -> None:
    """E2, CVE-2020-15157: neither asked for, nor with the password that belongs to the registry."""
    with scripted(lambda request: request.answer(200, b"")) as elsewhere:
        image = fake.image({"a": b"b"})
        image["layers"][0] |= {"mediaType": mediatype.DOCKER_LAYER_FOREIGN, "urls": [f"http://{elsewhere.host}/l"]}
        fake.manifest(image)
        refused(store, served, "which izba can't unpack")
        image["layers"][0] |= {"mediaType": mediatype.OCI_LAYER_GZIP}
        fake.blobs.pop(image["layers"][0]["digest"])
        fake.manifest(image)
        name = Reference.parse(f"{served.host}/a/b:1")
        client = Client(
            RegistryConfig(host=served.host), "a/b", environ={}, credentials=Credentials(username="u", password="p")
        )
        with pytest.raises(IzbaError, match="not found"):
            pull(store, name, client)
        assert elsewhere.seen == []


def test_a_blob_that_changes_between_two_ranges_is_refused_and_the_next_pull_is_whole(
    store: Store, served: Server, fake: Fake
) -> None:
    """E6."""
    image = fake.image({"a": os.urandom(300_000)})
    fake.manifest(image)
    digest = image["layers"][0]["digest"]
    good = fake.blobs[digest]

    def breaks_off(request: Request) -> bool:
        if not request.path.endswith(digest) or request.headers.get("Range"):
            return False
        request.send_response(200)
        request.send_header("Content-Length", str(len(good)))
        request.end_headers()
        request.wfile.write(good[:100_000])
        request.close_connection = True
        fake.blobs[digest] = bytes(len(good))
        return True

    fake.before = breaks_off
    name = Reference.parse(f"{served.host}/a/b:1")
    client = Client(RegistryConfig(host=served.host), "a/b", environ={}, credentials=None)
    with pytest.raises(IzbaError):
        pull(store, name, client)
    assert store.images.all() == []

    fake.before = lambda _: False
    fake.blobs[digest] = good
    assert pull(store, name, client).image.layers[0].digest == digest
    assert store.check(verify=True) == []
