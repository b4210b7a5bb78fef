from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from common.database import NAMES, Model, Moment, now
from service_defects.flow import Priority, Status


class Base(Model):
    __abstract__ = True
    metadata = NAMES


class Feed(Base):
    """One row with the number of the last change.

    Whoever changes anything takes the next number and so holds the row until the commit: changes become visible in the
    order of their numbers, and a reader that follows them misses none.
    """

    __tablename__ = "feed"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int]


class Defect(Base):
    """Names of people and stages are kept as they were when chosen; ids lead to what they are now."""

    __tablename__ = "defects"
    __table_args__ = (
        UniqueConstraint("project_id", "number"),
        Index("ix_defects_project_id_status", "project_id", "status"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    project_id: Mapped[UUID]
    number: Mapped[int]
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    search_text: Mapped[str] = mapped_column(Text)
    priority: Mapped[Priority] = mapped_column(String(20))
    status: Mapped[Status] = mapped_column(String(20), default=Status.NEW)
    location: Mapped[str] = mapped_column(String(200))
    stage_id: Mapped[UUID | None]
    stage_name: Mapped[str | None] = mapped_column(String(120))
    assignee_id: Mapped[UUID | None] = mapped_column(index=True)
    assignee_name: Mapped[str | None] = mapped_column(String(120))
    author_id: Mapped[UUID] = mapped_column(index=True)
    author_name: Mapped[str] = mapped_column(String(120))
    due_date: Mapped[date | None] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)
    updated_at: Mapped[datetime] = mapped_column(Moment, default=now, index=True)
    closed_at: Mapped[datetime | None] = mapped_column(Moment)
    version: Mapped[int] = mapped_column()
    position: Mapped[int] = mapped_column(index=True)
    comments_count: Mapped[int] = mapped_column(default=0)
    attachments_count: Mapped[int] = mapped_column(default=0)
    cover_id: Mapped[UUID | None]

    __mapper_args__ = {"version_id_col": version}


class Action(StrEnum):
    CREATED = "created"
    EDITED = "edited"
    MOVED = "moved"
    COMMENTED = "commented"
    ATTACHED = "attached"
    DETACHED = "detached"


class Event(Base):
    """History. The database itself refuses to change or delete a row of it (triggers of the first migration)."""

    __tablename__ = "events"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    defect_id: Mapped[UUID] = mapped_column(ForeignKey("defects.id"), index=True)
    position: Mapped[int] = mapped_column(index=True)
    at: Mapped[datetime] = mapped_column(Moment, default=now)
    actor_id: Mapped[UUID]
    actor_name: Mapped[str] = mapped_column(String(120))
    action: Mapped[Action] = mapped_column(String(20))
    changes: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    comment: Mapped[str | None] = mapped_column(Text)


class Comment(Base):
    __tablename__ = "comments"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    defect_id: Mapped[UUID] = mapped_column(ForeignKey("defects.id"), index=True)
    author_id: Mapped[UUID]
    author_name: Mapped[str] = mapped_column(String(120))
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)


class Attachment(Base):
    """The file is `attachments/<id>` in the data folder: nothing of a client's file name is ever part of a path."""

    __tablename__ = "attachments"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    defect_id: Mapped[UUID] = mapped_column(ForeignKey("defects.id"), index=True)
    filename: Mapped[str] = mapped_column(String(200))
    content_type: Mapped[str] = mapped_column(String(40))
    size: Mapped[int]
    width: Mapped[int | None]
    height: Mapped[int | None]
    author_id: Mapped[UUID]
    author_name: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)

    @property
    def has_preview(self) -> bool:
        return self.width is not None


class SavedFilter(Base):
    __tablename__ = "saved_filters"
    __table_args__ = (UniqueConstraint("user_id", "name"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(String(80))
    query: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)
