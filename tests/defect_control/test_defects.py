"""defects-service: recording, the flow, history, comments, searching."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta

import pytest

from tests.defect_control.stack import Person, Stack, code

Record = Callable[..., dict]


def test_a_new_defect_is_numbered_within_its_site(record: Record, engineer: Person) -> None:
    first, second = record(), record()

    assert (first["number"], second["number"]) == (1, 2)
    assert (first["status"], first["priority"], first["author_id"]) == ("new", "medium", engineer.id)


def test_a_recording_repeated_after_a_lost_answer_records_once(
    record: Record, engineer: Person, manager: Person, project: dict
) -> None:
    chosen = str(uuid.uuid4())
    first, second = record(id=chosen), record(id=chosen, title="Трещина ещё раз")
    body = {"project_id": project["id"], "title": "Чужой", "id": chosen}

    assert first == second
    assert first["id"] == chosen
    assert engineer.get("/api/defects", params={"project_id": project["id"]}).json()["total"] == 1
    assert code(manager.post("/api/defects", json=body)) == "id_taken"


def test_an_observer_reads_and_writes_nothing(observer: Person, record: Record, project: dict) -> None:
    defect = record()
    path = f"/api/defects/{defect['id']}"
    attempts = [
        observer.post("/api/defects", json={"project_id": project["id"], "title": "Моё"}),
        observer.patch(path, 1, json={"title": "Моё имя"}),
        observer.move(defect, "in_progress"),
        observer.post(f"{path}/comments", json={"text": "!"}),
        observer.post(f"{path}/attachments", files={"file": ("a.pdf", b"%PDF-1.7", "application/pdf")}),
    ]
    seen = observer.get(path).json()

    assert {code(answer) for answer in attempts} == {"role_forbidden"}
    assert (seen["allowed_transitions"], seen["can_edit"], seen["can_write"]) == ([], False, False)


def test_another_sites_defect_does_not_exist_for_you(stack: Stack, record: Record, administrator: Person) -> None:
    """IDOR: every route with an id of somebody else's."""
    defect = record()
    stranger = stack.person("manager")
    path = f"/api/defects/{defect['id']}"
    attempts = [
        stranger.get(path),
        stranger.patch(path, 1, json={"title": "Моё имя"}),
        stranger.move(defect, "in_progress"),
        stranger.get(f"{path}/comments"),
        stranger.post(f"{path}/comments", json={"text": "!"}),
        stranger.get(f"{path}/history"),
        stranger.post(f"{path}/attachments", files={"file": ("a.pdf", b"%PDF-1.7", "application/pdf")}),
        stranger.get(f"/api/defects/{uuid.uuid4()}"),
    ]
    elsewhere = stranger.post("/api/defects", json={"project_id": defect["project_id"], "title": "Чужое"})
    listed = stranger.get("/api/defects", params={"project_id": defect["project_id"]}).json()

    assert {(answer.status_code, code(answer)) for answer in attempts} == {(404, "defect_not_found")}
    assert code(elsewhere) == "project_not_found"
    assert listed["total"] == 0
    assert administrator.get(path).status_code == 200


def test_the_flow_and_who_takes_which_step(manager: Person, engineer: Person, stack: Stack, record: Record) -> None:
    other = stack.person("engineer")
    defect = record()
    manager.put(f"/api/projects/{defect['project_id']}/members/{other.id}")

    assert engineer.get(f"/api/defects/{defect['id']}").json()["allowed_transitions"] == ["in_progress"]
    defect = engineer.move(defect, "in_progress").json()
    assert defect["assignee_id"] == engineer.id
    assert code(other.move(defect, "in_review")) == "transition_forbidden"
    assert code(engineer.move(defect, "closed")) == "transition_impossible"
    defect = engineer.move(defect, "in_review").json()
    assert code(engineer.move(defect, "closed")) == "transition_forbidden"
    assert code(manager.move(defect, "in_progress")) == "reason_required"
    defect = manager.move(defect, "in_progress", "Шов не заделан").json()
    defect = engineer.move(defect, "in_review").json()
    defect = manager.move(defect, "closed").json()
    assert defect["closed_at"]
    assert defect["allowed_transitions"] == []
    assert code(manager.move(defect, "in_progress", "Ещё раз")) == "transition_impossible"
    assert code(manager.patch(f"/api/defects/{defect['id']}", defect["version"], json={"title": "Новое"})) == (
        "defect_finished"
    )


