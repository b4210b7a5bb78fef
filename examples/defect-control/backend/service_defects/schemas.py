from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from common.paging import LAST_PAGE
from common.texts import Body, Changes, Line, Prose, absent
from common.tokens import Identity
from service_defects.flow import FINISHED, Priority, Status, allowed_from
from service_defects.models import Action, Attachment, Defect
from service_defects.sites import Site

Title = Annotated[Line, Field(min_length=3, max_length=200)]
Description = Annotated[Prose, Field(max_length=10_000)]
Location = Annotated[Line, Field(max_length=200)]
Reason = Annotated[Prose, Field(max_length=5000)]


class NewDefect(Body):
    """`id` may be the client's own choice: asked twice with it, as after an answer that was lost, records once."""

    id: UUID | None = None
    project_id: UUID
    title: Title
    description: Description = ""
    priority: Priority = Priority.MEDIUM
    location: Location = ""
    stage_id: UUID | None = None
    assignee_id: UUID | None = None
    due_date: date | None = None


class DefectChanges(Changes):
    title: Title = absent()
    description: Description = absent()
    priority: Priority = absent()
    location: Location = absent()
    stage_id: UUID | None = None
    assignee_id: UUID | None = None
    due_date: date | None = None


class Transition(Body):
    status: Status
    comment: Reason | None = None


class NewComment(Body):
    text: Annotated[Prose, Field(min_length=1, max_length=5000)]


class DefectFilter(Body):
    """What a list, a board and a saved filter may ask for."""

    project_id: list[UUID] = Field(default=[], max_length=50)
    status: list[Status] = Field(default=[], max_length=5)
    priority: list[Priority] = Field(default=[], max_length=4)
    assignee_id: list[UUID] = Field(default=[], max_length=50)
    author_id: list[UUID] = Field(default=[], max_length=50)
    stage_id: list[UUID] = Field(default=[], max_length=50)
    q: Annotated[Line | None, Field(max_length=100)] = None
    unassigned: bool = False
    overdue: bool = False
    due_from: date | None = None
    due_to: date | None = None
    created_from: date | None = None
    created_to: date | None = None


Sort = Literal[
    "created_at", "-created_at", "updated_at", "-updated_at", "due_date", "-due_date", "priority", "-priority",
    "status", "-status", "number", "-number", "title", "-title",
]  # fmt: skip


class DefectQuery(DefectFilter):
    sort: Sort = "-updated_at"
    page: int = Field(default=1, ge=1, le=LAST_PAGE)
    size: int = Field(default=20, ge=1, le=100)


class BoardQuery(DefectFilter):
    per_column: int = Field(default=50, ge=1, le=100)


class SavedQuery(DefectFilter):
    sort: Sort | None = None


class FilterBody(Body):
    name: Annotated[Line, Field(min_length=1, max_length=80)]
    query: SavedQuery


class FilterAnswer(BaseModel):
    id: UUID
    name: str
    query: dict[str, Any]
    created_at: datetime


class AttachmentAnswer(BaseModel):
    id: UUID
    defect_id: UUID
    filename: str
    content_type: str
    size: int
    width: int | None
    height: int | None
    has_preview: bool
    author_id: UUID
    author_name: str
    created_at: datetime

    @classmethod
    def of(cls, attachment: Attachment) -> Self:
        return cls.model_validate(attachment, from_attributes=True)


class CommentAnswer(BaseModel):
    id: UUID
    author_id: UUID
    author_name: str
    text: str
    created_at: datetime


class FieldChange(BaseModel):
    field: str
    old: Any
    new: Any


class EventAnswer(BaseModel):
    id: UUID
    at: datetime
    actor_id: UUID
    actor_name: str
    action: Action
    changes: list[FieldChange]
    comment: str | None


class DefectSummary(BaseModel):
    id: UUID
    number: int
    project_id: UUID
    project_name: str
    title: str
    priority: Priority
    status: Status
    location: str
    stage_id: UUID | None
    stage_name: str | None
    assignee_id: UUID | None
    assignee_name: str | None
    author_id: UUID
    author_name: str
    due_date: date | None
    is_overdue: bool
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    version: int
    comments_count: int
    attachments_count: int
    cover_id: UUID | None

    @classmethod
    def of(cls, defect: Defect, project_name: str, today: date) -> Self:
        return cls.model_validate(_facts(defect, project_name, today))


class DefectAnswer(DefectSummary):
    description: str
    attachments: list[AttachmentAnswer]
    allowed_transitions: list[Status]
    can_edit: bool
    can_assign: bool
    can_write: bool

    @classmethod
    def seen_by(cls, asking: Identity, defect: Defect, attachments: list[Attachment], site: Site, today: date) -> Self:
        changeable = site.is_active and defect.status not in FINISHED
        moves = allowed_from(Status(defect.status), asking, defect.assignee_id) if changeable else []
        return cls.model_validate(
            _facts(defect, site.name, today)
            | {
                "attachments": [AttachmentAnswer.of(attachment) for attachment in attachments],
                "allowed_transitions": moves,
                "can_edit": changeable and may_edit(asking, defect),
                "can_assign": changeable and asking.leads,
                "can_write": site.is_active and asking.writes,
            }
        )


class Column(BaseModel):
    status: Status
    total: int
    items: list[DefectSummary]


class Board(BaseModel):
    columns: list[Column]


class Fact(BaseModel):
    """What reports-service keeps of a defect."""

    id: UUID
    position: int
    project_id: UUID
    number: int
    title: str
    priority: Priority
    status: Status
    location: str
    stage_name: str | None
    assignee_id: UUID | None
    assignee_name: str | None
    author_name: str
    due_date: date | None
    created_at: datetime
    closed_at: datetime | None


class Facts(BaseModel):
    position: int
    facts: list[Fact]


def may_edit(asking: Identity, defect: Defect) -> bool:
    return asking.leads or (asking.writes and asking.user_id in {defect.author_id, defect.assignee_id})


def _facts(defect: Defect, project_name: str, today: date) -> dict[str, Any]:
    overdue = defect.due_date is not None and defect.due_date < today and defect.status not in FINISHED
    columns = {column.key: getattr(defect, column.key) for column in Defect.__table__.columns}
    return columns | {"project_name": project_name, "is_overdue": overdue}
