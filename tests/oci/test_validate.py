from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from izba.oci import mediatype, validate
from izba.oci.validate import InvalidDocument

DIGEST = "sha256:" + "0" * 64


def blob(media_type: str = mediatype.OCI_LAYER, **fields: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": DIGEST, "size": 1, **fields}


def manifest(**fields: Any) -> dict[str, Any]:
    return {"schemaVersion": 2, "mediaType": mediatype.OCI_MANIFEST, "config": blob(), "layers": [blob()], **fields}


def index(**fields: Any) -> dict[str, Any]:
    return {"schemaVersion": 2, "mediaType": mediatype.OCI_INDEX, "manifests": [blob()], **fields}


def config(**fields: Any) -> dict[str, Any]:
    return {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [DIGEST]}, **fields}


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


def test_documents_of_the_specification_pass() -> None:
    validate.manifest(encoded(manifest(annotations={"a": "b"}, unknown=1)), media_type=mediatype.OCI_MANIFEST)
    validate.manifest(encoded(manifest(mediaType=mediatype.DOCKER_MANIFEST)))
    validate.index(encoded(index(manifests=[blob(platform={"os": "linux", "architecture": "amd64"})])))
    validate.config(
        encoded(config(created="2024-02-29T12:00:00.123456789+01:00", config={"Env": None, "Labels": {"a": "b"}})),
        layers=1,
    )


def test_a_document_that_is_both_manifest_and_index_is_refused() -> None:
    """B1: CVE-2021-41190, two readers see two images."""
    both = encoded(manifest(manifests=[blob()]))

    for read in (validate.manifest, validate.index):
        with pytest.raises(InvalidDocument, match="both layers and manifests"):
            read(both)


def test_a_media_type_that_is_not_the_one_it_came_as_is_refused() -> None:
    """B1: Content-Type and mediaType disagree."""
    with pytest.raises(InvalidDocument, match="but it came as"):
        validate.manifest(encoded(manifest()), media_type=mediatype.DOCKER_MANIFEST)
    with pytest.raises(InvalidDocument, match="mediaType is"):
        validate.manifest(encoded(manifest(mediaType=mediatype.OCI_INDEX)))
    untyped = manifest()
    del untyped["mediaType"]
    with pytest.raises(InvalidDocument, match="it came as"):
        validate.manifest(encoded(untyped), media_type=mediatype.OCI_INDEX)


def test_the_same_key_twice_is_refused() -> None:
    """B2: parsers differ in which of the two counts."""
    text = encoded(manifest())[:-1] + b', "layers": []}'

    with pytest.raises(InvalidDocument, match="'layers' stands twice in one object"):
        validate.manifest(text)


@pytest.mark.parametrize("depth", [100, 5000, 1_000_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    """B2."""
    with pytest.raises(InvalidDocument, match="nested"):
        validate.manifest(b'{"a":' + b"[" * depth + b"]" * depth + b"}")


def test_a_document_of_100_mb_is_refused_unread() -> None:
    """B2."""
    with pytest.raises(InvalidDocument, match="more than the 4194304 that are read"):
        validate.manifest(b'{"a":"' + b"x" * 100_000_000 + b'"}')


def test_a_hundred_thousand_entries_are_refused() -> None:
    """B2: each entry would be a download."""
    with pytest.raises(InvalidDocument, match="more than"):
        validate.index(encoded(index(manifests=[{} for _ in range(100_000)])))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"layers": None}, "layers is not a list"),
        ({"layers": {}}, "layers is not a list"),
        ({"layers": ["x"]}, r"layers\[0\] is not a descriptor"),
        ({"layers": [blob(size=-1)]}, r"layers\[0\]\.size is -1"),
        ({"layers": [blob(size=1.5)]}, r"layers\[0\]\.size is 1\.5"),
        ({"layers": [blob(size=True)]}, r"layers\[0\]\.size is True"),
        ({"layers": [blob(size=1 << 70)]}, r"layers\[0\]\.size"),
        ({"layers": [blob(digest="sha256:../../x")]}, r"layers\[0\]\.digest"),
        ({"layers": [blob(digest="sha512:" + "0" * 128)]}, r"layers\[0\]\.digest"),
        ({"config": []}, "config is not a descriptor"),
        ({"schemaVersion": 1}, "schemaVersion is 1"),
        ({"schemaVersion": "2"}, "schemaVersion is '2'"),
        ({"annotations": {"a": 1}}, "annotations is not a mapping of strings"),
        ({"fsLayers": []}, "obsolete schema 1"),
    ],
)
def test_each_wrong_type_of_a_manifest_is_named(change: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidDocument, match=told):
        validate.manifest(encoded(manifest(**change)))


