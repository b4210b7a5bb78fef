"""Pulls and pushes that are killed at any byte: the next process goes on, and the stores are whole.

As root and as both kinds of ordinary user; what is in a store is told by a process of its owner.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from izba.image.push import push
from izba.oci import mediatype
from izba.oci.reference import Reference
from izba.paths import roots
from izba.store.store import Store
from tests.containers.conftest import Izba
from tests.registry import servers
from tests.registry.fakes import Fake
from tests.registry.servers import Request, Server, scripted
from tests.registry.test_transfer import build, client, compressed, pull, tree

pytestmark = pytest.mark.root

_LOOK = """
import hashlib, json, pathlib, sys
from izba.engine.engine import Engine

def tree(lowers):
    found = {}
    for lower in reversed(lowers):
        for path in pathlib.Path(lower).rglob("*"):
            if path.is_file():
                found[str(path.relative_to(lower))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found

with Engine.open(sys.argv[1]) as engine:
    engine.enter_user_namespace()
    store = engine.store
    if "collect" in sys.argv:
        store.collect()
    chains = [row.chain_id for row in store.images.all()]
    print(json.dumps({
        "problems": sorted({problem.kind for problem in store.check(verify=True)}),
        "snapshots": len(list(store.snapshots.walk())),
        "images": [tree(store.snapshots.lowers(chain)) if store.snapshots.has(chain) else None for chain in chains],
    }))
"""


@dataclass(frozen=True)
class Seen:
    """What a store holds: problems by kind, and of each image its files with their hashes, or None: no snapshot."""

    problems: list[str]
    snapshots: int
    images: list[dict[str, str] | None]


def look(izba: Izba, *words: str) -> Seen:
    """`collect`: after the next process has cleaned up."""
    argv = [izba.command[0], "-c", _LOOK, izba.root, *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, **izba.options())
    assert done.returncode == 0, done.stderr
    return Seen(**json.loads(done.stdout))


def hashes(files: dict[str, bytes]) -> dict[str, str]:
    return {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}


def start(izba: Izba, *words: str) -> subprocess.Popen[str]:
    return izba.popen(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


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


def kill_when(process: subprocess.Popen[str], reached: Callable[[], bool], number: int = signal.SIGKILL) -> int:
    """Once `reached` says so, unless the process ends before; its exit code."""
    deadline = time.monotonic() + 60
    while process.poll() is None and not reached():
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(number)
    process.communicate(timeout=60)
    return process.returncode


def _largest(directory: Path) -> int:
    try:
        return max((entry.stat().st_size for entry in os.scandir(directory)), default=-1)
    except FileNotFoundError:
        return -1


def _bytes_below(directory: Path) -> int:
    found = 0
    for parent, _, names in os.walk(directory):
        for name in names:
            with suppress(FileNotFoundError):  # moved meanwhile
                found += os.stat(f"{parent}/{name}").st_size
    return found


@pytest.mark.parametrize("is_ours", [False, True], ids=["by another engine", "as izba compresses"])
def test_a_pull_killed_at_many_offsets_goes_on_in_the_next_process(
    stalling: tuple[Stalling, Server], own_izba: Izba, is_ours: bool
) -> None:
    """What izba would write again is not meant for the store, but kept until it is unpacked all the same."""
    fake, server = stalling
    content = random.Random(1).randbytes(3_000_000)
    image = fake.image({"big": content})
    if is_ours:
        tar = gzip.decompress(fake.blobs.pop(image["layers"][0]["digest"]))
        image["layers"] = [fake.blob(compressed(tar), mediatype.OCI_LAYER_GZIP)]
    fake.manifest(image)
    size = max(map(len, fake.blobs.values()))
    name = f"{server.host}/a/b:1"

    chosen = {random.randrange(2, size - 1), random.randrange(2, size - 1), size - 1}
    ingest = own_izba.root / "content" / "ingest"
    for allowance in sorted(chosen if own_izba.user else chosen | {1, 1_048_577}):
        fake.allowance = allowance
        process = start(own_izba, "pull", name)
        assert kill_when(process, lambda: _largest(ingest) >= fake.allowance) == -signal.SIGKILL
        seen = look(own_izba)
        assert seen.images == []
        assert set(seen.problems) <= {"lease-dead", "snapshot-orphaned"}, "what a crash may leave"

    fake.allowance = size
    last = start(own_izba, "pull", name)
    assert last.communicate(timeout=60)[1] == ""
    assert last.returncode == 0
    assert fake.sent == sorted(fake.sent)
    assert fake.sent[-1] > size / 2, "the last process fetched again what others had"
    seen = look(own_izba, "collect")
    assert (seen.problems, seen.images) == ([], [hashes({"big": content})])


def test_a_pull_that_is_interrupted_ends_at_once_and_keeps_what_came(
    stalling: tuple[Stalling, Server], own_izba: Izba
) -> None:
    """It would wait for a minute otherwise, as the registry sends nothing more."""
    fake, server = stalling
    fake.manifest(fake.image({"big": random.Random(2).randbytes(2_000_000)}))
    fake.allowance = 1_500_000

    ingest = own_izba.root / "content" / "ingest"
    process = start(own_izba, "pull", f"{server.host}/a/b:1")

    assert kill_when(process, lambda: _largest(ingest) >= fake.allowance, signal.SIGINT) == 130
    assert look(own_izba) == Seen(problems=[], snapshots=0, images=[])
    assert _largest(ingest) > 1_000_000


@pytest.mark.peer("docker-registry")
def test_a_pull_killed_while_it_unpacks_and_commits_leaves_a_whole_store(own_izba: Izba, tmp_path: Path) -> None:
    """While one of its layers is unpacked, whichever."""
    codes = []
    with servers.debian_registry(tmp_path) as host:
        name = Reference.parse(f"{host}/team/app:1")
        with store_of(tmp_path / "here") as here:
            image = build(here, name, *({f"{n}/{m}": os.urandom(2000) for m in range(150)} for n in range(6)))
            push(here, image, name, client(name))
            files = hashes(tree(here, image))
        for _ in range(4):
            wanted = len(_snapshots(own_izba)) + random.randrange(1, 4)
            process = start(own_izba, "pull", str(name))
            codes.append(kill_when(process, lambda: len(_snapshots(own_izba)) >= wanted))  # noqa: B023 - called here
            seen = look(own_izba)
            assert set(seen.problems) <= {"lease-dead", "blob-orphaned", "snapshot-orphaned"}
            assert seen.images in ([], [files])
            if seen.images:
                own_izba.ok("rmi", str(name))
        own_izba.ok("pull", str(name))
        seen = look(own_izba, "collect")
        assert (seen.problems, seen.images) == ([], [files])
    assert -signal.SIGKILL in codes


def _snapshots(izba: Izba) -> list[Path]:
    return list(izba.root.glob("snapshots/*/*"))


@pytest.mark.peer("docker-registry")
def test_a_push_that_is_killed_shows_nothing_and_the_next_one_is_whole(own_izba: Izba, tmp_path: Path) -> None:
    files = {f"{n}": os.urandom(3_000_000) for n in range(4)}
    for path, data in files.items():
        (own_izba.root.parent / path).write_bytes(data)
    (own_izba.root.parent / "Dockerfile").write_text("FROM scratch\n" + "".join(f"COPY {n} /\n" for n in files))
    with servers.debian_registry(tmp_path) as host:
        name = Reference.parse(f"{host}/team/app:1")
        own_izba.ok("build", "-q", "-t", str(name), str(own_izba.root.parent))
        for number in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
            wanted = _bytes_below(tmp_path / "storage") + random.randrange(1, 4_000_000)
            process = start(own_izba, "push", str(name))
            kill_when(process, lambda: _bytes_below(tmp_path / "storage") >= wanted, number)  # noqa: B023 - called here
            # The manifest goes last: what is shown is whole.
            if client(name).exists("1") is not None:
                with tempfile.TemporaryDirectory(dir=tmp_path) as other, store_of(Path(other)) as seen:
                    assert tree(seen, pull(seen, name, client(name))) == files
            assert look(own_izba, "collect").problems == []

        done = start(own_izba, "push", str(name))
        assert done.communicate(timeout=60)[1] == ""
        with store_of(tmp_path / "there") as there:
            assert tree(there, pull(there, name, client(name))) == files
