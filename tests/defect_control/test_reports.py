"""reports-service: numbers that agree with the defects, and tables that spreadsheets open without harm."""

from __future__ import annotations

import csv
import io
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from service_reports.exports import as_xlsx
from service_reports.models import Fact
from service_reports.schemas import Period
from service_reports.statistics import Scope, summarize
from tests.defect_control.stack import Person, Stack, code

Record = Callable[..., dict]
SITE = uuid4()
MOSCOW = ZoneInfo("Europe/Moscow")


def fact(created: str, closed: str | None = None, status: str = "new", **fields: object) -> Fact:
    def moment(day: str) -> datetime:
        return datetime.fromisoformat(day).replace(tzinfo=UTC)

    facts = {
        "id": uuid4(), "position": 1, "project_id": SITE, "number": 1, "title": "Скол", "priority": "medium",
        "status": status, "location": "", "author_name": "Автор", "created_at": moment(created),
        "closed_at": moment(closed) if closed else None,
    }  # fmt: skip
    return Fact(**(facts | fields))


def scope(first: str, last: str) -> Scope:
    return Scope({SITE: "Дом"}, Period(first=date.fromisoformat(first), last=date.fromisoformat(last)), MOSCOW)


def test_a_timeline_counts_every_day_and_what_was_open_before_it() -> None:
    facts = [
        fact("2026-10-01"),
        fact("2026-10-02", "2026-10-11", "closed"),
        fact("2026-10-11", "2026-10-12", "cancelled"),
    ]
    days = summarize(facts, scope("2026-10-10", "2026-10-13")).timeline

    assert [(day.date.day, day.opened, day.closed, day.open) for day in days] == [
        (10, 0, 0, 2),
        (11, 1, 1, 2),
        (12, 0, 0, 1),
        (13, 0, 0, 1),
    ]


def test_a_day_begins_at_the_firms_midnight() -> None:
    days = summarize([fact("2026-10-10T21:30")], scope("2026-10-10", "2026-10-11")).timeline

    assert [day.opened for day in days] == [0, 1]


def test_the_mean_time_to_close_is_of_what_was_closed_in_the_period() -> None:
    facts = [
        fact("2026-10-01", "2026-10-02", "closed"),
        fact("2026-10-01", "2026-10-03", "closed"),
        fact("2026-09-01", "2026-09-30", "closed"),
        fact("2026-10-01", "2026-10-02", "cancelled"),
    ]
    totals = summarize(facts, scope("2026-10-01", "2026-10-31")).totals

    assert (totals.mean_hours_to_close, totals.closed_in_period, totals.closed) == (36.0, 2, 3)


def test_a_report_agrees_with_the_defects(manager: Person, engineer: Person, record: Record, project: dict) -> None:
    query = {"project_id": project["id"]}
    today = date.fromisoformat(manager.get("/api/reports/summary", params=query).json()["period"]["to"])  # of the site
    record(priority="critical", due_date=str(today - timedelta(days=5)), assignee_id=engineer.id)
    defect = record(priority="low")
    for status in ("in_progress", "in_review", "closed"):
        defect = manager.move(defect, status).json()
    manager.move(record(), "cancelled", "Повтор")
    summary = manager.get("/api/reports/summary", params=query).json()
    overdue = manager.get("/api/reports/overdue", params=query).json()["items"]

    totals = {name: summary["totals"][name] for name in ("total", "open", "closed", "cancelled", "overdue")}
    assert totals == {"total": 3, "open": 1, "closed": 1, "cancelled": 1, "overdue": 1}
    assert [line["count"] for line in summary["by_status"]] == [1, 0, 0, 1, 1]
    assert summary["by_priority"][0] == {"priority": "critical", "open": 1, "closed": 0}
    assert {line["assignee_name"] for line in summary["by_assignee"]} == {engineer.name, None}
    assert len(summary["timeline"]) == 30
    assert summary["timeline"][-1] == {"date": summary["period"]["to"], "opened": 3, "closed": 1, "open": 1}
    assert [(line["number"], line["days_overdue"]) for line in overdue] == [(1, 5)]


