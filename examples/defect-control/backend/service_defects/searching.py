"""A filter as SQL. Only columns and bound values: nothing of a client's text is part of a statement."""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from common.paging import pattern
from service_defects.flow import FINISHED, Priority, Status
from service_defects.models import Defect
from service_defects.schemas import DefectFilter

PRIORITY_RANK = case({priority.value: rank for rank, priority in enumerate(Priority)}, value=Defect.priority)
STATUS_RANK = case({status.value: rank for rank, status in enumerate(Status)}, value=Defect.status)
SORTED_BY = {
    "created_at": Defect.created_at,
    "updated_at": Defect.updated_at,
    "due_date": Defect.due_date,
    "priority": PRIORITY_RANK,
    "status": STATUS_RANK,
    "number": Defect.number,
    "title": func.lower(Defect.title),
}


def found(asked: DefectFilter, visible: Collection[UUID], zone: ZoneInfo) -> Select[tuple[Defect]]:
    projects = set(visible) & set(asked.project_id) if asked.project_id else set(visible)
    query = select(Defect).where(Defect.project_id.in_(projects))
    for column, chosen in (
        (Defect.status, asked.status),
        (Defect.priority, asked.priority),
        (Defect.author_id, asked.author_id),
        (Defect.stage_id, asked.stage_id),
    ):
        if chosen:
            query = query.where(column.in_(chosen))
    if asked.assignee_id and asked.unassigned:
        query = query.where(Defect.assignee_id.in_(asked.assignee_id) | Defect.assignee_id.is_(None))
    elif asked.assignee_id:
        query = query.where(Defect.assignee_id.in_(asked.assignee_id))
    elif asked.unassigned:
        query = query.where(Defect.assignee_id.is_(None))
    if asked.q:
        query = query.where(Defect.search_text.like(pattern(asked.q), escape="\\"))
    if asked.overdue:
        query = query.where(Defect.due_date < datetime.now(zone).date(), Defect.status.not_in(FINISHED))
    if asked.due_from:
        query = query.where(Defect.due_date >= asked.due_from)
    if asked.due_to:
        query = query.where(Defect.due_date <= asked.due_to)
    if asked.created_from:
        query = query.where(Defect.created_at >= _begin(asked.created_from, zone))
    if asked.created_to and asked.created_to < date.max:
        query = query.where(Defect.created_at < _begin(asked.created_to + timedelta(days=1), zone))
    return query


def sorted_by(query: Select[tuple[Defect]], sort: str) -> Select[tuple[Defect]]:
    """Ties by the newest change; what has no due date comes last either way."""
    column = SORTED_BY[sort.removeprefix("-")]
    ordered = column.desc() if sort.startswith("-") else column.asc()
    return query.order_by(ordered.nulls_last(), Defect.position.desc(), Defect.id)


def counts_by_status(session: Session, query: Select[tuple[Defect]]) -> dict[str, int]:
    counted = query.with_only_columns(Defect.status, func.count()).group_by(Defect.status)
    return dict(session.execute(counted).all())


def _begin(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
