"""The distribution-spec's conformance cases, against izba's server and against Debian's, so that both are checked.

izba's is one in this process, and the command as both kinds of ordinary user run it. Spoken in plain HTTP by urllib3:
nothing of izba's client is between the test and the wire.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import pytest
import urllib3

from izba.oci.mediatype import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST
from tests.registry.izba_server import REGISTRIES, registry_of

BINARY = "application/octet-stream"


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class Registry:
    """One server; `is_izba` where the spec leaves room or Debian's version is older than 1.1 of it."""

    host: str
    is_izba: bool
    http: urllib3.PoolManager

    def __call__(self, method: str, path: str, body: bytes | None = None, **headers: str) -> urllib3.BaseHTTPResponse:
        url = urljoin(f"http://{self.host}/v2/", path)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.request(method, url, body=body, headers=named, redirect=False, retries=False)

    def push_blob(self, name: str, data: bytes) -> str:
        begun = self("POST", f"{name}/blobs/uploads/")
        assert begun.status == 202
        where = begun.headers["Location"]
        joint = "&" if "?" in where else "?"
        done = self("PUT", f"{where}{joint}digest={digest_of(data)}", data, Content_Type=BINARY)
        assert done.status == 201, done.data
        return digest_of(data)

    def push_image(self, name: str, reference: str, **fields: object) -> str:
        config = json.dumps({"architecture": "amd64", "os": "linux", "n": os.urandom(4).hex()}).encode()
        layer = os.urandom(100)
        self.push_blob(name, config)
        self.push_blob(name, layer)
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, "digest": digest_of(config), "size": len(config)},
            "layers": [{"mediaType": OCI_LAYER, "digest": digest_of(layer), "size": len(layer)}],
            **fields,
        }
        data = json.dumps(manifest).encode()
        reference = reference or digest_of(data)
        done = self("PUT", f"{name}/manifests/{reference}", data, Content_Type=OCI_MANIFEST)
        assert done.status == 201, done.data
        return digest_of(data)

    def error(self, response: urllib3.BaseHTTPResponse) -> str:
        errors: list[dict[str, Any]] = json.loads(response.data)["errors"]
        return str(errors[0]["code"])


@pytest.fixture(scope="module", params=REGISTRIES)
def registry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with urllib3.PoolManager() as http, registry_of(request, tmp_path_factory.mktemp("served")) as host:
        yield Registry(host, request.param != "debian", http)


def test_it_says_that_it_speaks_the_protocol(registry: Registry) -> None:
    answer = registry("GET", "/v2/")

    assert answer.status == 200
    assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"