@pytest.mark.parametrize("steps", [[], ["in_progress"], ["in_progress", "in_review"]])
def test_a_leader_cancels_with_a_reason_from_any_open_state(manager: Person, record: Record, steps: list[str]) -> None:
    defect = record()
    for status in steps:
        defect = manager.move(defect, status).json()

    assert code(manager.move(defect, "cancelled")) == "reason_required"
    assert manager.move(defect, "cancelled", "Записан дважды").json()["status"] == "cancelled"


def test_an_engineer_assigns_only_himself_and_only_what_is_free(
    engineer: Person, manager: Person, observer: Person, record: Record, stack: Stack
) -> None:
    defect = record()
    path = f"/api/defects/{defect['id']}"

    assert code(engineer.patch(path, 1, json={"assignee_id": manager.id})) == "assign_forbidden"
    assert code(engineer.patch(path, 1, json={"due_date": "2026-12-01"})) == "assign_forbidden"
    assert engineer.patch(path, 1, json={"assignee_id": engineer.id}).json()["assignee_name"] == engineer.name
    assert manager.patch(path, 2, json={"assignee_id": None, "due_date": "2026-12-01"}).status_code == 200
    for nobody in (observer.id, stack.first.id, str(uuid.uuid4())):
        assert code(manager.patch(path, 3, json={"assignee_id": nobody})) == "assignee_not_member"


def test_a_stage_has_to_be_the_sites_own(manager: Person, record: Record, project: dict) -> None:
    stage = manager.post(f"/api/projects/{project['id']}/stages", json={"name": "Отделка"}).json()

    assert record(stage_id=stage["id"])["stage_name"] == "Отделка"
    body = {"project_id": project["id"], "title": "Скол", "stage_id": str(uuid.uuid4())}
    assert code(manager.post("/api/defects", json=body)) == "stage_not_of_project"


def test_the_second_of_two_editors_loses_nothing(engineer: Person, manager: Person, record: Record) -> None:
    defect = record()
    path = f"/api/defects/{defect['id']}"
    engineer.patch(path, 1, json={"description": "Ширина 2 мм"})
    late = manager.patch(path, 1, json={"description": "Ширина 3 мм", "priority": "high"})
    details = late.json()["error"]["details"]

    assert (late.status_code, code(late)) == (409, "version_conflict")
    assert (details["current"]["description"], details["current"]["version"]) == ("Ширина 2 мм", 2)
    assert details["yours"] == {"version": 1, "changes": {"description": "Ширина 3 мм", "priority": "high"}}
    assert code(manager.patch(path, json={"priority": "high"})) == "if_match_missing"
    assert manager.get(path).headers["etag"] == '"2"'


def test_a_comment_does_not_make_an_editors_version_old(engineer: Person, manager: Person, record: Record) -> None:
    defect = record()
    path = f"/api/defects/{defect['id']}"
    manager.post(f"{path}/comments", json={"text": "Когда?\nСегодня."})

    assert engineer.patch(path, 1, json={"title": "Трещина у окна"}).json()["comments_count"] == 1
    assert [said["text"] for said in engineer.get(f"{path}/comments").json()["items"]] == ["Когда?\nСегодня."]


def test_every_change_is_a_line_of_history(engineer: Person, manager: Person, record: Record) -> None:
    defect = record()
    path = f"/api/defects/{defect['id']}"
    manager.patch(path, 1, json={"assignee_id": engineer.id, "priority": "high"})
    manager.post(f"{path}/comments", json={"text": "Срочно"})
    engineer.move(engineer.get(path).json(), "in_progress")
    events = engineer.get(f"{path}/history").json()["items"]

    assert [event["action"] for event in events] == ["moved", "commented", "edited", "created"]
    assert events[0]["changes"] == [{"field": "status", "old": "new", "new": "in_progress"}]
    assert {(one["field"], one["old"], one["new"]) for one in events[2]["changes"]} == {
        ("assignee_id", None, engineer.name),
        ("priority", "medium", "high"),
    }
    assert events[2]["actor_name"] == manager.name


def test_the_database_itself_refuses_to_change_history(stack: Stack, record: Record) -> None:
    record()
    with closing(sqlite3.connect(stack.directory / "defects/database.sqlite3")) as database:
        for statement in ("UPDATE events SET actor_name = 'nobody'", "DELETE FROM events"):
            with pytest.raises(sqlite3.IntegrityError, match="only ever added"):
                database.execute(statement)


def test_an_edit_that_changes_nothing_leaves_no_trace(engineer: Person, record: Record) -> None:
    defect = record()
    path = f"/api/defects/{defect['id']}"

    assert engineer.patch(path, 1, json={"title": defect["title"]}).json()["version"] == 1
    assert engineer.get(f"{path}/history").json()["total"] == 1


