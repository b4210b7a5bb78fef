"""Who sees a site and who changes it: administrators all, others those they are members of; managers change."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from common.database import now
from common.paging import pattern
from common.problems import ROLE_FORBIDDEN
from common.tokens import Identity, Role
from common.versions import conflict
from service_projects import problems
from service_projects.models import Member, Project, ProjectStatus, Stage
from service_projects.schemas import (
    NewProject,
    NewStage,
    ProjectAnswer,
    ProjectChanges,
    StageChanges,
    UserNews,
)


def visible_to(asking: Identity) -> Select[tuple[Project]]:
    query = select(Project)
    if asking.role is Role.ADMINISTRATOR:
        return query
    return query.where(Project.id.in_(select(Member.project_id).where(Member.user_id == asking.user_id)))


def matching(query: Select[tuple[Project]], q: str | None, status: ProjectStatus | None) -> Select[tuple[Project]]:
    if q:
        query = query.where(Project.search_text.like(pattern(q), escape="\\"))
    if status is not None:
        query = query.where(Project.status == status)
    return query


def require(session: Session, project_id: UUID, asking: Identity) -> Project:
    """Somebody else's project and no project are told alike."""
    project = session.scalar(visible_to(asking).where(Project.id == project_id))
    if project is None:
        raise problems.PROJECT_NOT_FOUND()
    return project


def require_editable(session: Session, project_id: UUID, asking: Identity) -> Project:
    project = require(session, project_id, asking)
    if not asking.leads:
        raise ROLE_FORBIDDEN()
    return project


def require_active(session: Session, project_id: UUID, asking: Identity) -> Project:
    project = require_editable(session, project_id, asking)
    if project.status == ProjectStatus.ARCHIVED:
        raise problems.PROJECT_ARCHIVED()
    return project


def create(session: Session, body: NewProject, asking: Identity) -> Project:
    project = Project(**body.model_dump(), created_by=asking.user_id)
    project.search_text = _searchable(project)
    project.members.append(Member(user_id=asking.user_id, full_name=asking.name, role=asking.role))
    session.add(project)
    session.flush()
    return project


def change(session: Session, project: Project, body: ProjectChanges, seen: int, asking: Identity) -> None:
    changes = body.given()
    if project.version != seen:
        raise _conflict(project, seen, changes, asking)
    if project.status == ProjectStatus.ARCHIVED and changes.get("status") != ProjectStatus.ACTIVE:
        raise problems.PROJECT_ARCHIVED()
    _assign(project, changes)
    project.search_text = _searchable(project)
    project.updated_at = now()
    try:
        session.flush()
    except StaleDataError:  # another process was between our look and our write (PostgreSQL; SQLite's writers queue)
        session.rollback()
        raise _conflict(project, seen, changes, asking) from None


def add_stage(session: Session, project: Project, body: NewStage) -> Stage:
    last = session.scalar(select(func.max(Stage.position)).where(Stage.project_id == project.id))
    stage = Stage(project_id=project.id, position=0 if last is None else last + 1, **body.model_dump())
    session.add(stage)
    _flush_stage(session)
    return stage


def change_stage(session: Session, stage: Stage, body: StageChanges) -> None:
    _assign(stage, body.given())
    _flush_stage(session)


def require_stage(session: Session, project: Project, stage_id: UUID) -> Stage:
    stage = session.get(Stage, stage_id)
    if stage is None or stage.project_id != project.id:
        raise problems.STAGE_NOT_FOUND()
    return stage


def put_member(session: Session, project: Project, user_id: UUID, news: UserNews) -> Member:
    member = session.get(Member, (project.id, user_id))
    if member is None:
        member = Member(project_id=project.id, user_id=user_id, **news.model_dump())
        try:
            with session.begin_nested():
                session.add(member)
        except IntegrityError:  # added by somebody else at this moment
            member = session.get_one(Member, (project.id, user_id))
    member.full_name, member.role, member.is_active = news.full_name, news.role, news.is_active
    return member


def remove_member(session: Session, project: Project, user_id: UUID) -> None:
    member = session.get(Member, (project.id, user_id))
    if member is None:
        raise problems.MEMBER_NOT_FOUND()
    session.delete(member)


def hear_of_user(session: Session, user_id: UUID, news: UserNews) -> None:
    session.execute(update(Member).where(Member.user_id == user_id).values(**news.model_dump()))


def _assign(row: Project | Stage, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        setattr(row, name, value)
    if row.starts_on and row.ends_on and row.ends_on < row.starts_on:
        raise problems.DAYS_REVERSED()


def _flush_stage(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError:
        raise problems.STAGE_NAME_TAKEN() from None


def _conflict(project: Project, seen: int, changes: dict[str, Any], asking: Identity) -> Exception:
    current = ProjectAnswer.seen_by(project, asking)
    return conflict(current, version=project.version, seen=seen, changes=changes)


def _searchable(project: Project) -> str:
    return f"{project.name} {project.address} {project.customer}".casefold()
