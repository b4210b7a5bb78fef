"""What every content store promises: containerd's content test suite, in izba's words."""

from __future__ import annotations

import os
import threading
import time

import pytest

from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest, DigestMismatch, InvalidDigest
from izba.store.content import BlobNotFound, BlobTooLarge, ContentStore
from izba.store.db import IntegrityError
from izba.store.store import Store
from tests.support.children import in_child
from tests.support.layers import load, tar

DATA = b"what a blob holds"
PROMISED = Descriptor(media_type="text/plain", digest=Digest.of(DATA), size=len(DATA))


def test_a_committed_blob_can_be_read_by_its_digest(content: ContentStore) -> None:
    with content.ingest("blob") as ingest:
        ingest.write(DATA[:5])
        ingest.write(DATA[5:])
        assert ingest.commit("text/plain") == PROMISED

    assert content.read(PROMISED.digest) == DATA
    assert list(content.walk()) == [PROMISED]


def test_a_blob_is_invisible_until_it_is_committed(content: ContentStore) -> None:
    with content.ingest("blob") as ingest:
        ingest.write(DATA)
        assert not content.has(PROMISED.digest)
        assert list(content.walk()) == []
        ingest.commit("text/plain")

    assert content.has(PROMISED.digest)


def test_an_uncommitted_blob_without_promise_vanishes(content: ContentStore) -> None:
    with content.ingest("blob") as ingest:
        ingest.write(DATA)

    assert content.ingests() == []


def test_an_empty_blob_is_a_blob(content: ContentStore) -> None:
    with content.ingest("empty") as ingest:
        found = ingest.commit("text/plain")

    assert content.read(found.digest) == b""


def test_commit_refuses_a_wrong_digest_and_leaves_no_blob(content: ContentStore) -> None:
    with pytest.raises(DigestMismatch), content.ingest("blob") as ingest:
        ingest.write(b"tampered")
        ingest.commit("text/plain", Digest.of(b"original"))

    assert list(content.walk()) == []
    assert content.ingests() == []


def test_commit_refuses_a_wrong_size(content: ContentStore) -> None:
    with pytest.raises(DigestMismatch, match="expected 3 bytes, got 17 bytes"), content.ingest("blob") as ingest:
        ingest.write(DATA)
        ingest.commit("text/plain", size=3)

    assert list(content.walk()) == []


def test_more_bytes_than_promised_are_refused_while_they_come(content: ContentStore) -> None:
    """A9: a size that lies. The flood ends at the first byte too many, not when the disk is full."""
    with pytest.raises(DigestMismatch), content.ingest("blob", expected=PROMISED) as ingest:
        ingest.write(DATA)
        ingest.write(b"!")

    assert content.ingests() == []


def test_fewer_bytes_than_promised_are_refused(content: ContentStore) -> None:
    with pytest.raises(DigestMismatch), content.ingest("blob", expected=PROMISED) as ingest:
        ingest.write(DATA[:-1])
        ingest.commit("text/plain")

    assert not content.has(PROMISED.digest)


def test_a_broken_ingest_goes_on_where_it_ended(content: ContentStore) -> None:
    with pytest.raises(ConnectionError), content.ingest("blob", expected=PROMISED) as ingest:
        ingest.write(DATA[:6])
        raise ConnectionError

    with content.ingest("blob", expected=PROMISED) as ingest:
        assert ingest.offset == 6
        ingest.write(DATA[6:])
        ingest.commit("text/plain")

    assert content.read(PROMISED.digest) == DATA


def test_a_resumed_ingest_with_wrong_bytes_begins_anew(content: ContentStore) -> None:
    with pytest.raises(ConnectionError), content.ingest("blob", expected=PROMISED) as ingest:
        ingest.write(b"xxxxxx")
        raise ConnectionError
    with pytest.raises(DigestMismatch), content.ingest("blob", expected=PROMISED) as ingest:
        ingest.write(DATA[6:])
        ingest.commit("text/plain")

    with content.ingest("blob", expected=PROMISED) as ingest:
        assert ingest.offset == 0


def test_an_ingest_can_be_discarded_and_begun_again(content: ContentStore) -> None:
    with content.ingest("blob") as ingest:
        ingest.write(b"a server that does not know ranges begins at the front")
        ingest.discard()
        ingest.write(DATA)
        assert ingest.commit("text/plain") == PROMISED


def test_the_same_blob_twice_is_one(content: ContentStore) -> None:
    for ref in ("one", "two"):
        with content.ingest(ref) as ingest:
            ingest.write(DATA)
            ingest.commit("text/plain")

    assert len(content.files()) == 1
    assert content.ingests() == []


def test_put_stores_a_small_blob_once(content: ContentStore) -> None:
    first = content.put(DATA, "text/plain")
    before = os.stat(content.path(first.digest)).st_mtime_ns

    assert content.put(DATA, "text/plain") == first == PROMISED
    assert os.stat(content.path(first.digest)).st_mtime_ns == before


