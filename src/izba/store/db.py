"""The database of one data root: one sqlite file, write-ahead logged.

The C module under `sqlite3` is used alone (`izba.store.sqlite`): the rest of it costs 4 to 6 ms to import and adds
nothing needed here.

The log stays when a command ends: taking its last user away would write it back and delete it, and the next command
would make it anew, which is four waits for the disk (`Engine.open`, `leaving`).

One connection serves all threads of a process, one at a time; a forked child gets its own at its first query, for
sqlite must not be carried across a fork.
"""

from __future__ import annotations

import os
from _thread import RLock, allocate_lock

from izba.errors import DataLoss, Internal, Unavailable
from izba.jsonio import sync_directory
from izba.store.schema import MIGRATIONS
from izba.store.sqlite import DatabaseError, IntegrityError, OperationalError, connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _sqlite3 import Connection
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

__all__ = ["Database", "DatabaseCorrupt", "DatabaseTooNew", "DatabaseUnavailable", "IntegrityError", "LockTimeout"]

BUSY_SECONDS = 60.0
"""How long a writer waits for another; every transaction is short, so a longer wait means a stopped process."""


LOG_PAGES = 250
"""How long the log gets before it is written back into the database: who opens it first reads it whole (1 ms)."""


RESERVE = 1 << 20
"""Bytes kept on the disk for removing things when it is full."""

_NEEDED = 1 << 15
"""Bytes of the log's index (`izba.db-shm`), which sqlite calls an I/O error when there is no room for it."""


class LockTimeout(Unavailable):
    """Another process held a lock for longer than anything of izba takes."""


class DatabaseUnavailable(Unavailable):
    """The file system or its permissions do not let the database be used."""


class DatabaseCorrupt(DataLoss):
    """The database file is not what sqlite wrote."""


class DatabaseTooNew(Unavailable):
    """The data root was used by a newer izba, whose tables this one does not know."""

    def __init__(self, path: str, version: int) -> None:
        super().__init__(
            f"{path} is of a newer izba (schema {version}, this one knows {len(MIGRATIONS)})",
            hint="update izba, or choose another data root with --root",
        )


