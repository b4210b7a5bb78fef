from datetime import date, datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Query, Request, Response, UploadFile
from fastapi.responses import FileResponse
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from common.database import now
from common.identity import Asking, Service, Writer
from common.paging import Page, PageNumber, PageSize, paged
from common.service import Store
from common.tokens import Identity
from common.versions import IfMatch, etag, seen_version
from service_defects import defects, files, problems, searching
from service_defects.defects import Scene
from service_defects.flow import Status
from service_defects.models import Attachment, Comment, Defect, Event, Feed, SavedFilter
from service_defects.schemas import (
    AttachmentAnswer,
    Board,
    BoardQuery,
    Column,
    CommentAnswer,
    DefectAnswer,
    DefectChanges,
    DefectQuery,
    DefectSummary,
    EventAnswer,
    Fact,
    Facts,
    FilterAnswer,
    FilterBody,
    NewComment,
    NewDefect,
    Transition,
)
from service_defects.settings import DefectsSettings
from service_defects.sites import Site, SitesSeen

FACTS_AT_ONCE = 1000
# An attachment is shown or saved, never run: no script of it, no frame around it, no guess at its type.
FILE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cache-Control": "private, max-age=86400, immutable",
}

router = APIRouter(prefix="/defects", tags=["defects"])
attachments = APIRouter(prefix="/attachments", tags=["attachments"])
filters = APIRouter(prefix="/filters", tags=["filters"])
internal = APIRouter(prefix="/internal", tags=["internal"], include_in_schema=False)


@router.get("")
def list_defects(
    asked: Annotated[DefectQuery, Query()], _asking: Asking, request: Request, database: Store, sites: SitesSeen
) -> Page[DefectSummary]:
    names = sites.names()
    query = searching.sorted_by(searching.found(asked, names, _settings(request).zone), asked.sort)
    today = _today(request)
    with database.reading() as session:
        return paged(
            session, query, asked.page, asked.size, lambda row: DefectSummary.of(row, names[row.project_id], today)
        )


@router.get("/board")
def board(
    asked: Annotated[BoardQuery, Query()], _asking: Asking, request: Request, database: Store, sites: SitesSeen
) -> Board:
    """Every status with its number of defects and the first of them, the most urgent on top."""
    names = sites.names()
    today = _today(request)
    found = searching.found(asked, names, _settings(request).zone)
    with database.reading() as session:
        counts = searching.counts_by_status(session, found)
        columns = []
        for status in Status:
            of_status = searching.sorted_by(found.where(Defect.status == status), "-priority").limit(asked.per_column)
            rows = session.scalars(of_status) if counts.get(status) else []
            items = [DefectSummary.of(row, names[row.project_id], today) for row in rows]
            columns.append(Column(status=status, total=counts.get(status, 0), items=items))
    return Board(columns=columns)


@router.post("", status_code=201)
def create_defect(
    body: NewDefect, asking: Writer, request: Request, response: Response, database: Store, sites: SitesSeen
) -> DefectAnswer:
    site = sites.require(body.project_id)
    with database.writing() as session:
        scene = _scene(request, site, asking)
        return _answer(response, session, defects.create(session, body, scene), scene)


@router.get("/{defect_id}")
def one_defect(
    defect_id: UUID, asking: Asking, request: Request, response: Response, database: Store, sites: SitesSeen
) -> DefectAnswer:
    site = _site_of(defect_id, database, sites)
    with database.reading() as session:
        return _answer(response, session, session.get_one(Defect, defect_id), _scene(request, site, asking))


@router.patch("/{defect_id}")
def change_defect(
    defect_id: UUID,
    body: DefectChanges,
    asking: Writer,
    request: Request,
    response: Response,
    database: Store,
    sites: SitesSeen,
    if_match: IfMatch = None,
) -> DefectAnswer:
    site = _site_of(defect_id, database, sites)
    seen = seen_version(if_match)
    with database.writing() as session:
        defect = session.get_one(Defect, defect_id)
        scene = _scene(request, site, asking)
        defects.change(session, defect, body, seen, scene)
        return _answer(response, session, defect, scene)