def test_filters_narrow_and_sorting_orders(manager: Person, engineer: Person, record: Record, project: dict) -> None:
    yesterday, tomorrow = (str(date.today() + timedelta(days=days)) for days in (-2, 2))
    record(title="Скол плитки", priority="low", due_date=tomorrow)
    record(title="Протечка КРОВЛИ", priority="critical", due_date=yesterday, location="Кровля, ось А")
    record(title="Кривая стена", assignee_id=engineer.id)

    def found(**query: object) -> list[str]:
        answer = manager.get("/api/defects", params={"project_id": project["id"], "sort": "number", **query})
        assert answer.status_code == 200, answer.text
        return [item["title"].split()[0] for item in answer.json()["items"]]

    assert found(q="кровли") == found(q="ось а") == found(q="№2") == ["Протечка"]
    assert found(priority=["low", "critical"]) == ["Скол", "Протечка"]
    assert found(unassigned=True) == ["Скол", "Протечка"]
    assert found(assignee_id=engineer.id) == ["Кривая"]
    assert found(overdue=True) == ["Протечка"]
    assert found(due_to=yesterday) == ["Протечка"]
    assert found(created_from=tomorrow) == []
    assert found(sort="-priority") == ["Протечка", "Кривая", "Скол"]
    assert found(sort="due_date") == ["Протечка", "Скол", "Кривая"]
    assert found(size=2, page=2) == ["Кривая"]
    assert found(q="' OR 1=1 --") == found(q="%") == []


def test_what_a_filter_does_not_know_is_told(manager: Person) -> None:
    answer = manager.get("/api/defects", params={"sort": "password_hash", "colour": "red"})

    assert {fault["field"] for fault in answer.json()["error"]["fields"]} == {"sort", "colour"}


def test_overdue_is_marked_until_it_is_finished(manager: Person, record: Record) -> None:
    defect = record(due_date=str(date.today() - timedelta(days=3)))

    assert defect["is_overdue"] is True
    assert manager.move(defect, "cancelled", "Принято как есть").json()["is_overdue"] is False


def test_a_board_has_every_status_with_its_count(manager: Person, record: Record, project: dict) -> None:
    for _ in range(3):
        record()
    manager.move(record(), "in_progress")
    columns = manager.get("/api/defects/board", params={"project_id": project["id"], "per_column": 2}).json()["columns"]

    assert [(column["status"], column["total"], len(column["items"])) for column in columns] == [
        ("new", 3, 2),
        ("in_progress", 1, 1),
        ("in_review", 0, 0),
        ("closed", 0, 0),
        ("cancelled", 0, 0),
    ]


def test_saved_filters_are_ones_own(manager: Person, engineer: Person) -> None:
    body = {"name": "Срочные", "query": {"priority": ["critical"], "overdue": True}}
    saved = manager.post("/api/filters", json=body).json()

    assert saved["query"] == body["query"]
    assert code(manager.post("/api/filters", json=body)) == "filter_name_taken"
    assert engineer.get("/api/filters").json() == []
    assert code(engineer.put(f"/api/filters/{saved['id']}", json=body)) == "filter_not_found"
    assert code(engineer.delete(f"/api/filters/{saved['id']}")) == "filter_not_found"
    assert manager.put(f"/api/filters/{saved['id']}", json={**body, "name": "Горит"}).json()["name"] == "Горит"
    assert manager.delete(f"/api/filters/{saved['id']}").status_code == 204
    assert code(manager.post("/api/filters", json={"name": "x", "query": {"sql": "1"}})) == "validation_failed"


def test_an_archived_sites_defects_are_read_only(manager: Person, engineer: Person, record: Record) -> None:
    defect = record()
    manager.patch(f"/api/projects/{defect['project_id']}", 1, json={"status": "archived"})
    path = f"/api/defects/{defect['id']}"

    assert engineer.get(path).json()["can_write"] is False
    assert code(engineer.move(defect, "in_progress")) == "project_archived"
    assert code(engineer.post(f"{path}/comments", json={"text": "!"})) == "project_archived"


def test_markup_in_words_stays_words(engineer: Person, record: Record) -> None:
    """XSS: what comes back is JSON that no browser takes for a page, with the words as they were typed."""
    title = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    answer = engineer.get(f"/api/defects/{record(title=title, description=title)['id']}")

    assert answer.json()["title"] == title
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
