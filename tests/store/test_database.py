from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import pytest

from izba.store.db import Database, DatabaseCorrupt, DatabaseTooNew
from izba.store.lock import FileLock, LockTimeout
from izba.store.schema import MIGRATIONS
from izba.store.store import Store, StoreUnavailable
from tests.store.conftest import roots_at
from tests.support.children import in_child


def _settings(db: Database) -> list[tuple[str, str]]:
    return db.rows("SELECT key, value FROM settings ORDER BY key")


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.db.transaction():
        store.db.execute("INSERT INTO settings VALUES ('a', '1')")
        raise ZeroDivisionError

    assert _settings(store.db) == []


def test_an_inner_transaction_joins_the_outer(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.db.transaction():
        with store.db.transaction(durable=True):
            store.db.execute("INSERT INTO settings VALUES ('a', '1')")
        raise ZeroDivisionError

    assert _settings(store.db) == []


def test_what_comes_after_a_transaction_comes_only_if_it_holds(store: Store) -> None:
    done = []
    with store.db.transaction():
        store.db.after(lambda: done.append("kept"))
        assert done == []
    with pytest.raises(ZeroDivisionError), store.db.transaction():
        store.db.after(lambda: done.append("lost"))
        raise ZeroDivisionError

    assert done == ["kept"]


def test_threads_take_turns(store: Store) -> None:
    def work(number: int) -> None:
        for step in range(20):
            with store.db.transaction():
                store.db.execute("INSERT INTO settings VALUES (?, '')", f"{number}-{step}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(_settings(store.db)) == 80


def test_a_forked_child_gets_a_connection_of_its_own(store: Store) -> None:
    in_child(lambda: store.db.execute("INSERT INTO settings VALUES ('child', '')") and None)

    store.db.execute("INSERT INTO settings VALUES ('parent', '')")
    assert [key for key, _ in _settings(store.db)] == ["child", "parent"]


def test_eight_processes_may_begin_the_same_store(tmp_path: Path) -> None:
    """I: the first use of a data root, by everybody at once."""
    script = (
        "import sys; from izba.store.store import Store; from tests.store.conftest import roots_at;"
        "from pathlib import Path; s = Store.open(roots_at(Path(sys.argv[1])));"
        "s.content.put(sys.argv[2].encode(), 'text/plain'); s.close()"
    )
    path = str(tmp_path / "data")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        subprocess.Popen([sys.executable, "-c", script, path, str(number)], env=environment) for number in range(8)
    ]

    assert [process.wait() for process in processes] == [0] * 8
    with Store.open(roots_at(tmp_path / "data")) as store:
        assert len(list(store.content.walk())) == 8


def test_a_store_of_a_newer_izba_is_left_alone(tmp_path: Path) -> None:
    """I: two izba versions on one store."""
    with Store.open(roots_at(tmp_path)) as store:
        store.db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")

    with pytest.raises(DatabaseTooNew, match="newer izba"):
        Store.open(roots_at(tmp_path))


def test_a_file_that_is_no_database_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "izba.db").write_bytes(b"not sqlite at all" * 1000)

    with pytest.raises(DatabaseCorrupt):
        Store.open(roots_at(tmp_path))


def test_a_root_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreUnavailable, match="data cannot be used: File exists"):
        Store.open(roots_at(tmp_path / "file" / "data"))


def test_a_store_is_its_owners_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with Store.open(roots_at(tmp_path)) as store:
        store.content.put(b"secret", "text/plain")
        open_to_others = [path for path in tmp_path.iterdir() if path.stat().st_mode & 0o077]
    assert open_to_others == []


def test_a_lock_names_its_holder(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with (
        FileLock(path, what="layer x"),
        pytest.raises(LockTimeout, match=rf"layer x is in use by process {os.getpid()}"),
    ):
        FileLock(path, what="layer x", timeout=0).acquire()

    FileLock(path, what="layer x").try_acquire()


def test_a_lock_whose_file_was_removed_is_still_exclusive(tmp_path: Path) -> None:
    """The next holder must not lock a file that has no name any more."""
    path = str(tmp_path / "lock")
    first, second, third = (FileLock(path, what="x", timeout=0) for _ in range(3))
    first.acquire()
    first.release(remove=True)

    second.acquire()
    assert not third.try_acquire()
    second.release()


def test_a_dead_holder_frees_its_lock(tmp_path: Path) -> None:
    lock = FileLock(str(tmp_path / "lock"), what="x", timeout=0)
    in_child(lock.acquire)

    lock.acquire()
    lock.release()


def test_sqlite_comes_without_functools_and_leaves_it_as_it_is(tmp_path: Path) -> None:
    """Decisions, start: functools and what it imports would be most of the cost of the database."""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from izba.store.db import Database;"
        "assert not {'functools', 'collections', 'sqlite3'} & set(sys.modules);"
        "d = Database(sys.argv[2]); d.execute(\"INSERT INTO settings VALUES ('a', 'b')\");"
        "assert [d.row('SELECT value FROM settings') for _ in range(3)] == [('b',)] * 3; d.close();"
        "import functools, sqlite3; assert functools.reduce and functools.lru_cache(lambda: 1)() == 1"
    )
    source = next(path for path in sys.path if Path(path, "izba/store/db.py").exists())
    subprocess.run([sys.executable, "-I", "-S", "-c", script, source, str(tmp_path / "izba.db")], check=True)


