"""The same backend on PostgreSQL, whose processes do not queue for one writer as SQLite's do."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.defect_control.pictures import photo
from tests.defect_control.stack import BACKEND, Stack, code
from tests.support.ports import free_port

pytestmark = [pytest.mark.peer("psql"), pytest.mark.slow]

PASSWORD = "secret"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server of this module's own with the databases that docker-compose.postgres.yml makes."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
    directory = Path(tempfile.mkdtemp(prefix="defect-control-"))
    account = {}
    if os.geteuid() == 0:  # the server refuses to be root
        user = pwd.getpwnam("postgres")
        os.chown(directory, user.pw_uid, user.pw_gid)
        account = {"user": "postgres", "group": "postgres", "extra_groups": []}
    port = free_port()
    data = directory / "data"
    quick = "-c fsync=off -c listen_addresses=127.0.0.1"
    start = ["-o", f"-p {port} -k {directory} {quick}", "-l", directory / "log", "-w", "start"]

    def run(*command: object) -> None:
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL, cwd=directory, **account)

    run(programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync")
    run(programs / "pg_ctl", "-D", data, *start)
    try:
        environment = os.environ | {"PGHOST": "127.0.0.1", "PGPORT": str(port), "POSTGRES_PASSWORD": PASSWORD}
        script = BACKEND.parent / "postgres/create-databases.sh"
        subprocess.run(["sh", script], check=True, env=environment, stdout=subprocess.DEVNULL)
        yield f"postgresql://{{}}:{PASSWORD}@127.0.0.1:{port}/{{}}"
    finally:
        run(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(directory)


@pytest.fixture(scope="module")
def on_postgres(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("on-postgres"), database=server) as stack:
        with ThreadPoolExecutor(4) as pool:
            people = [future.result() for future in [pool.submit(stack.register) for _ in range(4)]]
        assert sorted(person.role for person in people) == ["administrator"] + ["observer"] * 3
        stack.first = next(person for person in people if person.role == "administrator")
        yield stack


def test_a_defect_goes_its_way(on_postgres: Stack) -> None:
    manager = on_postgres.person("manager")
    project = manager.post("/api/projects", json={"name": "Дом"}).json()
    body = {"project_id": project["id"], "title": "Протечка КРОВЛИ", "due_date": "2026-01-01"}
    defect = manager.post("/api/defects", json=body).json()
    file = {"file": ("a.jpg", photo((64, 64)), "image/jpeg")}
    assert manager.post(f"/api/defects/{defect['id']}/attachments", files=file).status_code == 201
    for status in ("in_progress", "in_review", "closed"):
        defect = manager.move(defect, status).json()

    assert manager.get("/api/defects", params={"q": "кровли", "sort": "-priority"}).json()["total"] == 1
    assert manager.get("/api/reports/summary").json()["totals"]["closed"] == 1
    assert code(manager.post("/api/projects", json={"name": "nul\u0000"})) == "validation_failed"


def test_of_many_editors_of_one_version_one_wins(on_postgres: Stack) -> None:
    manager = on_postgres.person("manager")
    project = manager.post("/api/projects", json={"name": "Дом"}).json()
    body = {"project_id": project["id"], "title": "Трещина"}
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: manager.post("/api/defects", json=body).json(), range(8)))
        path = f"/api/defects/{made[0]['id']}"
        edits = list(pool.map(lambda n: manager.patch(path, 1, json={"title": f"Правка {n}"}), range(8)))
        site = f"/api/projects/{project['id']}"
        renames = list(pool.map(lambda n: manager.patch(site, 1, json={"name": f"Дом {n}"}), range(8)))

    assert sorted(defect["number"] for defect in made) == list(range(1, 9))
    for answers in (edits, renames):
        assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
        assert {code(answer) for answer in answers if answer.status_code == 409} == {"version_conflict"}
    assert manager.get(f"{path}/history").json()["total"] == 2


def test_the_database_itself_refuses_to_change_history(on_postgres: Stack) -> None:
    database = on_postgres.network.apps["defects-service"].state.database
    for statement in ("UPDATE events SET actor_name = 'nobody'", "DELETE FROM events", "TRUNCATE events"):
        with pytest.raises(DBAPIError, match="only ever added"), database.writing() as session:
            session.execute(text(statement))


def test_a_dump_brings_a_database_back(on_postgres: Stack, server: str, tmp_path: Path) -> None:
    manager = on_postgres.person("manager")
    kept = manager.post("/api/projects", json={"name": "Было до беды"}).json()
    environment = os.environ | _connection(server) | {"BACKUPS": str(tmp_path), "PGUSER": "postgres"}
    subprocess.run(["sh", BACKEND.parent / "postgres/backup.sh", "now"], check=True, env=environment)
    lost = manager.post("/api/projects", json={"name": "Записано после"}).json()
    (dump,) = tmp_path.glob("projects-*.dump")
    subprocess.run(["pg_restore", "--clean", "--if-exists", "-d", "projects", dump], check=True, env=environment)

    assert {path.name.partition("-")[0] for path in tmp_path.iterdir()} == {"auth", "projects", "defects", "reports"}
    assert manager.get(f"/api/projects/{kept['id']}").status_code == 200
    assert manager.get(f"/api/projects/{lost['id']}").status_code == 404


def _connection(server: str) -> dict[str, str]:
    return {"PGHOST": "127.0.0.1", "PGPORT": server.rpartition(":")[2].partition("/")[0]}
