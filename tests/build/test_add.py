"""ADD: archives that are unpacked, URLs that are fetched, and all that COPY does."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import zstandard

from izba.build.dockerfile.source import DockerfileError
from izba.engine.builds import StepFailed
from tests.build.builder import Builder

pytestmark = pytest.mark.root


def _tar(**entries: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in entries.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.uid, entry.gid, entry.mode = 5, 6, 0o640
            tar.addfile(entry, io.BytesIO(content.encode()))
    return buffer.getvalue()


_PACKED = {
    "tar": _tar(f="packed"),
    "tar.gz": gzip.compress(_tar(f="packed"), mtime=0),
    "tgz": gzip.compress(_tar(f="packed"), mtime=0),
    "tar.bz2": bz2.compress(_tar(f="packed")),
    "tar.xz": lzma.compress(_tar(f="packed")),
    "tar.zst": zstandard.ZstdCompressor().compress(_tar(f="packed")),
    "no-name-tells": gzip.compress(_tar(f="packed"), mtime=0),
}


@pytest.mark.parametrize("name", list(_PACKED))
def test_an_archive_is_unpacked_by_its_content(build: Builder, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A7: no decompressor is looked up on PATH."""
    monkeypatch.setenv("PATH", "/nonexistent")

    done = build(f"FROM busybox\nADD {name} /opt/x/\n", {name: _PACKED[name]})

    assert done.read("opt/x/f") == "packed"
    assert done.owner("opt/x/f") == (5, 6)
    assert done.mode("opt/x/f") == 0o640


@pytest.mark.parametrize(
    "content", [b"", b"plain text", gzip.compress(b"no tar", mtime=0), b"\x1f\x8bdamaged", b"PK\x03\x04zip"]
)
def test_what_is_no_archive_is_copied(build: Builder, content: bytes) -> None:
    done = build("FROM busybox\nADD file.tar.gz /x/\n", {"file.tar.gz": content})
    assert done.path("x/file.tar.gz").read_bytes() == content


def test_unpacking_can_be_turned_off_and_owners_can_be_given(build: Builder) -> None:
    files = {"a.tar": _tar(f="packed")}

    kept = build("FROM busybox\nADD --unpack=false a.tar /x/\n", files)
    owned = build("FROM busybox\nADD --chown=7:8 a.tar /x\n", files)

    assert kept.exists("x/a.tar")
    assert owned.owner("x/f") == (7, 8)


def test_copy_does_not_unpack(build: Builder) -> None:
    assert build("FROM busybox\nCOPY a.tar /x/\n", {"a.tar": _tar(f="packed")}).exists("x/a.tar")


def test_add_does_what_copy_does(build: Builder) -> None:
    done = build(
        "FROM busybox\nADD --chmod=600 --exclude=*.md d *.txt /x/\nADD --link d /y\nADD <<EOF /z\nhere\nEOF\n",
        {"d/a": "", "d/b.md": "", "e.txt": ""},
    )

    assert done.mode("x/e.txt") == 0o600
    assert not done.exists("x/b.md")
    assert done.exists("y/a")
    assert done.read("z") == "here\n"


def test_a_git_source_says_what_to_do(build: Builder) -> None:
    with pytest.raises(DockerfileError, match="git repositories are not fetched") as caught:
        build("FROM busybox\nADD https://example.com/x.git#main /src\n")
    assert "clone it" in (caught.value.hint or "")


# -- URLs


class _Handler(BaseHTTPRequestHandler):
    body = b"from the net"
    requests: list[str] = []

    def do_GET(self) -> None:
        self.requests.append(self.path)
        if self.path.startswith("/redirect?"):
            self.send_response(302)
            self.send_header("Location", self.path.partition("?")[2])
            self.end_headers()
        elif self.path.startswith("/missing"):
            self.send_error(404)
        elif self.headers.get("If-None-Match") == hashlib.md5(self.body).hexdigest():
            self.send_response(304)
            self.end_headers()
        else:
            self.send_response(200)
            self.send_header("ETag", hashlib.md5(self.body).hexdigest())
            self.send_header("Last-Modified", "Thu, 01 Jan 2015 00:00:00 GMT")
            self.send_header("Content-Disposition", 'attachment; filename="../../evil"')
            self.send_header("Content-Length", str(len(self.body)))
            self.end_headers()
            self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    _Handler.requests = []
    _Handler.body = b"from the net"
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_url_becomes_a_file_named_by_the_url(fresh: Builder, server: str) -> None:
    """D10: neither the server's name for it nor its time counts."""
    done = fresh(f"FROM busybox\nADD {server}/dir/name.txt?token=secret /x/\nADD {server}/dir/other /named\n")

    assert done.read("x/name.txt") == "from the net"
    assert done.mode("x/name.txt") == 0o600
    assert done.owner("x/name.txt") == (0, 0)
    assert done.read("named") == "from the net"
    assert done.path("named").lstat().st_mtime == 1_700_000_000
    assert not done.exists("evil")


