from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from common.paging import LAST_PAGE
from common.texts import Body

Status = Literal["new", "in_progress", "in_review", "closed", "cancelled"]
Priority = Literal["low", "medium", "high", "critical"]


class ReportQuery(Body):
    project_id: list[UUID] = Field(default=[], max_length=50)
    first: date | None = Field(default=None, alias="from")
    last: date | None = Field(default=None, alias="to")


class OverdueQuery(ReportQuery):
    page: int = Field(default=1, ge=1, le=LAST_PAGE)
    size: int = Field(default=20, ge=1, le=100)


class Period(BaseModel):
    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    first: date = Field(alias="from")
    last: date = Field(alias="to")


class Totals(BaseModel):
    total: int
    open: int
    closed: int
    cancelled: int
    overdue: int
    opened_in_period: int
    closed_in_period: int
    mean_hours_to_close: float | None


class ByStatus(BaseModel):
    status: Status
    count: int


class ByPriority(BaseModel):
    priority: Priority
    open: int
    closed: int


class Share(BaseModel):
    open: int
    closed: int
    overdue: int
    mean_hours_to_close: float | None


class ByAssignee(Share):
    assignee_id: UUID | None
    assignee_name: str | None


class ByProject(Share):
    project_id: UUID
    project_name: str


class Day(BaseModel):
    date: date
    opened: int
    closed: int
    open: int


class Summary(BaseModel):
    period: Period
    totals: Totals
    by_status: list[ByStatus]
    by_priority: list[ByPriority]
    by_assignee: list[ByAssignee]
    by_project: list[ByProject]
    timeline: list[Day]


class Overdue(BaseModel):
    id: UUID
    number: int
    title: str
    project_id: UUID
    project_name: str
    priority: Priority
    status: Status
    assignee_id: UUID | None
    assignee_name: str | None
    due_date: date
    days_overdue: int