AFTER_ITS_PARENT = """
import os, sys
from izba.store.db import Database
db = Database(sys.argv[1])
db.execute("INSERT INTO settings VALUES ('parent', '1')")
if os.fork():
    os._exit(0)
db.rows("SELECT * FROM settings")
print("ready", flush=True)
sys.stdin.readline()
with db.transaction(durable=True):
    db.execute("INSERT INTO settings VALUES ('child', '1')")
print("done", flush=True)
os._exit(0)
"""


def test_what_a_child_writes_after_its_parent_ended_is_kept(tmp_path: Path) -> None:
    """As the child that removes the files of `run --rm`: others come and go as if they were the last users."""
    roots = roots_at(tmp_path / "data")
    Store.open(roots).close()
    command = [sys.executable, "-c", AFTER_ITS_PARENT, f"{roots.data}/izba.db"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert process.wait(timeout=60) == 0  # the parent
        with Store.open(roots) as other:
            assert _settings(other.db) == [("parent", "1")]
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "done\n"

    with Store.open(roots) as store:
        assert _settings(store.db) == [("child", "1"), ("parent", "1")]


def test_threads_wait_for_the_disk_together(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fdatasync

    def slow(fd: int) -> None:
        (count,) = store.db.row("SELECT COUNT(*) FROM settings") or (0,)  # nobody is kept from the database meanwhile
        time.sleep(0.05)
        real(fd)
        synced.append(count)

    monkeypatch.setattr(os, "fdatasync", slow)
    late = []

    def write(number: int) -> None:
        with store.db.transaction(durable=True):
            store.db.execute("INSERT INTO settings VALUES (?, 'x')", str(number))
            position = (store.db.row("SELECT COUNT(*) FROM settings") or (0,))[0]
        if max(synced) < position:
            late.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert late == [], "a transaction was over before it was on the disk"
    assert len(synced) < 12
    assert len(_settings(store.db)) == 12


def test_the_snapshotter_is_chosen_in_the_middle_of_a_transaction_while_another_thread_asks(tmp_path: Path) -> None:
    store = Store.open(roots_at(tmp_path / "data"))
    other = threading.Thread(target=lambda: store.snapshots, daemon=True)

    def choose() -> None:
        with store.db.transaction():
            other.start()
            waits = 0
            while waits < 10:  # it has nothing to do but to wait for this transaction
                frame = sys._current_frames().get(other.ident or 0)
                waits += frame is not None and frame.f_code.co_name in {"snapshots", "rows"}
                time.sleep(0.001)
            assert store.snapshots is not None

    chooser = threading.Thread(target=choose, daemon=True)
    chooser.start()
    chooser.join(timeout=60)

    assert not chooser.is_alive(), "the two wait for each other"
    other.join(timeout=60)
    assert not other.is_alive()
    store.close()


def test_commands_leave_the_log_to_the_next_one(tmp_path: Path) -> None:
    """To end the log and begin it anew would be waits for the disk in every command."""
    command = [Path(sys.executable).with_name("izba"), "--root", tmp_path / "root"]
    archive = io.BytesIO()
    tarfile.open(fileobj=archive, mode="w").close()

    def izba(*words: str) -> list[str]:
        done = subprocess.run([*command, *words], input=archive.getvalue(), capture_output=True, check=True)
        return done.stdout.decode().split()

    lengths = []
    for number in range(40):
        izba("import", "--change", f"LABEL number={number}", "-", f"image:{number}")
        log = next((tmp_path / "root").rglob("izba.db-wal"))
        lengths.append(log.stat().st_size)
        if number == 3:
            assert len(izba("images", "-q")) == 4

    assert 0 < lengths[0] < lengths[1]
    assert lengths[-1] < 400 * 4120  # written back into the database, and used from its beginning again
    assert len(izba("images", "-q")) == 40