def test_a_url_is_asked_again_but_fetched_only_if_it_changed(fresh: Builder, server: str) -> None:
    text = f"FROM busybox\nADD {server}/f /f\n"
    fresh(text)

    assert fresh(text).executed == []
    assert len(_Handler.requests) == 2
    _Handler.body = b"changed"
    assert fresh(text).read("f") == "changed"


def test_with_a_checksum_a_url_is_not_even_asked(fresh: Builder, server: str) -> None:
    digest = hashlib.sha256(_Handler.body).hexdigest()
    text = f"FROM busybox\nADD --checksum=sha256:{digest} {server}/f /f\n"
    fresh(text)

    assert fresh(text).executed == []
    assert _Handler.requests == ["/f"]


def test_a_wrong_checksum_leaves_nothing(fresh: Builder, server: str) -> None:
    with pytest.raises(StepFailed, match="digest mismatch"):
        fresh(f"FROM busybox\nADD --checksum=sha256:{'0' * 64} {server}/f /f\n")

    assert os.listdir(f"{fresh.engine.roots.data}/build/downloads") == []


def test_a_file_that_was_fetched_before_is_held_to_the_checksum_too(fresh: Builder, server: str) -> None:
    """D10: that the server has nothing newer says nothing of what was promised."""
    fresh(f"FROM busybox\nADD {server}/f /f\n")

    with pytest.raises(StepFailed, match="digest mismatch"):
        fresh(f"FROM busybox\nADD --checksum=sha256:{'0' * 64} {server}/f /f\n")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/missing", "the server answers 404"),
        ("/redirect?file:///etc/passwd", "neither http nor https"),
        ("/redirect?ftp://127.0.0.1/x", "neither http nor https"),
        ("/redirect?/redirect?/redirect?", "redirects more than"),
    ],
)
def test_where_a_url_may_not_lead(fresh: Builder, server: str, path: str, message: str) -> None:
    """D10"""
    if path.endswith("redirect?"):
        path = "/redirect?" * 12 + "/f"
    with pytest.raises(StepFailed, match=message):
        fresh(f"FROM busybox\nADD {server}{path} /f\n")


@pytest.mark.parametrize("address", ["169.254.169.254", "127.0.0.1", "[::1]", "localhost", "0.0.0.0"])
def test_a_server_elsewhere_may_not_lead_to_this_machine(address: str) -> None:
    """D10"""
    from izba.build import download

    assert download._is_inward(f"http://{address}:80/latest/meta-data")
    assert not download._is_inward("https://example.com/localhost")


def test_an_endless_answer_is_cut(fresh: Builder, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """D10"""
    from izba.build import download

    monkeypatch.setattr(download, "LIMIT", 5)
    with pytest.raises(StepFailed, match="larger than"):
        fresh(f"FROM busybox\nADD {server}/f /f\n")


def test_a_password_in_a_url_is_not_told(fresh: Builder, server: str) -> None:
    with pytest.raises(StepFailed) as caught:
        fresh(f"FROM busybox\nADD {server.replace('//', '//user:hunter2@')}/missing?key=hunter2 /f\n")
    assert "hunter2" not in caught.value.message


def test_redirects_are_followed(fresh: Builder, server: str) -> None:
    assert fresh(f"FROM busybox\nADD {server}/redirect?/f /f\n").read("f") == "from the net"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ADD --checksum=sha256:00 http://127.0.0.1:1/f /f", "invalid digest"),
        (f"ADD --checksum=sha256:{'0' * 64} local /f", "checksum requires HTTP"),
        (f"ADD --checksum=sha256:{'0' * 64} http://127.0.0.1:1/f http://127.0.0.1:1/g /f/", "multiple sources"),
    ],
)
def test_wrong_checksums_point_at_the_flag(build: Builder, line: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DockerfileError, match=message):
        build(f"FROM busybox\n{line}\n", {"local": ""})