class TestPull:
    def test_a_blob_is_read_whole_and_looked_for(self, registry: Registry) -> None:
        data = os.urandom(70_000)
        digest = registry.push_blob("pull/blobs", data)

        whole, looked = registry("GET", f"pull/blobs/blobs/{digest}"), registry("HEAD", f"pull/blobs/blobs/{digest}")

        assert whole.status == looked.status == 200
        assert whole.data == data
        assert looked.data == b""
        assert whole.headers["Docker-Content-Digest"] == digest
        assert looked.headers["Content-Length"] == "70000"

    @pytest.mark.parametrize(
        ("wanted", "first", "last"),
        [("bytes=0-9", 0, 9), ("bytes=500-", 500, 999), ("bytes=-10", 990, 999), ("bytes=990-2000", 990, 999)],
    )
    def test_a_range_of_a_blob(self, registry: Registry, wanted: str, first: int, last: int) -> None:
        data = bytes(range(250)) * 4
        digest = registry.push_blob("pull/ranges", data)

        part = registry("GET", f"pull/ranges/blobs/{digest}", Range=wanted)

        assert part.status == 206
        assert part.data == data[first : last + 1]
        assert part.headers["Content-Range"] == f"bytes {first}-{last}/1000"

    def test_a_range_outside_is_416(self, registry: Registry) -> None:
        digest = registry.push_blob("pull/ranges", b"0123456789")

        if registry.is_izba:  # Debian's version breaks the connection
            assert registry("GET", f"pull/ranges/blobs/{digest}", Range="bytes=10-20").status == 416

    def test_an_unknown_blob_is_404(self, registry: Registry) -> None:
        registry.push_blob("pull/blobs", b"known")
        answer = registry("GET", f"pull/blobs/blobs/{digest_of(b'unknown')}")

        assert answer.status == 404
        assert registry.error(answer) == "BLOB_UNKNOWN"

    def test_a_manifest_is_read_by_tag_and_by_digest_byte_for_byte(self, registry: Registry) -> None:
        digest = registry.push_image("pull/app", "v1")

        by_tag = registry("GET", "pull/app/manifests/v1", Accept=OCI_MANIFEST)
        by_digest = registry("GET", f"pull/app/manifests/{digest}", Accept=OCI_MANIFEST)
        looked = registry("HEAD", "pull/app/manifests/v1", Accept=OCI_MANIFEST)

        assert by_tag.data == by_digest.data
        assert digest_of(by_tag.data) == digest
        assert looked.headers["Docker-Content-Digest"] == digest
        assert looked.headers["Content-Type"] == by_tag.headers["Content-Type"] == OCI_MANIFEST
        assert looked.data == b""

    def test_an_unknown_manifest_or_repository_is_404(self, registry: Registry) -> None:
        registry.push_image("pull/app", "v1")

        unknown_tag = registry("GET", "pull/app/manifests/none")
        unknown_name = registry("GET", "pull/nothing/manifests/v1")

        assert (unknown_tag.status, registry.error(unknown_tag)) == (404, "MANIFEST_UNKNOWN")
        assert unknown_name.status == 404
        assert registry("HEAD", "pull/app/manifests/none").status == 404


