from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from common.identity import Asking, Leader, Service
from common.paging import Page, PageNumber, PageSize, paged
from common.service import Store
from common.texts import Line
from common.versions import IfMatch, etag, seen_version
from service_projects import problems, projects
from service_projects.models import Project, ProjectStatus
from service_projects.schemas import (
    MemberAnswer,
    NewProject,
    NewStage,
    ProjectAnswer,
    ProjectChanges,
    ProjectNameAnswer,
    ProjectSummary,
    StageAnswer,
    StageChanges,
    UserNews,
)

router = APIRouter(prefix="/projects", tags=["projects"])
internal = APIRouter(prefix="/internal", tags=["internal"], include_in_schema=False)

Sort = Literal["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"]


@router.get("")
def list_projects(
    asking: Asking,
    database: Store,
    q: Annotated[Line | None, Query(max_length=100)] = None,
    status: ProjectStatus | None = None,
    sort: Sort = "name",
    page: PageNumber = 1,
    size: PageSize = 20,
) -> Page[ProjectSummary]:
    column = getattr(Project, sort.removeprefix("-").replace("name", "search_text"))
    query = projects.matching(projects.visible_to(asking), q, status)
    query = query.order_by(column.desc() if sort.startswith("-") else column, Project.id)
    with database.reading() as session:
        return paged(session, query, page, size, ProjectSummary.of)


@router.get("/names")
def project_names(asking: Asking, database: Store) -> list[ProjectNameAnswer]:
    """All that you may see: for menus, and for other services to know it."""
    visible = projects.visible_to(asking).order_by(Project.search_text, Project.id)
    query = visible.with_only_columns(Project.id, Project.name, Project.status)
    with database.reading() as session:
        return [ProjectNameAnswer.model_validate(row, from_attributes=True) for row in session.execute(query)]


@router.post("", status_code=201)
def create_project(body: NewProject, asking: Leader, response: Response, database: Store) -> ProjectAnswer:
    with database.writing() as session:
        return _answer(response, projects.create(session, body, asking), asking)


@router.get("/{project_id}")
def one_project(project_id: UUID, asking: Asking, response: Response, database: Store) -> ProjectAnswer:
    with database.reading() as session:
        return _answer(response, projects.require(session, project_id, asking), asking)


@router.patch("/{project_id}")
def change_project(
    project_id: UUID,
    body: ProjectChanges,
    asking: Asking,
    response: Response,
    database: Store,
    if_match: IfMatch = None,
) -> ProjectAnswer:
    with database.writing() as session:
        project = projects.require_editable(session, project_id, asking)
        projects.change(session, project, body, seen_version(if_match), asking)
        return _answer(response, project, asking)


@router.post("/{project_id}/stages", status_code=201)
def add_stage(project_id: UUID, body: NewStage, asking: Asking, database: Store) -> StageAnswer:
    with database.writing() as session:
        project = projects.require_active(session, project_id, asking)
        stage = projects.add_stage(session, project, body)
    return StageAnswer.model_validate(stage, from_attributes=True)


@router.patch("/{project_id}/stages/{stage_id}")
def change_stage(project_id: UUID, stage_id: UUID, body: StageChanges, asking: Asking, database: Store) -> StageAnswer:
    with database.writing() as session:
        project = projects.require_active(session, project_id, asking)
        stage = projects.require_stage(session, project, stage_id)
        projects.change_stage(session, stage, body)
    return StageAnswer.model_validate(stage, from_attributes=True)


@router.delete("/{project_id}/stages/{stage_id}", status_code=204)
def delete_stage(project_id: UUID, stage_id: UUID, asking: Asking, database: Store) -> None:
    """Defects of the stage stay, and keep its name."""
    with database.writing() as session:
        project = projects.require_active(session, project_id, asking)
        session.delete(projects.require_stage(session, project, stage_id))


@router.put("/{project_id}/members/{user_id}")
def put_member(project_id: UUID, user_id: UUID, asking: Asking, request: Request, database: Store) -> MemberAnswer:
    """Add a member, or bring a member's name and role up to date."""
    with database.reading() as session:
        projects.require_active(session, project_id, asking)
    token = request.app.state.tokens.service("projects-service")
    answer = request.app.state.peers["auth"].get(f"/internal/users/{user_id}", token=token)
    if answer.status_code == 404:
        raise problems.USER_NOT_FOUND()
    known = answer.json()
    news = UserNews(full_name=known["full_name"], role=known["role"], is_active=known["is_active"])
    with database.writing() as session:
        project = projects.require_active(session, project_id, asking)
        member = projects.put_member(session, project, user_id, news)
    return MemberAnswer.model_validate(member, from_attributes=True)


@router.delete("/{project_id}/members/{user_id}", status_code=204)
def remove_member(project_id: UUID, user_id: UUID, asking: Asking, database: Store) -> None:
    with database.writing() as session:
        project = projects.require_active(session, project_id, asking)
        projects.remove_member(session, project, user_id)


@internal.put("/users/{user_id}", status_code=204)
def hear_of_user(user_id: UUID, body: UserNews, _service: Service, database: Store) -> None:
    with database.writing() as session:
        projects.hear_of_user(session, user_id, body)


def _answer(response: Response, project: Project, asking: Asking) -> ProjectAnswer:
    response.headers["ETag"] = etag(project.version)
    return ProjectAnswer.seen_by(project, asking)