@router.post("/{defect_id}/transition")
def move_defect(
    defect_id: UUID,
    body: Transition,
    asking: Writer,
    request: Request,
    response: Response,
    database: Store,
    sites: SitesSeen,
    if_match: IfMatch = None,
) -> DefectAnswer:
    site = _site_of(defect_id, database, sites)
    seen = seen_version(if_match)
    with database.writing() as session:
        defect = session.get_one(Defect, defect_id)
        scene = _scene(request, site, asking)
        defects.move(session, defect, body, seen, scene)
        return _answer(response, session, defect, scene)


@router.get("/{defect_id}/comments")
def list_comments(
    defect_id: UUID, _asking: Asking, database: Store, sites: SitesSeen, page: PageNumber = 1, size: PageSize = 20
) -> Page[CommentAnswer]:
    _site_of(defect_id, database, sites)
    query = select(Comment).where(Comment.defect_id == defect_id).order_by(Comment.created_at, Comment.id)
    with database.reading() as session:
        return paged(session, query, page, size, lambda row: CommentAnswer.model_validate(row, from_attributes=True))


@router.post("/{defect_id}/comments", status_code=201)
def add_comment(
    defect_id: UUID, body: NewComment, asking: Writer, request: Request, database: Store, sites: SitesSeen
) -> CommentAnswer:
    scene = _scene(request, _site_of(defect_id, database, sites), asking)
    with database.writing() as session:
        said = defects.comment(session, session.get_one(Defect, defect_id), body.text, scene)
    return CommentAnswer.model_validate(said, from_attributes=True)


@router.get("/{defect_id}/history")
def history(
    defect_id: UUID, _asking: Asking, database: Store, sites: SitesSeen, page: PageNumber = 1, size: PageSize = 20
) -> Page[EventAnswer]:
    _site_of(defect_id, database, sites)
    query = select(Event).where(Event.defect_id == defect_id).order_by(Event.position.desc())
    with database.reading() as session:
        return paged(session, query, page, size, lambda row: EventAnswer.model_validate(row, from_attributes=True))


@router.post("/{defect_id}/attachments", status_code=201)
def attach(
    defect_id: UUID, file: UploadFile, asking: Writer, request: Request, database: Store, sites: SitesSeen
) -> AttachmentAnswer:
    """A photo (JPEG, PNG, WebP) or a PDF; what it is, its content says."""
    scene = _scene(request, _site_of(defect_id, database, sites), asking)
    scene.site.require_active()
    settings = _settings(request)
    accepted = files.accept(file.file.read(settings.file_limit + 1), settings)
    width, height = accepted.size or (None, None)
    attachment = Attachment(
        id=uuid4(),
        defect_id=defect_id,
        filename=files.safe_name(file.filename, accepted.content_type),
        content_type=accepted.content_type,
        size=len(accepted.content),
        width=width,
        height=height,
        author_id=asking.user_id,
        author_name=asking.name,
    )
    files.store(settings, attachment.id, accepted)
    try:
        with database.writing() as session:
            defect = session.get_one(Defect, defect_id)
            defects.attach(session, defect, attachment, settings.attachments_limit, scene)
    except BaseException:
        files.discard(settings, attachment.id)
        raise
    return AttachmentAnswer.of(attachment)


@attachments.get("/{attachment_id}/content", response_class=FileResponse)
def content(attachment_id: UUID, _asking: Asking, request: Request, database: Store, sites: SitesSeen) -> FileResponse:
    attachment = _attachment(attachment_id, database, sites)
    return FileResponse(
        files.content_path(_settings(request), attachment.id),
        media_type=attachment.content_type,
        filename=attachment.filename,
        content_disposition_type="inline" if attachment.has_preview else "attachment",
        headers=FILE_HEADERS,
    )


@attachments.get("/{attachment_id}/preview", response_class=FileResponse)
def preview(attachment_id: UUID, _asking: Asking, request: Request, database: Store, sites: SitesSeen) -> FileResponse:
    attachment = _attachment(attachment_id, database, sites)
    if not attachment.has_preview:
        raise problems.ATTACHMENT_NOT_FOUND()
    path = files.preview_path(_settings(request), attachment.id)
    return FileResponse(path, media_type="image/jpeg", headers=FILE_HEADERS)


