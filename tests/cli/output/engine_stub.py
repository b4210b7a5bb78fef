"""A Docker Engine API that answers what it is told to: the real docker CLI shows our documents with `--format`."""

from __future__ import annotations

import http.server
import json
import os
import re
import socketserver
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


class Docker:
    """The docker CLI, talking to the stub."""

    def __init__(self, socket: Path) -> None:
        self._environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "DOCKER_HOST": f"unix://{socket}"}

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["docker", *arguments], env=self._environment, capture_output=True, text=True, timeout=60, check=False
        )


@contextmanager
def docker_of(directory: Path, documents: Mapping[str, object]) -> Iterator[Docker]:
    """A docker CLI whose engine has these documents, by path."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = re.sub(r"^/v1\.\d+", "", self.path).partition("?")[0]
            self._answer(documents.get(path, {"message": "not here"}), 200 if path in documents else 404)

        def do_HEAD(self) -> None:
            self._answer("OK", 200)

        def _answer(self, document: object, status: int) -> None:
            body = b"OK" if self.path.endswith("/_ping") else json.dumps(document).encode()
            self.send_response(200 if self.path.endswith("/_ping") else status)
            self.send_header("Api-Version", "1.41")
            self.send_header("Ostype", "linux")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

        def address_string(self) -> str:
            return "unix"

    class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        daemon_threads = True

    socket = directory / "engine.sock"
    with Server(str(socket), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield Docker(socket)
        finally:
            server.shutdown()
            thread.join()