class Database:
    """Rows of `izba.db`. Values are bound, never formatted into the SQL.

    `lasting` is for who keeps it open for as long as others run: it never has the database for itself alone.
    """

    def __init__(self, path: str, *, lasting: bool = False) -> None:
        self.path = path
        self._is_lasting = lasting
        self._lock = RLock()
        self._depth = 0
        self._durable = False
        self._commits = 0  # of durable transactions
        self._synced = 0  # how many of these are on the disk
        self._syncing = allocate_lock()
        self._log_is_named = False
        self._after: list[Callable[[], None]] = []
        self._pid = os.getpid()
        self._inherited: list[Connection] = []
        self._keep_reserve()
        self._connection = self._connect()

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows that the query gives."""
        with self._lock:
            try:
                return self._current().execute(sql, values).fetchall()
            except DatabaseError as error:
                raise self._explained(error) from error

    def row(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        """The first row that the query gives."""
        rows = self.rows(sql, *values)
        return rows[0] if rows else None

    def execute(self, sql: str, *values: Any) -> int:
        """Change rows; how many were changed. Raises `IntegrityError` where a constraint forbids it."""
        with self._lock:
            try:
                return self._current().execute(sql, values).rowcount
            except IntegrityError:
                raise
            except DatabaseError as error:
                raise self._explained(error) from error

    def insert(self, sql: str, *values: Any) -> int:
        """Insert a row; its rowid."""
        with self._lock:
            try:
                return self._current().execute(sql, values).lastrowid or 0
            except IntegrityError:
                raise
            except DatabaseError as error:
                raise self._explained(error) from error

    def transaction(self, *, durable: bool = False) -> Transaction:
        """`with db.transaction():` all changes inside, or none. Excludes every other writer from its beginning.

        A transaction inside another joins it. After a power cut the last transactions may be gone, in order, unless one
        was `durable`: that one waits for the disk and takes all before it along. Whoever deletes a file because a row
        is gone must have made that durable first.
        """
        return Transaction(self, durable=durable)

    def alone(self) -> RLock:
        """`with db.alone():` no other thread of this process queries; other processes may."""
        return self._lock

    def after(self, action: Callable[[], None]) -> None:
        """Do `action` when the transaction around the caller is committed: at once without one, never if it fails."""
        with self._lock:
            if self._depth:
                self._after.append(action)
                return
        action()

    def close(self) -> None:
        """Close the connection; the object is not used after."""
        with self._lock:
            if self._pid == os.getpid():
                self._connection.close()

    def _begin(self) -> None:
        self._lock.acquire()
        try:
            connection = self._current()
            if self._depth == 0:
                connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
        except DatabaseError as error:
            self._lock.release()
            raise self._explained(error) from error
        except BaseException:
            self._lock.release()
            raise

    def _end(self, *, commit: bool, durable: bool) -> None:
        try:
            self._depth -= 1
            self._durable |= durable
            if self._depth:
                return
            durable, self._durable = self._durable, False
            actions, self._after = self._after, []
            if not commit:
                self._rollback()
                return
            self._commit()
            self._commits += durable
            commits = self._commits
        finally:
            self._lock.release()
        if durable:
            self._sync(commits)
        for action in actions:
            action()

    def _commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except DatabaseError as error:
            self._rollback()
            raise self._explained(error) from error

    def _rollback(self) -> None:
        if self._connection.in_transaction:  # sqlite did it itself after some errors, such as a full disk
            self._connection.execute("ROLLBACK")

    def _sync(self, commits: int) -> None:
        """Wait until so many durable transactions are on the disk; other threads go on meanwhile.

        The log is written in order: once it is synced, all transactions are on the disk that were in it before. So of
        several threads that wait here, one waits for the disk, and then one for all the others.
        """
        with self._syncing:
            if self._synced < commits:
                commits = self._commits
                self._sync_log()
                self._synced = commits

    def _sync_log(self) -> None:
        if not self._log_is_named:
            sync_directory(os.path.dirname(self.path))  # sqlite makes the log anew after its last user closed it
            self._log_is_named = True
        fd = os.open(f"{self.path}-wal", os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fdatasync(fd)
        finally:
            os.close(fd)

    def _current(self) -> Connection:
        if self._pid != os.getpid():
            # sqlite remembers, for the process, the locks that its connections have on a file. These are the parent's
            # and not ours: with one of its connections open, a new one would ask for no lock, and another process,
            # which sees none, would take the log away under it. Closed, it is forgotten; the parent keeps its locks.
            if self._connection.in_transaction:
                self._inherited.append(self._connection)  # somebody else's, in the middle of it: to be left alone
            else:
                self._connection.close()
            self._connection = self._connect()
            self._pid = os.getpid()
            self._depth = 0
            self._after = []
            self._log_is_named = False
            self._syncing = allocate_lock()
        return self._connection

    def _keep_reserve(self) -> None:
        """Room that nothing else can take, given up where the disk is full, so that things can be removed there."""
        path = f"{os.path.dirname(self.path)}/reserve"
        try:
            room = self._room()
            if room < RESERVE // 4:
                os.unlink(path)
            elif room > 4 * RESERVE and not os.path.exists(path):
                fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    os.posix_fallocate(fd, 0, RESERVE)
                finally:
                    os.close(fd)
        except OSError:  # it is for bad days, and no reason to make this one bad
            return

    def _room(self) -> int:
        status = os.statvfs(os.path.dirname(self.path))
        return status.f_bavail * status.f_frsize

    def _connect(self) -> Connection:
        try:
            return self._opened()
        except DatabaseError as error:
            if self._is_lasting or not self._is_without_room(error):
                raise self._explained(error) from error
        # Whoever is first, be it after one that was killed, makes the log's index (`izba.db-shm`) anew. Where there is
        # no room for that a connection that has the database alone keeps it in memory.
        try:
            return self._opened(alone=True)
        except DatabaseError:  # somebody was faster, and has made it by now
            pass
        try:
            return self._opened()
        except DatabaseError as error:
            raise self._explained(error) from error

    def _opened(self, *, alone: bool = False) -> Connection:
        timeout = 1.0 if alone else BUSY_SECONDS
        connection = connect(self.path, timeout=timeout, isolation_level=None, check_same_thread=False)
        try:
            if alone:
                connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            if self._version(connection) != len(MIGRATIONS):
                self._migrate(connection)
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        version = self._version(connection)  # another process may have done it meanwhile
        if version > len(MIGRATIONS):
            raise DatabaseTooNew(self.path, version)
        for script in MIGRATIONS[version:]:
            for statement in script.split(";\n"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")

    @staticmethod
    def _version(connection: Connection) -> int:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        return version

    def _is_without_room(self, error: DatabaseError) -> bool:
        return "full" in str(error) or ("I/O" in str(error) and self._room() < _NEEDED)

    def _explained(self, error: DatabaseError) -> Exception:
        text = str(error)
        if "locked" in text:
            return LockTimeout(f"{self.path} is held by another process for more than {BUSY_SECONDS:.0f} s")
        if "readonly" in text or "unable to open" in text:
            return DatabaseUnavailable(
                f"{self.path} cannot be read and written: {text}",
                hint="see who owns it, and whether its file system is mounted read-only; or use another --root",
            )
        if self._is_without_room(error):
            return DatabaseUnavailable(
                f"{self.path}: no space left on its file system",
                hint=f"`df {os.path.dirname(self.path)}` shows it; with some room, `izba system prune` makes more",
            )
        if "I/O" in text:
            hint = "see whether its file system is broken, or `ulimit -f` lower than the file's size"
            return DatabaseUnavailable(f"{self.path}: {text}", hint=hint)
        if isinstance(error, OperationalError):
            return Internal(f"{self.path}: {text}")
        return DatabaseCorrupt(f"{self.path}: {text}", hint="restore the file, or begin anew with another --root")


class Transaction:
    """What `Database.transaction` gives; committed at the end of its block, rolled back by an exception."""

    __slots__ = ("_database", "_durable")

    def __init__(self, database: Database, *, durable: bool) -> None:
        self._database = database
        self._durable = durable

    def __enter__(self) -> None:
        self._database._begin()  # noqa: SLF001 - one thing in two classes

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._database._end(commit=kind is None, durable=self._durable)  # noqa: SLF001
