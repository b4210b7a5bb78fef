"""A night's backup, and the morning after the accident."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta

import pytest

from common import backup
from tests.defect_control.pictures import photo
from tests.defect_control.stack import SECRET, Person, Stack, code

Record = Callable[..., dict]


@pytest.fixture
def defects(stack: Stack):
    settings = stack.network.apps["defects-service"].state.settings
    yield settings
    shutil.rmtree(settings.data_directory / "backups", ignore_errors=True)


def test_a_restore_brings_back_rows_and_files_under_a_running_service(
    defects, stack: Stack, engineer: Person, record: Record
) -> None:
    kept = record(title="Было до беды")
    path = f"/api/defects/{kept['id']}"
    attachment = engineer.post(f"{path}/attachments", files={"file": ("a.jpg", photo((64, 64)), "image/jpeg")}).json()
    content = engineer.get(f"/api/attachments/{attachment['id']}/content").content
    made = backup.make(defects)
    engineer.delete(f"/api/attachments/{attachment['id']}")
    later = record(title="Записано после")

    backup.restore(defects, made.name)

    assert engineer.get(path).json()["attachments_count"] == 1
    assert engineer.get(f"/api/attachments/{attachment['id']}/content").content == content
    assert code(engineer.get(f"/api/defects/{later['id']}")) == "defect_not_found"
    assert record()["number"] == later["number"], "the service goes on where the backup was"


def test_a_backup_is_whole_while_others_write(defects, stack: Stack, record: Record) -> None:
    record()
    database = stack.network.apps["defects-service"].state.database
    with database.reading() as reader:
        reader.connection()
        made = backup.make(defects)
    with closing(sqlite3.connect(made / "database.sqlite3")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT count(*) FROM defects").fetchone()[0] > 0


def test_one_of_many_processes_makes_the_nights_backup(defects) -> None:
    assert backup.make(defects) is not None
    assert backup.make(defects, unless_newer_than=timedelta(hours=12)) is None


def test_at_night_it_happens_by_itself(defects, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = iter([0, 3600])
    monkeypatch.setattr(backup, "_seconds_until", lambda *_: next(waits))

    async def night() -> None:
        task = asyncio.create_task(backup.every_night(defects))
        while not backup.listing(defects):
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(asyncio.wait_for(night(), 20))
    assert len(backup.listing(defects)) == 1


def test_old_backups_go_and_the_newest_stay(defects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defects, "backups_kept", 2)
    names = [backup.make(defects).name for _ in range(4)]

    assert backup.listing(defects) == names[-2:]


def test_a_name_that_is_no_backup_restores_nothing(defects) -> None:
    for name in ("2020-01-01T000000.000000", "../../etc", ""):
        with pytest.raises(FileNotFoundError, match="no backup"):
            backup.restore(defects, name)


def test_the_next_night_is_found_on_either_side_of_midnight() -> None:
    def hours(now: str) -> float:
        return backup._seconds_until("03:00", datetime.fromisoformat(now)) / 3600

    assert (hours("2026-11-24T02:30"), hours("2026-11-24T03:00"), hours("2026-11-24T23:00")) == (0.5, 24, 4)


def test_the_command_makes_lists_and_restores(
    defects, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SECRET_KEY", SECRET)
    monkeypatch.setenv("DATA_DIRECTORY", str(defects.data_directory))
    assert backup.main(["make"]) == 0
    assert backup.main(["list"]) == 0
    name = capsys.readouterr().out.split()[-1]

    assert backup.main(["restore", name]) == 0
    assert backup.main(["restore", "yesterday"]) == 1
    assert "no backup 'yesterday'" in capsys.readouterr().err
    assert backup.main([]) == 2