def test_as_many_layers_as_an_overlay_can_have_pass() -> None:
    """B2."""
    validate.config(encoded(config(rootfs={"type": "layers", "diff_ids": [DIGEST] * 500})), layers=500)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"architecture": ""}, "architecture is missing"),
        ({"variant": 7}, "variant is not a string"),
        ({"os": 1}, "os is missing"),
        ({"rootfs": []}, "rootfs.diff_ids is not a list"),
        ({"rootfs": {"type": "disk", "diff_ids": [DIGEST]}}, "rootfs.type is 'disk'"),
        ({"rootfs": {"type": "layers", "diff_ids": ["x"]}}, r"rootfs.diff_ids\[0\]"),
        ({"rootfs": {"type": "layers", "diff_ids": []}}, "0 entries for 1 layers"),
        (
            {"rootfs": {"type": "layers", "diff_ids": [DIGEST] * 501}},
            "501 entries: a container can have 500 layers at most",
        ),
        ({"history": {}}, "history is not a list"),
        ({"history": [{"created_by": 1}]}, r"history\[0\].created_by is not a string"),
        ({"history": [{}, {}]}, "history speaks of 2 layers, rootfs.diff_ids has 1"),
        ({"history": [{"empty_layer": "yes"}]}, "empty_layer is not true or false"),
        ({"created": "yesterday"}, "no RFC 3339 time"),
        ({"config": "x"}, "config is not an object"),
        ({"config": {"Env": "A=1"}}, "config.Env is not a list"),
        ({"config": {"Cmd": [1]}}, "config.Cmd is not a list of strings"),
        ({"config": {"Labels": {"a": []}}}, "config.Labels is not a mapping"),
        ({"config": {"Volumes": []}}, None),
        ({"config": {"Volumes": ["/x"]}}, "config.Volumes is not an object"),
        ({"config": {"User": 0.5}}, "config.User is not a string"),
        ({"config": {"WorkingDir": "/a\0b"}}, "config.WorkingDir has a NUL"),
        ({"config": {"Env": ["A=\0"]}}, "config.Env has a NUL"),
    ],
)
def test_each_fault_of_a_config_is_named(change: dict[str, Any], told: str | None) -> None:
    """A9, B4: an empty-layer flag that lies, a number of layers that lies, NULs."""
    if told is None:
        validate.config(encoded(config(**change)), layers=1)
        return
    with pytest.raises(InvalidDocument, match=told):
        validate.config(encoded(config(**change)), layers=1)


def test_all_violations_are_told_at_once() -> None:
    with pytest.raises(InvalidDocument) as refused:
        validate.manifest(encoded({"schemaVersion": 1, "layers": [{}, 5]}))

    assert len(refused.value.violations) >= 5


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{", b"\xff\xfe", b'{"a":NaN}', b"{}x"])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    for read in (validate.manifest, validate.index, validate.config):
        with pytest.raises(InvalidDocument):
            read(data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["layers", "manifests", "config", "rootfs", "diff_ids", "history", "Env", "size", "digest"]
                ),
                inner,
            )
        ),
        max_leaves=20,
    )
)
def test_any_json_is_accepted_or_refused_and_nothing_else(value: Any) -> None:
    for read in (validate.manifest, validate.index, validate.config):
        try:
            read(encoded(value))
        except InvalidDocument:
            continue
