from datetime import date, datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from common.database import NAMES, Model, Moment, now
from common.tokens import Role


class ProjectStatus(StrEnum):
    ACTIVE = "active"
    ARCHIVED = "archived"


class Base(Model):
    __abstract__ = True
    metadata = NAMES


class Stage(Base):
    __tablename__ = "stages"
    __table_args__ = (UniqueConstraint("project_id", "name"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    position: Mapped[int]
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]


class Member(Base):
    """Name and role are auth-service's; it tells of changes, so that showing a project asks nobody."""

    __tablename__ = "members"

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True, index=True)
    full_name: Mapped[str] = mapped_column(String(120))
    role: Mapped[Role] = mapped_column(String(20))
    is_active: Mapped[bool] = mapped_column(default=True)
    added_at: Mapped[datetime] = mapped_column(Moment, default=now)


class Project(Base):
    __tablename__ = "projects"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(200))
    address: Mapped[str] = mapped_column(String(300))
    customer: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    search_text: Mapped[str] = mapped_column(String(800))
    status: Mapped[ProjectStatus] = mapped_column(String(20), default=ProjectStatus.ACTIVE)
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    version: Mapped[int] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(Moment, default=now)
    updated_at: Mapped[datetime] = mapped_column(Moment, default=now)
    created_by: Mapped[UUID]

    stages: Mapped[list[Stage]] = relationship(order_by=(Stage.position, Stage.name), lazy="selectin")
    members: Mapped[list[Member]] = relationship(order_by=Member.full_name, lazy="selectin")

    __mapper_args__ = {"version_id_col": version}
