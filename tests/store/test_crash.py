"""Killed at any instant, alone or with the machine: what was begun is whole or not there, and can be done again.

The child under test kills itself (SIGKILL) before some line of izba's code: every 23rd, or with
IZBA_TEST_CRASH_STRIDE=1 every single one. Between two lines lie at most a few system calls; those that change more than
one thing are sqlite's, which has its own journal.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from izba.engine.engine import Engine
from izba.engine.images.prune import prune
from izba.engine.images.remove import remove
from izba.engine.images.tag import tag
from izba.image.stored import find, require
from izba.oci.digest import Digest
from izba.store.check import LEFTOVERS, check
from izba.store.store import Store
from tests.store.conftest import roots_at
from tests.support.children import killed_at
from tests.support.layers import load, tar

pytestmark = pytest.mark.root

WITHIN = ("/izba/store/", "/izba/image/", "/izba/engine/", "/izba/jsonio.py")
LAYERS = [tar({"etc/a": b"1" * 5000, "bin/b": b"2"}), tar({"etc/.wh.a": b"", "etc/c": b"3"})]
OTHER = [LAYERS[0], tar({"other": b"4"})]


def _load(root: Path) -> None:
    with Store.open(roots_at(root)) as store:
        load(store, LAYERS, "app", config={"Labels": {"a": "b"}})


def _load_other(root: Path) -> None:
    with Store.open(roots_at(root)) as store:
        load(store, OTHER, "other")


def _commit(root: Path) -> None:
    """A build step: an active snapshot becomes a layer."""
    with Store.open(roots_at(root)) as store, store.lease("build"):
        image = require(store, "other")
        key = f"build-{os.getpid()}"
        store.snapshots.prepare(key, image.chain_id)
        Path(store.snapshots.upper(key), "built").write_text("built")
        os.utime(Path(store.snapshots.upper(key), "built"), (1, 1))
        from izba.image.mutate import create_image
        from izba.layer.streams import Discard
        from izba.oci.chain import next_chain_id
        from izba.oci.reference import Reference

        written = store.snapshots.write_layer(key, Discard())
        chain = next_chain_id(image.chain_id, written.diff_id)
        store.snapshots.commit(chain, key, diff_id=written.diff_id, size=written.size)
        config = {**image.config, "rootfs": {"type": "layers", "diff_ids": [*image.diff_ids, written.diff_id]}}
        layers = [*image.layers, store.layers.descriptor(written.diff_id)]
        create_image(store, config=config, layers=layers, name=Reference.parse("built"))


def _engine(root: Path) -> Engine:
    engine = Engine.open(str(root))
    assert engine.store is not None
    return engine


def _remove(root: Path) -> None:
    with _engine(root) as engine:
        if find(engine.store, "other") is not None:
            remove(engine, "other")
        engine.store.collect()


def _tag_and_prune(root: Path) -> None:
    with _engine(root) as engine:
        if find(engine.store, "other") is not None:
            tag(engine, "other", "keep:2")
            remove(engine, "other")
        prune(engine)


def _resumed_ingest(root: Path) -> None:
    from izba.oci.descriptor import Descriptor

    data = b"z" * 100_000
    promised = Descriptor(media_type="text/plain", digest=Digest.of(data), size=len(data))
    with (
        Store.open(roots_at(root)) as store,
        store.lease("pull"),
        store.content.ingest("pull", expected=promised) as ingest,
    ):
        if not store.content.has(promised.digest):
            for start in range(ingest.offset, len(data), 10_000):
                ingest.write(data[start : start + 10_000])
            ingest.commit("text/plain")


def _app(store: Store) -> bool:
    return find(store, "app") is not None


OPERATIONS: dict[str, tuple[Callable[[Path], None], Callable[[Store], bool]]] = {
    "load": (_load, lambda store: _whole(store, "app", LAYERS)),
    "commit": (_commit, lambda store: _whole(store, "built", OTHER)),
    "remove": (_remove, lambda store: find(store, "other") is None),
    "tag and prune": (_tag_and_prune, lambda store: _whole(store, "keep:2", OTHER) and find(store, "other") is None),
    "resumed ingest": (_resumed_ingest, lambda store: len(list(store.content.walk())) > 0),
}


def _whole(store: Store, name: str, layers: list[bytes]) -> bool:
    """Whether the image is there and begins with these layers, byte for byte."""
    image = require(store, name)
    for layer, diff_id in zip(layers, image.diff_ids, strict=False):
        reader = image.open_tar(diff_id)
        read = b""
        while data := reader.read(1 << 20):
            read += data
        if read != layer:
            return False
    return True


def _assert_only_leftovers(root: Path, name: str, step: int) -> None:
    with Store.open(roots_at(root)) as store:
        damage = [str(problem) for problem in check(store, verify=True) if problem.kind not in LEFTOVERS]
    assert damage == [], f"{name} killed at line {step}"


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one image, to be copied for each try."""
    root = tmp_path_factory.mktemp("begun") / "data"
    _load_other(root)
    return root


