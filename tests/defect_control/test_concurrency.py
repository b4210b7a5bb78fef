"""Many at once: nothing is lost, nothing is given twice, and one SQLite file serves many processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert

from service_defects.defects import THE_FEED
from service_defects.models import Defect, Feed
from tests.defect_control.stack import BACKEND, CHEAP_ARGON, SECRET, Person, Stack, code, registration

Record = Callable[..., dict]


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def test_of_many_editors_of_one_version_one_wins(manager: Person, record: Record) -> None:
    path = f"/api/defects/{record()['id']}"
    answers = at_once([lambda n=n: manager.patch(path, 1, json={"title": f"Правка {n}"}) for n in range(8)])
    won = [answer.json() for answer in answers if answer.status_code == 200]

    assert [one["version"] for one in won] == [2]
    assert {code(answer) for answer in answers if answer.status_code != 200} == {"version_conflict"}
    assert manager.get(path).json()["title"] == won[0]["title"]


def test_numbers_of_defects_recorded_at_once_have_no_gap_and_no_double(record: Record) -> None:
    assert sorted(defect["number"] for defect in at_once([record] * 10)) == list(range(1, 11))


def test_of_many_uses_of_one_refresh_token_one_succeeds(stack: Stack) -> None:
    client = stack.client()
    session = client.post("/api/auth/register", json={**registration(), "refresh_in_body": True}).json()
    body = {"refresh_token": session["refresh_token"]}
    answers = at_once([lambda: client.post("/api/auth/refresh", json=body)] * 8)

    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7


def test_of_many_that_register_first_one_becomes_administrator(fresh: Stack) -> None:
    people = at_once([fresh.register] * 6)

    assert sorted(person.role for person in people) == ["administrator"] + ["observer"] * 5


def test_thousands_of_news_are_fetched_once_for_all_who_ask_for_reports(
    stack: Stack, manager: Person, record: Record, project: dict
) -> None:
    pattern = record()
    manager.get("/api/reports/summary")
    _thousands_more(stack, pattern["id"], 2500)
    stack.network.requests.clear()

    asked = {"project_id": project["id"]}
    answers = at_once([lambda: manager.get("/api/reports/summary", params=asked)] * 8)

    assert [answer.json()["totals"]["total"] for answer in answers] == [2501] * 8
    fetched = [
        request.url.params["after"] for request in stack.network.requests if request.url.path == "/internal/facts"
    ]
    assert len(set(fetched)) == 4, "a thousand each, and that there are no more"
    assert sorted(fetched.count(after) for after in set(fetched)) == [1, 1, 1, 8]


def _thousands_more(stack: Stack, defect_id: str, count: int) -> None:
    """Copies of a defect, as if recorded one after another."""
    with stack.network.apps["defects-service"].state.database.writing() as session:
        pattern = session.get_one(Defect, UUID(defect_id))
        fields = {column.key: getattr(pattern, column.key) for column in Defect.__table__.columns}
        feed = session.get_one(Feed, THE_FEED)
        different = ({"id": uuid4(), "number": 1 + n, "position": feed.position + n} for n in range(1, count + 1))
        session.execute(insert(Defect), [fields | one for one in different])
        feed.position += count


def test_a_limit_counts_requests_that_come_at_once(tmp_path: Path) -> None:
    with Stack(tmp_path, rate_projects=5) as stack:
        person = stack.register()
        answers = at_once([lambda: person.get("/api/projects")] * 12)

    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429] * 7


PROCESS = """
import json, sys
from pathlib import Path
from common import migrate
from common.database import Database
from service_auth import users
from service_auth.app import DESCRIPTION
from service_auth.settings import AuthSettings

database = Database(AuthSettings(data_directory=Path(sys.argv[1])))
migrate.upgrade(database, DESCRIPTION.directory / "migrations")
roles = []
for number in range(10):
    with database.writing() as session:
        user = users.register(
            session, email=f"{number}@{sys.argv[2]}.ru", full_name="Имя", password_hash="x", registration_open=True
        )
        roles.append(str(user.role))
print(json.dumps(roles))
"""


def test_processes_share_one_database_from_its_first_migration_on(tmp_path: Path) -> None:
    """What `--scale auth-service=10` does: all migrate at once, all write at once."""
    environment = os.environ | {"SECRET_KEY": SECRET, "PYTHONPATH": str(BACKEND)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(tmp_path), str(number)],
            env=environment | {name.upper(): str(value) for name, value in CHEAP_ARGON.items()},
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    roles = [role for process in processes for role in json.loads(process.communicate(timeout=60)[0])]

    assert sorted(roles) == ["administrator"] + ["observer"] * 39
