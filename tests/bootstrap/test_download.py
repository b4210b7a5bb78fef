"""Downloads end in the cache verified, or not at all."""

from __future__ import annotations

import hashlib
import threading
import time
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from izba.bootstrap.errors import BadConfiguration, Corrupt, Unreachable
from izba.bootstrap.fetch.cache import Cache, Promise
from izba.bootstrap.fetch.download import Download, Downloader
from izba.bootstrap.host.aptauth import Login
from izba.bootstrap.host.transport import Routes
from izba.bootstrap.progress import Step, silent
from tests.bootstrap.conftest import Mirror

DATA = bytes(range(256)) * 4096


def promise(data: bytes = DATA, what: str = "file") -> Promise:
    return Promise(what=what, algorithm="sha256", hex=hashlib.sha256(data).hexdigest(), size=len(data))


def download(mirror: Mirror, name: str = "file", data: bytes = DATA) -> Download:
    return Download(urls=(f"{mirror.url}/{name}",), promise=promise(data, name))


def everything_in(cache: Cache) -> list[str]:
    return [path.name for path in Path(cache.directory).rglob("*") if path.is_file()]


def test_a_file_is_brought_once_and_then_found(mirror: Mirror, downloader: Downloader) -> None:
    (mirror.root / "file").write_bytes(DATA)

    (path,) = downloader.files([download(mirror)], text="t")
    again = downloader.files([download(mirror)], text="t")

    assert Path(path).read_bytes() == DATA
    assert again == [path]
    assert len(mirror.requests) == 1


def test_a_wrong_hash_is_an_error_and_leaves_nothing(mirror: Mirror, downloader: Downloader, cache: Cache) -> None:
    (mirror.root / "file").write_bytes(DATA[:-1] + b"!")

    with pytest.raises(Corrupt, match="file: its sha256 is") as caught:
        downloader.files([download(mirror)], text="t")

    assert caught.value.hint is not None
    assert everything_in(cache) == []


@pytest.mark.parametrize(("data", "said"), [(DATA + b"more", "longer than"), (DATA[:-10], "bytes instead of")])
def test_a_wrong_size_is_an_error_and_leaves_nothing(
    mirror: Mirror, downloader: Downloader, cache: Cache, data: bytes, said: str
) -> None:
    (mirror.root / "file").write_bytes(data)

    with pytest.raises(Corrupt, match=said):
        downloader.files([download(mirror)], text="t")

    assert everything_in(cache) == []


def test_an_endless_answer_is_cut_off_at_the_promised_size(mirror: Mirror, downloader: Downloader) -> None:
    sent = 0

    def endless(handler: SimpleHTTPRequestHandler) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.end_headers()
        try:
            while sent < 1 << 30:
                sent += handler.wfile.write(bytes(1 << 16))
        except OSError:
            pass

    mirror.answers["file"] = endless
    with pytest.raises(Corrupt, match="longer than"):
        downloader.files([download(mirror)], text="t")

    assert sent < 1 << 26


def test_a_transfer_that_breaks_off_goes_on_where_it_was(mirror: Mirror, downloader: Downloader) -> None:
    (mirror.root / "file").write_bytes(DATA)

    def half(handler: SimpleHTTPRequestHandler) -> None:
        del mirror.answers["file"]
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(DATA)))
        handler.end_headers()
        handler.wfile.write(DATA[: len(DATA) // 2])
        handler.close_connection = True

    mirror.answers["file"] = half
    (path,) = downloader.files([download(mirror)], text="t")

    assert Path(path).read_bytes() == DATA
    assert mirror.asked("file") == [None, f"bytes={len(DATA) // 2}-"]


def test_another_process_goes_on_where_a_dead_one_was(mirror: Mirror, downloader: Downloader, cache: Cache) -> None:
    (mirror.root / "file").write_bytes(DATA)
    with cache.part(promise()) as part:
        part.write(DATA[:1000])

    downloader.files([download(mirror)], text="t")

    assert mirror.asked("file") == ["bytes=1000-"]


def test_a_damaged_beginning_is_thrown_away_and_all_is_brought_again(
    mirror: Mirror, downloader: Downloader, cache: Cache
) -> None:
    (mirror.root / "file").write_bytes(DATA)
    with cache.part(promise()) as part:
        part.write(b"damaged by a crash")

    (path,) = downloader.files([download(mirror)], text="t")

    assert Path(path).read_bytes() == DATA
    assert mirror.asked("file") == ["bytes=18-", None]


def test_a_server_without_ranges_begins_anew(mirror: Mirror, downloader: Downloader, cache: Cache) -> None:
    with cache.part(promise()) as part:
        part.write(DATA[:1000])

    def whole(handler: SimpleHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(DATA)))
        handler.end_headers()
        handler.wfile.write(DATA)

    mirror.answers["file"] = whole
    (path,) = downloader.files([download(mirror)], text="t")

    assert Path(path).read_bytes() == DATA


def test_a_cached_file_that_has_rotted_is_brought_again(mirror: Mirror, downloader: Downloader) -> None:
    (mirror.root / "file").write_bytes(DATA)
    (path,) = downloader.files([download(mirror)], text="t")
    Path(path).write_bytes(b"rot")

    downloader.files([download(mirror)], text="t")

    assert Path(path).read_bytes() == DATA
    assert len(mirror.requests) == 2


def test_only_not_found_leads_to_the_next_place(mirror: Mirror, downloader: Downloader) -> None:
    (mirror.root / "plain").write_bytes(DATA)
    both = Download(urls=(f"{mirror.url}/by-hash", f"{mirror.url}/plain"), promise=promise())
    downloader.files([both], text="t")

    def forbidden(handler: SimpleHTTPRequestHandler) -> None:
        handler.send_error(403)

    mirror.answers["by-hash"] = forbidden
    other = Download(urls=both.urls, promise=promise(b"other"))
    with pytest.raises(Unreachable, match="HTTP 403") as caught:
        downloader.files([other], text="t")
    assert caught.value.status == 403


def test_one_failure_ends_the_other_downloads(mirror: Mirror, cache: Cache) -> None:
    release = threading.Event()
    started = threading.Event()

    def slow(handler: SimpleHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(DATA)))
        handler.end_headers()
        started.set()
        for position in range(0, len(DATA), 4096):  # for a minute
            handler.wfile.write(DATA[position : position + 4096])
            handler.wfile.flush()
            release.wait(0.2)

    def missing(handler: SimpleHTTPRequestHandler) -> None:
        started.wait(60)
        handler.send_error(404)

    mirror.answers |= {"slow": slow, "missing": missing}
    begin = time.monotonic()
    with pytest.raises(Unreachable, match="404"):
        Downloader(cache, Routes({}), silent).files(
            [download(mirror, "slow"), download(mirror, "missing", b"missing")], text="t"
        )
    release.set()

    assert time.monotonic() - begin < 3
    assert [name for name in everything_in(cache) if not name.endswith(".part")] == []