@attachments.delete("/{attachment_id}", status_code=204)
def detach(attachment_id: UUID, asking: Writer, request: Request, database: Store, sites: SitesSeen) -> None:
    attachment = _attachment(attachment_id, database, sites)
    scene = _scene(request, _site_of(attachment.defect_id, database, sites), asking)
    with database.writing() as session:
        found = session.get(Attachment, attachment_id)
        if found is None:
            raise problems.ATTACHMENT_NOT_FOUND()
        defects.detach(session, session.get_one(Defect, found.defect_id), found, scene)
    files.discard(_settings(request), attachment_id)


@filters.get("")
def list_filters(asking: Asking, database: Store) -> list[FilterAnswer]:
    query = select(SavedFilter).where(SavedFilter.user_id == asking.user_id).order_by(SavedFilter.created_at)
    with database.reading() as session:
        return [_filter_answer(row) for row in session.scalars(query)]


@filters.post("", status_code=201)
def save_filter(body: FilterBody, asking: Asking, database: Store) -> FilterAnswer:
    with database.writing() as session:
        saved = SavedFilter(user_id=asking.user_id)
        session.add(saved)
        return _filled(session, saved, body)


@filters.put("/{filter_id}")
def replace_filter(filter_id: UUID, body: FilterBody, asking: Asking, database: Store) -> FilterAnswer:
    with database.writing() as session:
        return _filled(session, _own_filter(session, filter_id, asking), body)


@filters.delete("/{filter_id}", status_code=204)
def delete_filter(filter_id: UUID, asking: Asking, database: Store) -> None:
    with database.writing() as session:
        session.delete(_own_filter(session, filter_id, asking))


@internal.get("/facts")
def facts(_service: Service, database: Store, after: Annotated[int, Query(ge=0)] = 0) -> Facts:
    """What changed after a position of the feed, in order: reports-service follows it."""
    query = select(Defect).where(Defect.position > after).order_by(Defect.position).limit(FACTS_AT_ONCE)
    with database.reading() as session:
        position = session.scalar(select(Feed.position)) or 0
        rows = session.scalars(query).all()
        return Facts(position=position, facts=[Fact.model_validate(row, from_attributes=True) for row in rows])


def _settings(request: Request) -> DefectsSettings:
    return request.app.state.settings


def _today(request: Request) -> date:
    return datetime.now(_settings(request).zone).date()


def _site_of(defect_id: UUID, database: Store, sites: SitesSeen) -> Site:
    """Another project's defect and no defect are told alike."""
    with database.reading() as session:
        project_id = session.scalar(select(Defect.project_id).where(Defect.id == defect_id))
    site = sites.find(project_id) if project_id else None
    if site is None:
        raise problems.DEFECT_NOT_FOUND()
    return site


def _attachment(attachment_id: UUID, database: Store, sites: SitesSeen) -> Attachment:
    with database.reading() as session:
        attachment = session.get(Attachment, attachment_id)
        project_id = session.scalar(
            select(Defect.project_id)
            .join(Attachment, Attachment.defect_id == Defect.id)
            .where(Attachment.id == attachment_id)
        )
    if attachment is None or project_id is None or sites.find(project_id) is None:
        raise problems.ATTACHMENT_NOT_FOUND()
    return attachment


def _scene(request: Request, site: Site, asking: Identity) -> Scene:
    return Scene(site, asking, _today(request), now())


def _answer(response: Response, session: Session, defect: Defect, scene: Scene) -> DefectAnswer:
    response.headers["ETag"] = etag(defect.version)
    return defects.shown(session, defect, scene)


def _own_filter(session: Session, filter_id: UUID, asking: Identity) -> SavedFilter:
    saved = session.get(SavedFilter, filter_id)
    if saved is None or saved.user_id != asking.user_id:
        raise problems.FILTER_NOT_FOUND()
    return saved


def _filled(session: Session, saved: SavedFilter, body: FilterBody) -> FilterAnswer:
    saved.name = body.name
    saved.query = body.query.model_dump(mode="json", exclude_unset=True)
    try:
        session.flush()
    except IntegrityError:
        raise problems.FILTER_NAME_TAKEN() from None
    return _filter_answer(saved)


def _filter_answer(saved: SavedFilter) -> FilterAnswer:
    return FilterAnswer.model_validate(saved, from_attributes=True)
