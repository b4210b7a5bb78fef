"""A mirror on loopback with an archive of the tests' own, and a host whose configuration names it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from izba.bootstrap.fetch.cache import Cache
from izba.bootstrap.fetch.download import Downloader
from izba.bootstrap.host.transport import Routes
from izba.bootstrap.progress import silent
from tests.bootstrap.debs import SUITE, Key, LocalArchive


class Mirror:
    """Serves a directory; a test may put its own answer in the place of a file."""

    def __init__(self, root: Path, server: ThreadingHTTPServer) -> None:
        self.root = root
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        self.requests: list[tuple[str, str | None]] = []
        self.answers: dict[str, Callable[[SimpleHTTPRequestHandler], None]] = {}

    def asked(self, part: str) -> list[str | None]:
        """The Range headers of the requests whose path holds `part`."""
        return [ranged for path, ranged in self.requests if part in path]


class _Handler(SimpleHTTPRequestHandler):
    mirror: Mirror

    def do_GET(self) -> None:
        mirror = self.mirror
        mirror.requests.append((self.path, self.headers.get("Range")))
        answer = next((answer for part, answer in mirror.answers.items() if part in self.path), None)
        if answer is not None:
            answer(self)
        elif ranged := self.headers.get("Range"):
            self._send_rest(int(ranged.removeprefix("bytes=").rstrip("-")))
        else:
            super().do_GET()

    def _send_rest(self, start: int) -> None:
        data = Path(self.translate_path(self.path)).read_bytes()
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:])

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is what some tests are about."""


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    root = tmp_path / "mirror"
    root.mkdir()
    handler = type("Handler", (_Handler,), {})
    server = _Server(("127.0.0.1", 0), partial(handler, directory=str(root)))
    handler.mirror = Mirror(root, server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield handler.mirror
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def key() -> Key:
    return Key()


@pytest.fixture
def archive(mirror: Mirror, key: Key) -> LocalArchive:
    return LocalArchive(mirror.root, key)


@pytest.fixture
def host_root(tmp_path: Path, mirror: Mirror, key: Key) -> str:
    """A host that installs from the mirror and trusts its key."""
    root = tmp_path / "host"
    key.save(root / "usr/share/keyrings/tests.gpg")
    sources = root / "etc/apt/sources.list.d/tests.sources"
    sources.parent.mkdir(parents=True)
    sources.write_text(
        f"Types: deb\nURIs: {mirror.url}\nSuites: {SUITE}\nComponents: main\nSigned-By: /usr/share/keyrings/tests.gpg\n"
    )
    return str(root)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "cache"))


@pytest.fixture
def downloader(cache: Cache) -> Downloader:
    return Downloader(cache, Routes({}), silent)
