from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from common.texts import Body, Changes, Line, Prose, absent
from common.tokens import Identity, Role
from service_projects.models import Project, ProjectStatus

ProjectName = Annotated[Line, Field(min_length=3, max_length=200)]
StageName = Annotated[Line, Field(min_length=1, max_length=120)]
Address = Annotated[Line, Field(max_length=300)]
Customer = Annotated[Line, Field(max_length=200)]
Description = Annotated[Prose, Field(max_length=10_000)]


class NewStage(Body):
    name: StageName
    starts_on: date | None = None
    ends_on: date | None = None

    @model_validator(mode="after")
    def days_in_order(self) -> Self:
        days_must_be_in_order(self.starts_on, self.ends_on)
        return self


class StageChanges(Changes):
    name: StageName = absent()
    position: int = absent(ge=0, le=10_000)
    starts_on: date | None = None
    ends_on: date | None = None


class NewProject(Body):
    name: ProjectName
    address: Address = ""
    customer: Customer = ""
    description: Description = ""
    starts_on: date | None = None
    ends_on: date | None = None

    @model_validator(mode="after")
    def days_in_order(self) -> Self:
        days_must_be_in_order(self.starts_on, self.ends_on)
        return self


class ProjectChanges(Changes):
    name: ProjectName = absent()
    address: Address = absent()
    customer: Customer = absent()
    description: Description = absent()
    starts_on: date | None = None
    ends_on: date | None = None
    status: ProjectStatus = absent()


class StageAnswer(BaseModel):
    id: UUID
    name: str
    position: int
    starts_on: date | None
    ends_on: date | None


class MemberAnswer(BaseModel):
    user_id: UUID
    full_name: str
    role: Role
    is_active: bool
    added_at: datetime


class ProjectSummary(BaseModel):
    id: UUID
    name: str
    address: str
    customer: str
    description: str
    status: ProjectStatus
    starts_on: date | None
    ends_on: date | None
    version: int
    created_at: datetime
    updated_at: datetime
    created_by: UUID
    stages_count: int
    members_count: int

    @classmethod
    def of(cls, project: Project) -> Self:
        return cls.model_validate(_facts(project))


class ProjectAnswer(ProjectSummary):
    stages: list[StageAnswer]
    members: list[MemberAnswer]
    can_edit: bool

    @classmethod
    def seen_by(cls, project: Project, asking: Identity) -> Self:
        return cls.model_validate(_facts(project) | {"can_edit": asking.leads}, from_attributes=True)


class ProjectNameAnswer(BaseModel):
    id: UUID
    name: str
    status: ProjectStatus


class UserNews(Body):
    full_name: str
    role: Role
    is_active: bool


def days_must_be_in_order(first: date | None, last: date | None) -> None:
    if first and last and last < first:
        raise PydanticCustomError("days_reversed", "it ends before it begins")


def _facts(project: Project) -> dict[str, object]:
    counts = {"stages_count": len(project.stages), "members_count": len(project.members)}
    columns = {column.key: getattr(project, column.key) for column in Project.__table__.columns}
    return columns | {"stages": project.stages, "members": project.members} | counts