class TestPush:
    def test_in_one_request_after_the_first(self, registry: Registry) -> None:
        assert registry.push_blob("push/monolithic", b"monolithic") == digest_of(b"monolithic")

    def test_in_a_single_request(self, registry: Registry) -> None:
        data = os.urandom(100)
        answer = registry("POST", f"push/single/blobs/uploads/?digest={digest_of(data)}", data, Content_Type=BINARY)

        assert answer.status in {201, 202}  # a registry may ask for a second request
        if registry.is_izba:
            assert answer.status == 201
            assert registry("HEAD", answer.headers["Location"]).status == 200

    def test_as_a_stream(self, registry: Registry) -> None:
        data = os.urandom(1000)
        where = registry("POST", "push/stream/blobs/uploads/").headers["Location"]
        patched = registry("PATCH", where, data, Content_Type=BINARY)
        assert patched.status in {202, 204}
        assert patched.headers["Range"] == "0-999"
        where = patched.headers["Location"]
        joint = "&" if "?" in where else "?"

        done = registry("PUT", f"{where}{joint}digest={digest_of(data)}")

        assert done.status == 201
        assert registry("GET", done.headers["Location"]).data == data

    def test_in_chunks_in_order(self, registry: Registry) -> None:
        chunks = [os.urandom(600), os.urandom(500), os.urandom(400)]
        where, start = registry("POST", "push/chunks/blobs/uploads/").headers["Location"], 0
        for chunk in chunks[:2]:
            said = f"{start}-{start + len(chunk) - 1}"
            answer = registry("PATCH", where, chunk, Content_Type=BINARY, Content_Range=said)
            assert answer.status == 202
            start += len(chunk)
            where = answer.headers["Location"]
            assert answer.headers["Range"] == f"0-{start - 1}"
        if registry.is_izba:
            assert registry("GET", where).status == 204
            assert registry("GET", where).headers["Range"] == "0-1099"
        joint = "&" if "?" in where else "?"
        whole = b"".join(chunks)

        said = f"{start}-{len(whole) - 1}"
        done = registry(
            "PUT", f"{where}{joint}digest={digest_of(whole)}", chunks[2], Content_Type=BINARY, Content_Range=said
        )

        assert done.status == 201
        assert registry("GET", f"push/chunks/blobs/{digest_of(whole)}").data == whole

    def test_a_chunk_out_of_order_is_416(self, registry: Registry) -> None:
        where = registry("POST", "push/chunks/blobs/uploads/").headers["Location"]

        answer = registry("PATCH", where, b"later", Content_Type=BINARY, Content_Range="100-104")

        if registry.is_izba:  # Debian's version does not look
            assert answer.status == 416
            assert answer.headers["Range"] == "0-0"

    def test_bytes_that_are_not_what_the_digest_says_are_400(self, registry: Registry) -> None:
        where = registry("POST", "push/wrong/blobs/uploads/").headers["Location"]
        joint = "&" if "?" in where else "?"

        answer = registry("PUT", f"{where}{joint}digest={digest_of(b'right')}", b"wrong", Content_Type=BINARY)

        assert (answer.status, registry.error(answer)) == (400, "DIGEST_INVALID")
        assert registry("HEAD", f"push/wrong/blobs/{digest_of(b'wrong')}").status == 404
        assert registry("HEAD", f"push/wrong/blobs/{digest_of(b'right')}").status == 404

    def test_a_mount_needs_no_bytes(self, registry: Registry) -> None:
        digest = registry.push_blob("push/source", os.urandom(50))

        mounted = registry("POST", f"push/target/blobs/uploads/?mount={digest}&from=push/source")
        refused = registry("POST", f"push/target/blobs/uploads/?mount={digest_of(b'no')}&from=push/source")

        assert (mounted.status, refused.status) == (201, 202)
        assert registry("HEAD", f"push/target/blobs/{digest}").status == 200

    def test_a_cancelled_upload_is_gone(self, registry: Registry) -> None:
        where = registry("POST", "push/cancelled/blobs/uploads/").headers["Location"]

        assert registry("DELETE", where).status == 204
        assert registry("PATCH", where, b"x", Content_Type=BINARY).status == 404

    def test_a_manifest_under_its_digest_alone(self, registry: Registry) -> None:
        digest = registry.push_image("push/digest", "")

        assert registry("GET", f"push/digest/manifests/{digest}", Accept=OCI_MANIFEST).status == 200

    def test_a_manifest_under_a_wrong_digest_is_400(self, registry: Registry) -> None:
        registry.push_image("push/digest", "v1")
        data = registry("GET", "push/digest/manifests/v1", Accept=OCI_MANIFEST).data

        answer = registry("PUT", f"push/digest/manifests/{digest_of(b'x')}", data, Content_Type=OCI_MANIFEST)

        assert answer.status == 400

    def test_a_manifest_whose_blobs_are_missing_is_refused(self, registry: Registry) -> None:
        """E7."""
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, "digest": digest_of(b"gone"), "size": 4},
            "layers": [],
        }
        answer = registry("PUT", "push/missing/manifests/v1", json.dumps(manifest).encode(), Content_Type=OCI_MANIFEST)

        assert answer.status in {400, 404}
        assert registry.error(answer) == "MANIFEST_BLOB_UNKNOWN"

    def test_an_index_of_what_is_there(self, registry: Registry) -> None:
        digest = registry.push_image("push/index", "")
        size = int(registry("HEAD", f"push/index/manifests/{digest}", Accept=OCI_MANIFEST).headers["Content-Length"])
        index = {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [
                {
                    "mediaType": OCI_MANIFEST,
                    "digest": digest,
                    "size": size,
                    "platform": {"architecture": "amd64", "os": "linux"},
                }
            ],
        }
        data = json.dumps(index).encode()

        assert registry("PUT", "push/index/manifests/all", data, Content_Type=OCI_INDEX).status == 201
        assert registry("GET", "push/index/manifests/all", Accept=OCI_INDEX).data == data

    @pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"{", b'{"schemaVersion": 2}'])
    def test_what_is_no_manifest_is_400(self, registry: Registry, data: bytes) -> None:
        answer = registry("PUT", "push/bad/manifests/v1", data, Content_Type=OCI_MANIFEST)

        assert answer.status >= 400
        if registry.is_izba:  # Debian's version fails with 500 at some of these
            assert (answer.status, registry.error(answer)) == (400, "MANIFEST_INVALID")