def test_small_blobs_are_stored_together(content: ContentStore) -> None:
    known = content.put(b"known", "text/plain")

    content.put_together((DATA, "text/plain"), (b"known", "text/plain"), (b"other", "text/other"), (DATA, "text/plain"))

    other = Descriptor(media_type="text/other", digest=Digest.of(b"other"), size=5)
    assert sorted(content.walk(), key=str) == sorted([PROMISED, known, other], key=str)
    assert (content.read(PROMISED.digest), content.read(other.digest)) == (DATA, b"other")
    assert content.ingests() == []
    content.put_together((b"other", "text/other"), (DATA, "text/plain"))  # all there: nothing happens
    assert len(content.files()) == 3


def test_two_who_store_the_same_blobs_in_opposite_order_do_not_wait_for_each_other(content: ContentStore) -> None:
    parts = [(str(number).encode(), "text/plain") for number in range(4)]
    both = [threading.Thread(target=content.put_together, args=order) for order in (parts, parts[::-1]) for _ in "ab"]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(timeout=60)
        assert not thread.is_alive()

    assert [content.read(Digest.of(data)) for data, _ in parts] == [data for data, _ in parts]
    assert (len(content.files()), content.ingests()) == (4, [])


def test_of_blobs_stored_together_none_is_there_before_all_are(content: ContentStore) -> None:
    class Torn(Exception):
        pass

    def die() -> None:
        raise Torn

    with pytest.raises(Torn), content._db.transaction():
        content.put_together((DATA, "text/plain"), (b"other", "text/plain"))
        die()

    assert list(content.walk()) == []
    content.put_together((DATA, "text/plain"), (b"other", "text/plain"))  # over the files that the crash left
    assert content.read(PROMISED.digest) == DATA


def test_a_second_writer_of_a_ref_waits_for_the_first(content: ContentStore) -> None:
    order = []

    def second() -> None:
        with content.ingest("blob", expected=PROMISED) as ingest:
            order.append("second")
            if not content.has(PROMISED.digest):
                ingest.write(DATA)

    with content.ingest("blob", expected=PROMISED) as ingest:
        thread = threading.Thread(target=second)
        thread.start()
        ingest.write(DATA)
        time.sleep(0.1)
        order.append("first")
        ingest.commit("text/plain")
    thread.join()

    assert order == ["first", "second"]


def test_a_writer_that_was_killed_holds_no_lock(content: ContentStore) -> None:
    def die() -> None:
        content.ingest("blob", expected=PROMISED).__enter__().write(DATA[:4])
        os._exit(0)

    in_child(die)

    with content.ingest("blob", expected=PROMISED) as ingest:
        assert ingest.offset == 4


def test_what_is_not_there_is_not_found(content: ContentStore) -> None:
    for ask in (content.read, content.open, content.stat, content.delete):
        with pytest.raises(BlobNotFound):
            ask(PROMISED.digest)
    assert not content.has(PROMISED.digest)


def test_a_deleted_blob_is_gone_and_its_reader_reads_on(content: ContentStore) -> None:
    content.put(DATA, "text/plain")

    with content.open(PROMISED.digest) as file:
        content.delete(PROMISED.digest)
        assert file.read() == DATA
    assert not content.has(PROMISED.digest)
    assert content.files() == []


def test_a_blob_that_an_image_needs_cannot_be_deleted(store: Store) -> None:
    image = load(store, [tar({"a": b"1"})], "app")

    for digest in (image.descriptor.digest, image.id):
        with pytest.raises(IntegrityError):
            store.content.delete(digest)


def test_a_document_that_rotted_is_not_given_out(content: ContentStore) -> None:
    """A9: bytes are verified again whenever they are taken as a document."""
    content.put(DATA, "text/plain")
    with open(content.path(PROMISED.digest), "r+b") as file:
        file.write(b"W")

    with pytest.raises(DigestMismatch):
        content.read(PROMISED.digest)


def test_a_document_of_100_mb_is_refused_before_it_is_read(content: ContentStore) -> None:
    """B2: a manifest that would fill the memory."""
    with content.ingest("huge") as ingest:
        for _ in range(100):
            ingest.write(bytes(1 << 20))
        found = ingest.commit("application/vnd.oci.image.manifest.v1+json")

    with pytest.raises(BlobTooLarge):
        content.read(found.digest)


@pytest.mark.parametrize("digest", ["sha256:../../../etc/passwd", "sha256:" + "A" * 64, "../x", "sha512:" + "0" * 128])
def test_a_digest_is_never_a_path(content: ContentStore, digest: str) -> None:
    """B5: names from archives that lead out of the store."""
    with pytest.raises(InvalidDigest):
        content.path(digest)  # type: ignore[arg-type]


def test_a_ref_is_never_a_path(content: ContentStore, tmp_path: os.PathLike[str]) -> None:
    """B5: an ingest's name comes from elsewhere too."""
    with content.ingest("../../../../escaped") as ingest:
        ingest.write(DATA)
        assert all(path.startswith(f"{tmp_path}/data/content/ingest/") for path in content.ingests())