def test_a_report_is_of_ones_own_sites_only(stack: Stack, record: Record, project: dict) -> None:
    record()
    stranger = stack.person("manager")
    query = {"project_id": project["id"]}

    assert stranger.get("/api/reports/summary", params=query).json()["totals"]["total"] == 0
    assert stranger.get("/api/reports/overdue").json()["total"] == 0
    assert len(stranger.get("/api/reports/export.csv", params=query).text.splitlines()) == 1


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"from": "2026-02-01", "to": "2026-01-01"}, "days_reversed"),
        ({"from": "2024-01-01", "to": "2026-01-01"}, "period_too_long"),
        ({"from": "yesterday"}, "validation_failed"),
    ],
)
def test_a_period_has_to_make_sense(manager: Person, query: dict, reason: str) -> None:
    assert code(manager.get("/api/reports/summary", params=query)) == reason


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_no_exported_cell_is_a_formula(manager: Person, record: Record, project: dict, start: str) -> None:
    """Formula injection: `=HYPERLINK(…)` in a title must be text for whoever opens the table."""
    title = start + 'HYPERLINK("http://evil.example";"click")'
    record(title=title, location=start + "1")
    query = {"project_id": project["id"]}
    table = manager.get("/api/reports/export.csv", params=query).content.decode("utf-8-sig")
    book = openpyxl.load_workbook(io.BytesIO(manager.get("/api/reports/export.xlsx", params=query).content))
    row = list(csv.reader(io.StringIO(table), delimiter=";"))[1]
    cells = [cell for sheet in book for line in sheet.iter_rows() for cell in line if cell.value is not None]

    assert row[2] == "'" + title
    assert not any(value.startswith(("=", "+", "-", "@")) for value in row)
    assert {cell.data_type for cell in cells} <= {"s", "n", "d"}
    assert book.worksheets[0]["C2"].value == title


def test_exports_speak_the_readers_language(manager: Person, record: Record, project: dict) -> None:
    record()
    query = {"project_id": project["id"]}
    english = manager.get("/api/reports/export.csv", params=query, headers={"Accept-Language": "en"})
    workbook = manager.get("/api/reports/export.xlsx", params=query)

    assert english.content.startswith(b"\xef\xbb\xbfNo.,Project,Defect,Status")
    assert 'filename="defects-' in english.headers["content-disposition"]
    assert openpyxl.load_workbook(io.BytesIO(workbook.content)).sheetnames == ["Дефекты", "Сводка", "По дням"]
    assert zipfile.is_zipfile(io.BytesIO(workbook.content))


def test_a_workbooks_work_grows_as_its_rows_do() -> None:
    """In this thread's own time, whatever else the machine does: twice the slack, and a square would be four times."""

    def seconds(rows: int) -> float:
        facts = [fact("2026-10-01", number=number) for number in range(1, rows + 1)]
        of = scope("2026-10-01", "2026-10-02")
        began = time.thread_time()
        book = as_xlsx(facts, summarize(facts, of), of, "ru")
        took = time.thread_time() - began
        sheet = openpyxl.load_workbook(io.BytesIO(book), read_only=True)["Дефекты"]
        assert sum(1 for _ in sheet.iter_rows(min_row=2)) == rows
        return took

    few = max(seconds(250) for _ in range(3))

    assert min(seconds(2500) for _ in range(2)) < 20 * few


def test_reports_follow_when_the_defects_were_restored_from_a_backup(
    stack: Stack, manager: Person, record: Record, project: dict
) -> None:
    from service_reports.models import Cursor

    record()
    manager.get("/api/reports/summary")
    database = stack.network.apps["reports-service"].state.database
    with database.writing() as session:
        session.get_one(Cursor, 1).position += 1000
        session.add(fact("2026-10-01", project_id=UUID(project["id"])))

    assert manager.get("/api/reports/summary", params={"project_id": project["id"]}).json()["totals"]["total"] == 1
