"""A copy of a service's data every night, and the way back.

    python -m common.backup make | list | restore NAME

A backup is a folder below `backups/` in the data folder: the database as SQLite's online backup wrote it (whole and
checked, while the service works) and the attachments as hard links, which cost nothing because attachments are never
written twice. Copy `backups/` to another machine: a disk that dies takes both. With PostgreSQL see
docker-compose.postgres.yml, where pg_dump does this.
"""

import asyncio
import fcntl
import logging
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from common.settings import StoringSettings, load

DATABASE = "database.sqlite3"
ATTACHMENTS = "attachments"
UNFINISHED = ".unfinished"
HALF_A_DAY = timedelta(hours=12)

log = logging.getLogger(__name__)


async def every_night(settings: StoringSettings) -> None:
    """In every process of the service; the one that takes the lock first makes the backup, the others see it made."""
    while True:
        await asyncio.sleep(_seconds_until(settings.backup_at, datetime.now(settings.zone)))
        try:
            await asyncio.to_thread(make, settings, unless_newer_than=HALF_A_DAY)
        except (OSError, sqlite3.Error):
            log.exception("the backup failed")


def make(settings: StoringSettings, *, unless_newer_than: timedelta = timedelta(0)) -> Path | None:
    """The new backup's folder; None when another one is younger than `unless_newer_than`."""
    folder = _folder(settings)
    folder.mkdir(exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        now = datetime.now(settings.zone)
        names = listing(settings)
        if names and _moment(names[-1]) > now.replace(tzinfo=None) - unless_newer_than:
            return None
        made = folder / now.strftime("%Y-%m-%dT%H%M%S.%f")
        unfinished = folder / UNFINISHED
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        _copy_database(settings.data_directory / DATABASE, unfinished / DATABASE)
        with closing(sqlite3.connect(unfinished / DATABASE)) as copy:
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, readable from a read-only medium
        _link_files(settings.data_directory / ATTACHMENTS, unfinished / ATTACHMENTS)
        unfinished.rename(made)
        for old in listing(settings)[: -settings.backups_kept]:
            shutil.rmtree(folder / old)
    log.info("backup %s made", made.name)
    return made


def listing(settings: StoringSettings) -> list[str]:
    """Names, oldest first."""
    folder = _folder(settings)
    return sorted(path.name for path in folder.glob("[0-9]*") if path.is_dir()) if folder.is_dir() else []


def restore(settings: StoringSettings, name: str) -> None:
    """The data as they were. Safe while the service runs: SQLite's backup replaces the database in one transaction."""
    if name not in listing(settings):
        raise FileNotFoundError(f"no backup {name!r}; there are: {', '.join(listing(settings)) or 'none'}")
    source = _folder(settings) / name
    _link_files(source / ATTACHMENTS, settings.data_directory / ATTACHMENTS)
    _copy_database(source / DATABASE, settings.data_directory / DATABASE)
    log.info("backup %s restored", name)


def _copy_database(source: Path, target: Path) -> None:
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=60)) as reader,
        closing(sqlite3.connect(target, timeout=60)) as writer,
    ):
        reader.backup(writer)
        (verdict,) = writer.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"{target.name} is damaged: {verdict}")


def _link_files(source: Path, target: Path) -> None:
    if not source.is_dir():
        return
    target.mkdir(exist_ok=True)
    for file in source.iterdir():
        copy = target / file.name
        if copy.exists() or not file.is_file():
            continue
        try:
            os.link(file, copy)
        except OSError:  # another file system, or one without hard links
            shutil.copy2(file, copy)


def _folder(settings: StoringSettings) -> Path:
    return settings.data_directory / "backups"


def _moment(name: str) -> datetime:
    return datetime.strptime(name, "%Y-%m-%dT%H%M%S.%f")


def _seconds_until(clock: str, now: datetime) -> float:
    hour, minute = map(int, clock.split(":"))
    due = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return ((due if due > now else due + timedelta(days=1)) - now).total_seconds()


def main(arguments: list[str]) -> int:
    settings = load(StoringSettings)
    if settings.sqlite_file is None:
        print("error: this service's database is PostgreSQL's; use pg_dump and pg_restore", file=sys.stderr)
        return 1
    match arguments:
        case ["make"]:
            print(make(settings))
        case ["list"]:
            print("\n".join(listing(settings)))
        case ["restore", name]:
            try:
                restore(settings, name)
            except FileNotFoundError as error:
                print(f"error: {error}", file=sys.stderr)
                return 1
        case _:
            print("usage: python -m common.backup make | list | restore NAME", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
