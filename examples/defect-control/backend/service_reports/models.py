from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from common.database import NAMES, Model, Moment


class Base(Model):
    __abstract__ = True
    metadata = NAMES


class Cursor(Base):
    """One row: how far in defects-service's feed the facts below have come."""

    __tablename__ = "feed_cursor"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int]


class Fact(Base):
    """A defect as reports need it. All of this can be fetched again: losing this database loses nothing."""

    __tablename__ = "facts"
    __table_args__ = (Index("ix_facts_project_id_status", "project_id", "status"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int]
    project_id: Mapped[UUID]
    number: Mapped[int]
    title: Mapped[str] = mapped_column(String(200))
    priority: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(20))
    location: Mapped[str] = mapped_column(String(200))
    stage_name: Mapped[str | None] = mapped_column(String(120))
    assignee_id: Mapped[UUID | None]
    assignee_name: Mapped[str | None] = mapped_column(String(120))
    author_name: Mapped[str] = mapped_column(String(120))
    due_date: Mapped[date | None]
    created_at: Mapped[datetime] = mapped_column(Moment)
    closed_at: Mapped[datetime | None] = mapped_column(Moment)