class TestDiscovery:
    def test_tags_in_order_and_by_pages(self, registry: Registry) -> None:
        for tag in ("v3", "v1", "v2", "latest"):
            registry.push_image("find/tags", tag)

        whole = json.loads(registry("GET", "find/tags/tags/list").data)
        assert whole["name"] == "find/tags"
        assert sorted(whole["tags"]) == ["latest", "v1", "v2", "v3"]
        page = registry("GET", "find/tags/tags/list?n=3")
        if registry.is_izba:  # Debian's version has no pages
            assert json.loads(page.data)["tags"] == ["latest", "v1", "v2"]
            assert 'rel="next"' in page.headers["Link"]
            after = registry("GET", page.headers["Link"].partition("<")[2].partition(">")[0])
            assert json.loads(after.data)["tags"] == ["v3"]
            assert "Link" not in after.headers

    def test_no_tags_are_asked_for(self, registry: Registry) -> None:
        registry.push_image("find/tags", "v1")

        assert not json.loads(registry("GET", "find/tags/tags/list?n=0").data)["tags"] or not registry.is_izba

    def test_an_unknown_repository_has_no_tags(self, registry: Registry) -> None:
        assert registry("GET", "find/nothing/tags/list").status == 404

    def test_referrers(self, registry: Registry) -> None:
        if not registry.is_izba:
            pytest.skip("Debian's version is older than the referrers API")
        subject = registry.push_image("find/subject", "v1")
        descriptor = {"mediaType": OCI_MANIFEST, "digest": subject, "size": 1}
        signature = registry.push_image(
            "find/subject", "", subject=descriptor, artifactType="application/x.sig", annotations={"by": "ivan"}
        )
        registry.push_image("find/subject", "", subject=descriptor, artifactType="application/x.sbom")

        every = registry("GET", f"find/subject/referrers/{subject}")
        some = registry("GET", f"find/subject/referrers/{subject}?artifactType=application/x.sig")
        none = registry("GET", f"find/subject/referrers/{digest_of(b'x')}")

        assert every.headers["Content-Type"] == OCI_INDEX
        assert len(json.loads(every.data)["manifests"]) == 2
        (only,) = json.loads(some.data)["manifests"]
        assert (only["digest"], only["annotations"]) == (signature, {"by": "ivan"})
        assert some.headers["OCI-Filters-Applied"] == "artifactType"
        assert json.loads(none.data)["manifests"] == []


class TestManagement:
    def test_a_deleted_manifest_takes_its_tags_along(self, registry: Registry) -> None:
        digest = registry.push_image("manage/app", "v1")

        assert registry("DELETE", f"manage/app/manifests/{digest}").status == 202
        assert registry("GET", f"manage/app/manifests/{digest}").status == 404
        assert registry("GET", "manage/app/manifests/v1").status == 404

    def test_a_deleted_tag_leaves_its_manifest(self, registry: Registry) -> None:
        if not registry.is_izba:
            pytest.skip("Debian's version deletes by digest only")
        digest = registry.push_image("manage/tags", "v1")

        assert registry("DELETE", "manage/tags/manifests/v1").status == 202
        assert registry("GET", "manage/tags/manifests/v1").status == 404
        assert registry("GET", f"manage/tags/manifests/{digest}").status == 200

    def test_a_deleted_blob_stays_where_others_have_it(self, registry: Registry) -> None:
        """E7."""
        digest = registry.push_blob("manage/one", b"shared blob")
        registry.push_blob("manage/two", b"shared blob")

        assert registry("DELETE", f"manage/one/blobs/{digest}").status == 202
        assert registry("GET", f"manage/one/blobs/{digest}").status == 404
        assert registry("GET", f"manage/two/blobs/{digest}").data == b"shared blob"

    def test_what_is_not_there_cannot_be_deleted(self, registry: Registry) -> None:
        registry.push_image("manage/app", "v1")

        assert registry("DELETE", f"manage/app/blobs/{digest_of(b'nothing')}").status == 404
        assert registry("DELETE", f"manage/app/manifests/{digest_of(b'nothing')}").status in {400, 404}