def test_two_processes_bring_a_file_once(mirror: Mirror, cache: Cache) -> None:
    (mirror.root / "file").write_bytes(DATA)

    def bring() -> None:
        Downloader(cache, Routes({}), silent).files([download(mirror)], text="t")

    threads = [threading.Thread(target=bring) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(mirror.requests) == 1
    assert everything_in(cache) == [promise().hex]


def test_a_mirror_that_is_not_there_is_named(downloader: Downloader) -> None:
    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:9/InRelease: .*refused") as caught:
        downloader.text("http://127.0.0.1:9/InRelease")

    assert caught.value.hint is not None
    assert "proxy" in caught.value.hint


def test_an_index_that_breaks_off_is_unreachable(mirror: Mirror, downloader: Downloader) -> None:
    def half(handler: SimpleHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"half")
        handler.close_connection = True

    mirror.answers["InRelease"] = half
    with pytest.raises(Unreachable, match="InRelease"):
        downloader.text(f"{mirror.url}/InRelease")


def test_a_login_goes_to_the_urls_it_is_for_and_not_where_they_lead(mirror: Mirror, downloader: Downloader) -> None:
    seen: list[tuple[str, str | None]] = []

    def answer(handler: SimpleHTTPRequestHandler) -> None:
        seen.append((handler.path, handler.headers.get("Authorization")))
        if handler.path == "/inside/away":
            handler.send_response(302)
            handler.send_header("Location", mirror.url.replace("127.0.0.1", "localhost") + "/outside")
        else:
            handler.send_response(200)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    mirror.answers["side"] = answer
    downloader.log_in(Login(prefix=f"{mirror.url}/inside", user="me", password="secret"))
    for name in ("inside/file", "outside", "inside/away"):
        downloader.text(f"{mirror.url}/{name}")

    basic = "Basic bWU6c2VjcmV0"
    assert seen == [("/inside/file", basic), ("/outside", None), ("/inside/away", basic), ("/outside", None)]


def test_local_files_are_mirrors_too(tmp_path: Path, downloader: Downloader) -> None:
    (tmp_path / "a file").write_bytes(DATA)
    url = f"file://{tmp_path}/a%20file"

    (path,) = downloader.files([Download(urls=(url,), promise=promise())], text="t")

    assert Path(path).read_bytes() == DATA
    with pytest.raises(Unreachable, match="no such file"):
        downloader.text(f"file://{tmp_path}/missing")


def test_other_ways_to_download_are_refused(downloader: Downloader) -> None:
    with pytest.raises(BadConfiguration, match="not by ftp"):
        downloader.text("ftp://host/x")


def test_progress_counts_all_files_together(mirror: Mirror, cache: Cache) -> None:
    (mirror.root / "a").write_bytes(DATA)
    (mirror.root / "b").write_bytes(DATA[::-1])
    steps: list[Step] = []

    Downloader(cache, Routes({}), steps.append).files(
        [download(mirror, "a"), download(mirror, "b", DATA[::-1])], text="Downloading 2 packages"
    )

    assert steps[-1] == Step(text="Downloading 2 packages", done=2 * len(DATA), total=2 * len(DATA))