@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_any_line_it_is_whole_or_not_there(name: str, begun: Path, tmp_path: Path) -> None:
    operation, is_done = OPERATIONS[name]
    step, stride, kills = 1, int(os.environ.get("IZBA_TEST_CRASH_STRIDE", "23")), 0
    while True:
        root = tmp_path / str(step)
        shutil.copytree(begun, root, symlinks=True)
        killed = killed_at(step, lambda: operation(root), within=WITHIN)  # noqa: B023 - called at once
        _assert_only_leftovers(root, name, step)
        operation(root)
        with Store.open(roots_at(root)) as store:
            assert is_done(store), f"{name} killed at line {step}"
            store.collect()
            assert check(store, verify=True) == [], f"{name} killed at line {step}"
            assert list(Path(store.roots.data, "leases").iterdir()) == []
        shutil.rmtree(root)
        if not killed:
            break
        kills += 1
        step += stride
    assert kills > 10


def test_killed_at_random_moments_by_another_process(begun: Path, tmp_path: Path) -> None:
    """The same from outside: the signal comes where it comes, in the middle of a system call too."""
    root = tmp_path / "data"
    shutil.copytree(begun, root, symlinks=True)
    script = "import sys; from pathlib import Path; from tests.store.test_crash import churn; churn(Path(sys.argv[1]))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for delay in range(12):
        process = subprocess.Popen([sys.executable, "-c", script, str(root)], env=environment, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()  # it is in its loop
        try:
            process.wait(timeout=0.01 + delay * 0.013)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        _assert_only_leftovers(root, "churn", delay)
    _load(root)
    with Store.open(roots_at(root)) as store:
        store.collect()
        assert check(store, verify=True) == []


def churn(root: Path) -> None:
    """Load, build, tag, prune and remove, for ever."""
    print("begun", flush=True)
    while True:
        _load_other(root)
        _load(root)
        _commit(root)
        _tag_and_prune(root)
        _remove(root)


def test_after_a_power_cut_names_lead_to_whole_images(begun: Path, tmp_path: Path) -> None:
    """The disk keeps what was synced and any beginning of what came after: here of the database's log.

    Files are as they were at the time of the cut, so whoever deletes them must have made their rows' end durable first.
    """
    root = tmp_path / "data"
    shutil.copytree(begun, root, symlinks=True)
    log = root / "izba.db-wal"
    keep = Store.open(roots_at(root))  # another process keeps sqlite from folding the log into the database
    durable, cuts = [0], 0
    for operation in (_load, _commit, _tag_and_prune, _remove):
        with _watched_syncs(durable):
            operation(root)
        whole = log.read_bytes()
        for length in range(durable[-1], len(whole) + 1, 400):
            cut = tmp_path / "cut"
            subprocess.run(["cp", "-a", root, cut], check=True)
            (cut / "izba.db-wal").write_bytes(whole[:length])
            (cut / "izba.db-shm").unlink()
            _assert_only_leftovers(cut, f"a power cut after {operation.__name__}", length)
            shutil.rmtree(cut)
            cuts += 1
    keep.close()
    assert cuts > 1


class _watched_syncs:  # noqa: N801 - reads as a verb
    """Notes the length of the file at each fdatasync of this process."""

    def __init__(self, lengths: list[int]) -> None:
        self.lengths = lengths

    def __enter__(self) -> None:
        def watch(frame: object, event: str, called: object) -> None:
            if event == "c_return" and called is os.fdatasync:
                self.lengths.append(os.fstat(frame.f_locals["fd"]).st_size)  # type: ignore[attr-defined]

        sys.setprofile(watch)

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
