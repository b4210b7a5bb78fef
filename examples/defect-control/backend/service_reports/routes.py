from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import select

from common.context import language
from common.database import Database
from common.identity import Asking, Bearer
from common.paging import Page, paged
from common.peers import Peer
from common.service import Store
from service_reports import exports, following, problems, statistics
from service_reports.models import Fact
from service_reports.schemas import Overdue, OverdueQuery, Period, ReportQuery, Summary
from service_reports.settings import ReportsSettings
from service_reports.statistics import Scope

DEFAULT_DAYS = 30
LONGEST_DAYS = 366
EARLIEST = date(1970, 1, 31)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

router = APIRouter(prefix="/reports", tags=["reports"])


class Reporting:
    """One person's reports: of the sites that projects-service shows to them."""

    def __init__(self, database: Database, settings: ReportsSettings, projects: Peer, token: str) -> None:
        self._database = database
        self._settings = settings
        self._projects = projects
        self._token = token

    def of(self, asked: ReportQuery) -> tuple[Sequence[Fact], Scope]:
        scope = self._scope(asked)
        query = select(Fact).where(Fact.project_id.in_(scope.projects)).order_by(Fact.project_id, Fact.number)
        with self._database.reading() as session:
            return session.scalars(query).all(), scope

    def overdue(self, asked: OverdueQuery) -> Page[Overdue]:
        """The longest overdue first."""
        scope = self._scope(asked)
        is_overdue = Fact.due_date < scope.today, Fact.status.not_in(statistics.FINISHED)
        query = select(Fact).where(Fact.project_id.in_(scope.projects), *is_overdue)
        query = query.order_by(Fact.due_date, Fact.project_id, Fact.number)
        with self._database.reading() as session:
            return paged(session, query, asked.page, asked.size, lambda fact: statistics.late(fact, scope))

    def _scope(self, asked: ReportQuery) -> Scope:
        names = {
            UUID(site["id"]): site["name"] for site in self._projects.get("/projects/names", token=self._token).json()
        }
        chosen = names.keys() & set(asked.project_id) if asked.project_id else names.keys()
        return Scope({key: names[key] for key in chosen}, self._period(asked), self._settings.zone)

    def _period(self, asked: ReportQuery) -> Period:
        last = asked.last or datetime.now(self._settings.zone).date()
        first = asked.first or max(last, EARLIEST) - timedelta(days=DEFAULT_DAYS - 1)
        if last < first:
            raise problems.DAYS_REVERSED()
        if (last - first).days >= LONGEST_DAYS:
            raise problems.PERIOD_TOO_LONG(days=LONGEST_DAYS)
        return Period(first=first, last=last)


def _reporting(_asking: Asking, credentials: Bearer, request: Request, database: Store) -> Reporting:
    state = request.app.state
    following.catch_up(database, state.peers["defects"], state.tokens.service("reports-service"))
    return Reporting(database, state.settings, state.peers["projects"], credentials.credentials if credentials else "")


Reports = Annotated[Reporting, Depends(_reporting)]
Asked = Annotated[ReportQuery, Query()]


@router.get("/summary")
def summary(asked: Asked, reports: Reports) -> Summary:
    """Everything that the charts show, in one answer."""
    return statistics.summarize(*reports.of(asked))


@router.get("/overdue")
def overdue(asked: Annotated[OverdueQuery, Query()], reports: Reports) -> Page[Overdue]:
    return reports.overdue(asked)


@router.get("/export.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
def export_csv(asked: Asked, reports: Reports) -> Response:
    facts, scope = reports.of(asked)
    content = exports.as_csv(facts, scope, language.get())
    return _download(content, "text/csv; charset=utf-8", f"defects-{scope.today}.csv")


@router.get("/export.xlsx", response_class=Response, responses={200: {"content": {XLSX: {}}}})
def export_xlsx(asked: Asked, reports: Reports) -> Response:
    facts, scope = reports.of(asked)
    content = exports.as_xlsx(facts, statistics.summarize(facts, scope), scope, language.get())
    return _download(content, XLSX, f"defects-{scope.today}.xlsx")


def _download(content: bytes, media_type: str, filename: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{filename}"', "Cache-Control": "no-store"}
    return Response(content, media_type=media_type, headers=headers)
