"""Pulls and pushes that are killed at any byte: the next process goes on, and the stores are whole."""

from __future__ import annotations

import gzip
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from izba.image.push import push
from izba.oci import mediatype
from izba.oci.reference import Reference
from izba.paths import roots
from izba.store.store import Store
from tests.registry import servers
from tests.registry.fakes import Fake
from tests.registry.servers import Request, Server, scripted
from tests.registry.test_transfer import build, client, compressed, pull, tree

pytestmark = pytest.mark.root

SOURCE = Path(__file__).parents[2] / "src"


def start(root: Path, *words: str) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "izba", "--root", str(root), *words]
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    return subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def store_of(root: Path) -> Store:
    return Store.open(roots({}, os.geteuid(), root=str(root)))


class Stalling(Fake):
    """Sends so many bytes of a layer in all, and then nothing more."""

    def __init__(self) -> None:
        super().__init__()
        self.allowance = 0
        self.sent: list[int] = []

    def send_blob(self, request: Request, data: bytes) -> None:
        if len(data) < 100_000:
            super().send_blob(request, data)
            return
        wanted = request.headers.get("Range", "")
        start = int(wanted.removeprefix("bytes=").partition("-")[0] or 0)
        self.sent.append(start)
        request.send_response(206 if wanted else 200)
        request.send_header("Content-Length", str(len(data) - start))
        if wanted:
            request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        request.end_headers()
        stop = max(start, min(self.allowance, len(data)))
        request.wfile.write(data[start:stop])
        request.wfile.flush()
        request.close_connection = True
        if stop < len(data):
            request.connection.settimeout(120)
            try:
                request.connection.recv(1)  # until the client is dead
            except OSError:
                return


@pytest.fixture
def stalling() -> Iterator[tuple[Stalling, Server]]:
    fake = Stalling()
    with scripted(fake) as server:
        yield fake, server


def kill_when(process: subprocess.Popen[bytes], root: Path, size: int, number: int) -> None:
    """Once the process has written `size` bytes of a layer."""
    deadline = time.monotonic() + 60
    while _largest(root / "content" / "ingest") < size:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    process.communicate(timeout=60)


def _largest(directory: Path) -> int:
    try:
        return max((entry.stat().st_size for entry in os.scandir(directory)), default=-1)
    except FileNotFoundError:
        return -1


@pytest.mark.parametrize("is_ours", [False, True], ids=["by another engine", "as izba compresses"])
def test_a_pull_killed_at_many_offsets_goes_on_in_the_next_process(
    stalling: tuple[Stalling, Server], tmp_path: Path, is_ours: bool
) -> None:
    """What izba would write again is not meant for the store, but kept until it is unpacked all the same."""
    fake, server = stalling
    image = fake.image({"big": random.Random(1).randbytes(3_000_000)})
    if is_ours:
        tar = gzip.decompress(fake.blobs.pop(image["layers"][0]["digest"]))
        image["layers"] = [fake.blob(compressed(tar), mediatype.OCI_LAYER_GZIP)]
    fake.manifest(image)
    size = max(map(len, fake.blobs.values()))
    name = f"{server.host}/a/b:1"

    chosen = (random.randrange(2, size - 1) for _ in range(2))
    for allowance in sorted((1, 1_048_577, *chosen, size - 1)):
        fake.allowance = allowance
        kill_when(start(tmp_path / "izba", "pull", name), tmp_path / "izba", allowance, signal.SIGKILL)
        with store_of(tmp_path / "izba") as store:
            assert store.images.all() == []
            assert {problem.kind for problem in store.check(verify=True)} <= {"lease-dead"}

    fake.allowance = size
    last = start(tmp_path / "izba", "pull", name)
    assert last.communicate(timeout=60)[1] == b""
    assert last.returncode == 0
    assert fake.sent == sorted(fake.sent)
    assert fake.sent[-1] > size / 2, "the last process fetched again what others had"
    with store_of(tmp_path / "izba") as store:
        store.collect()
        assert store.check(verify=True) == []
        assert len(store.images.all()) == 1


def test_a_pull_that_is_interrupted_ends_at_once_and_keeps_what_came(
    stalling: tuple[Stalling, Server], tmp_path: Path
) -> None:
    """It would wait for a minute otherwise, as the registry sends nothing more."""
    fake, server = stalling
    fake.manifest(fake.image({"big": random.Random(2).randbytes(2_000_000)}))
    fake.allowance = 1_500_000
    name = f"{server.host}/a/b:1"

    process = start(tmp_path / "izba", "pull", name)
    kill_when(process, tmp_path / "izba", fake.allowance, signal.SIGINT)

    assert process.returncode == 130
    with store_of(tmp_path / "izba") as store:
        assert store.check(verify=True) == []
        assert store.images.all() == []
        assert list(store.snapshots.walk()) == []
        assert os.stat(store.content.ingests()[0]).st_size > 1_000_000


@pytest.mark.peer("docker-registry")
def test_a_pull_killed_while_it_unpacks_and_commits_leaves_a_whole_store(tmp_path: Path) -> None:
    """At moments from the first request to the last, whatever is done then."""
    with servers.debian_registry(tmp_path) as host:
        name = Reference.parse(f"{host}/team/app:1")
        with store_of(tmp_path / "here") as here:
            image = build(here, name, *({f"{n}/{m}": os.urandom(2000) for m in range(150)} for n in range(6)))
            push(here, image, name, client(name))
        root = tmp_path / "there"
        for delay in (0.15, 0.25, 0.3, 0.35, 0.4, 0.5):
            process = start(root, "pull", str(name))
            time.sleep(delay)
            process.kill()
            process.communicate()
            with store_of(root) as store:
                problems = {problem.kind for problem in store.check(verify=True)}
                assert problems <= {"lease-dead", "blob-orphaned", "snapshot-orphaned"}
                for row in store.images.all():
                    assert store.snapshots.has(row.chain_id)  # type: ignore[arg-type]
        with store_of(root) as store, store_of(tmp_path / "here") as here:
            pulled = pull(store, name, client(name))
            assert tree(store, pulled) == tree(here, image)
            store.collect()
            assert store.check(verify=True) == []


@pytest.mark.peer("docker-registry")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_push_that_is_killed_shows_nothing_and_the_next_one_is_whole(tmp_path: Path, number: signal.Signals) -> None:
    with servers.debian_registry(tmp_path) as host:
        name = Reference.parse(f"{host}/team/app:1")
        root = tmp_path / "here"
        with store_of(root) as here:
            image = build(here, name, *({f"{n}": os.urandom(3_000_000)} for n in range(4)))
        for delay in (0.2, 0.3, 0.4):
            process = start(root, "push", str(name))
            time.sleep(delay)
            process.send_signal(number)
            process.communicate(timeout=60)
            # The manifest goes last: what is shown is whole.
            if client(name).exists("1") is not None:
                with store_of(tmp_path / f"seen-{delay}") as seen:
                    assert pull(seen, name, client(name)).id == image.id
            with store_of(root) as here:
                here.collect()
                assert here.check(verify=True) == []

        done = start(root, "push", str(name))
        assert done.communicate(timeout=60)[1] == b""
        with store_of(tmp_path / "there") as there, store_of(root) as here:
            assert tree(there, pull(there, name, client(name))) == tree(here, image)
