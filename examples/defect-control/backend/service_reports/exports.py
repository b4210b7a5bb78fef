"""Tables for spreadsheets. What begins like a formula is text: in CSV by an apostrophe, in a workbook by its type."""

import csv
import io
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from service_reports.models import Fact
from service_reports.schemas import Summary
from service_reports.statistics import Scope, is_overdue
from service_reports.words import say

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
COLUMNS = (
    "number", "project", "title", "status", "priority", "location", "stage", "assignee", "author", "due_date",
    "overdue", "created_at", "closed_at", "hours_to_close",
)  # fmt: skip
WIDTHS = (7, 28, 50, 14, 14, 24, 20, 26, 26, 12, 12, 18, 18, 12)
HEADER = Font(bold=True, color="FFFFFF")
HEADER_FILL = PatternFill("solid", fgColor="1F4E79")

Say = Callable[[str], str]


def as_csv(facts: Sequence[Fact], scope: Scope, language: str) -> bytes:
    """With a byte order mark, which is how Excel knows UTF-8, and the separator of the language's Excel."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter="," if language == "en" else ";")
    writer.writerow(say(name, language) for name in COLUMNS)
    for fact in facts:
        writer.writerow(_plain(value) for value in _row(fact, scope, language))
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8")


def as_xlsx(facts: Sequence[Fact], summary: Summary, scope: Scope, language: str) -> bytes:
    def words(name: str) -> str:
        return say(name, language)

    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = words("defects")
    _table(sheet, [words(name) for name in COLUMNS], [_row(fact, scope, language) for fact in facts], WIDTHS)
    _summary(book.create_sheet(words("summary")), summary, words)
    _table(
        book.create_sheet(words("timeline")),
        [words("date"), words("opened"), words("closed_count"), words("open")],
        [[day.date, day.opened, day.closed, day.open] for day in summary.timeline],
        (12, 12, 12, 12),
    )
    result = io.BytesIO()
    book.save(result)
    return result.getvalue()


def _row(fact: Fact, scope: Scope, language: str) -> list[Any]:
    closed = fact.closed_at if fact.status == "closed" else None
    return [
        fact.number,
        scope.projects[fact.project_id],
        fact.title,
        say(fact.status, language),
        say(fact.priority, language),
        fact.location,
        fact.stage_name or "",
        fact.assignee_name or "",
        fact.author_name,
        fact.due_date,
        say("yes", language) if is_overdue(fact, scope.today) else "",
        _local(fact.created_at, scope),
        _local(fact.closed_at, scope) if fact.closed_at else None,
        round((closed - fact.created_at).total_seconds() / 3600, 1) if closed else None,
    ]


def _summary(sheet: Worksheet, summary: Summary, words: Say) -> None:
    totals = summary.totals
    period = f"{summary.period.first:%d.%m.%Y} — {summary.period.last:%d.%m.%Y}"
    lines = [
        [words("period"), period],
        [words("total"), totals.total],
        [words("open"), totals.open],
        [words("closed_count"), totals.closed],
        [words("cancelled_count"), totals.cancelled],
        [words("overdue_count"), totals.overdue],
        [words("opened_in_period"), totals.opened_in_period],
        [words("closed_in_period"), totals.closed_in_period],
        [words("mean_hours"), totals.mean_hours_to_close],
    ]
    for line in lines:
        _append(sheet, line)
    counted = [words("open"), words("closed_count"), words("overdue_count"), words("mean_hours")]
    _block(sheet, [words("status"), words("total")], [[words(line.status), line.count] for line in summary.by_status])
    _block(
        sheet,
        [words("priority"), *counted[:2]],
        [[words(line.priority), line.open, line.closed] for line in summary.by_priority],
    )
    _block(
        sheet,
        [words("assignee"), *counted],
        [
            [line.assignee_name or words("nobody"), line.open, line.closed, line.overdue, line.mean_hours_to_close]
            for line in summary.by_assignee
        ],
    )
    _block(
        sheet,
        [words("project"), *counted],
        [
            [line.project_name, line.open, line.closed, line.overdue, line.mean_hours_to_close]
            for line in summary.by_project
        ],
    )
    _widths(sheet, (36, 26, 12, 12, 28))


def _table(sheet: Worksheet, header: list[str], rows: list[list[Any]], widths: Sequence[int]) -> None:
    _header(sheet, header)
    for row in rows:
        _append(sheet, row)
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions
    _widths(sheet, widths)


def _block(sheet: Worksheet, header: list[str], rows: list[list[Any]]) -> None:
    sheet.append([])
    _header(sheet, header)
    for row in rows:
        _append(sheet, row)


def _header(sheet: Worksheet, names: list[str]) -> None:
    for cell in _append(sheet, names):
        cell.font = HEADER
        cell.fill = HEADER_FILL


def _append(sheet: Worksheet, values: Sequence[Any]) -> list[Cell]:
    cells = []
    for value in values:
        cell = Cell(sheet, value=value)
        if isinstance(value, str):
            cell.data_type = "s"  # openpyxl would take "=…" for a formula
            cell.quotePrefix = value.startswith(FORMULA_STARTS)
        elif isinstance(value, datetime):
            cell.number_format = "dd.mm.yyyy hh:mm"
        elif isinstance(value, date):
            cell.number_format = "dd.mm.yyyy"
        cells.append(cell)
    sheet.append(cells)  # it knows its last row; `max_row` would look through all cells for it
    return cells


def _widths(sheet: Worksheet, widths: Sequence[int]) -> None:
    for column, width in enumerate(widths, 1):
        sheet.column_dimensions[get_column_letter(column)].width = width


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    text = str(value)
    return "'" + text if isinstance(value, str) and text.startswith(FORMULA_STARTS) else text


def _local(moment: datetime, scope: Scope) -> datetime:
    """Spreadsheets know no zones: the firm's own time."""
    return moment.astimezone(scope.zone).replace(tzinfo=None, microsecond=0)
