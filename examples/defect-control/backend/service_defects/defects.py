"""What happens to a defect: each in one transaction that holds the feed's row, and each leaves a line of history."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from common.problems import ROLE_FORBIDDEN
from common.tokens import Identity
from common.versions import conflict
from service_defects import problems
from service_defects.flow import FINISHED, STEPS, Status, may_take
from service_defects.models import Action, Attachment, Comment, Defect, Event, Feed
from service_defects.schemas import DefectAnswer, DefectChanges, NewDefect, Transition, may_edit
from service_defects.sites import Site

THE_FEED = 1
ASSIGNING = frozenset({"assignee_id", "due_date"})


@dataclass(frozen=True)
class Scene:
    """Where, by whom and when something happens."""

    site: Site
    asking: Identity
    today: date
    at: datetime


def advance(session: Session) -> int:
    """The number of the change that this transaction makes."""
    following = update(Feed).where(Feed.id == THE_FEED).values(position=Feed.position + 1).returning(Feed.position)
    return session.execute(following).scalar_one()


def create(session: Session, body: NewDefect, scene: Scene) -> Defect:
    site, asking = scene.site, scene.asking
    site.require_active()
    if not asking.writes:
        raise ROLE_FORBIDDEN()
    if not asking.leads and body.assignee_id not in {None, asking.user_id}:
        raise problems.ASSIGN_FORBIDDEN()
    position = advance(session)
    if known := body.id and session.get(Defect, body.id):
        return _recorded_before(known, scene)
    last = session.scalar(select(func.max(Defect.number)).where(Defect.project_id == site.id))
    defect = Defect(
        **body.model_dump(exclude={"id"}),
        id=body.id or uuid4(),
        number=(last or 0) + 1,
        status=Status.NEW,
        author_id=asking.user_id,
        author_name=asking.name,
        created_at=scene.at,
        updated_at=scene.at,
        position=position,
    )
    _name_relations(defect, site)
    session.add(defect)
    session.flush()
    _record(session, defect, scene, Action.CREATED)
    return defect


def change(session: Session, defect: Defect, body: DefectChanges, seen: int, scene: Scene) -> None:
    site, asking = scene.site, scene.asking
    site.require_active()
    changes = body.given()
    if not may_edit(asking, defect):
        raise problems.EDIT_FORBIDDEN()
    if defect.status in FINISHED:
        raise problems.DEFECT_FINISHED()
    if defect.version != seen:
        raise _conflict(session, defect, seen, changes, scene)
    different = {name: value for name, value in changes.items() if getattr(defect, name) != value}
    if not asking.leads and different.keys() & ASSIGNING and not _takes_free(defect, different, asking):
        raise problems.ASSIGN_FORBIDDEN()
    if not different:
        return
    before = {name: _told(defect, name) for name in different}
    for name, value in different.items():
        setattr(defect, name, value)
    _name_relations(defect, site, only=different.keys())
    _save(session, defect, seen, changes, scene)
    told = [{"field": name, "old": before[name], "new": _told(defect, name)} for name in different]
    _record(session, defect, scene, Action.EDITED, told)


def move(session: Session, defect: Defect, body: Transition, seen: int, scene: Scene) -> None:
    site, asking = scene.site, scene.asking
    site.require_active()
    if not asking.writes:
        raise ROLE_FORBIDDEN()
    if defect.version != seen:
        raise _conflict(session, defect, seen, body.model_dump(exclude_unset=True), scene)
    old = Status(defect.status)
    step = STEPS.get((old, body.status))
    if step is None:
        raise problems.TRANSITION_IMPOSSIBLE(details={"from": old, "to": body.status})
    if not may_take(step, asking, defect.assignee_id):
        raise problems.TRANSITION_FORBIDDEN()
    if step.needs_reason and not body.comment:
        raise problems.REASON_REQUIRED()
    told: list[dict[str, Any]] = [{"field": "status", "old": old, "new": body.status}]
    if defect.assignee_id is None and not asking.leads:
        defect.assignee_id, defect.assignee_name = asking.user_id, asking.name
        told.append({"field": "assignee_id", "old": None, "new": asking.name})
    defect.status = body.status
    defect.closed_at = scene.at if body.status in FINISHED else None
    _save(session, defect, seen, body.model_dump(exclude_unset=True), scene)
    _record(session, defect, scene, Action.MOVED, told, comment=body.comment or None)


def comment(session: Session, defect: Defect, text: str, scene: Scene) -> Comment:
    asking = scene.asking
    scene.site.require_active()
    said = Comment(
        defect_id=defect.id, author_id=asking.user_id, author_name=asking.name, text=text, created_at=scene.at
    )
    session.add(said)
    _touch(session, defect, scene, comments_count=Defect.comments_count + 1)
    _record(session, defect, scene, Action.COMMENTED)
    return said


def attach(session: Session, defect: Defect, attachment: Attachment, limit: int, scene: Scene) -> None:
    _touch(session, defect, scene)  # before counting: two uploads at once are counted one after the other
    if len(attachments_of(session, defect)) >= limit:
        raise problems.ATTACHMENTS_TOO_MANY(limit=limit)
    session.add(attachment)
    _recount_attachments(session, defect)
    _record(session, defect, scene, Action.ATTACHED, [_file_told(None, attachment.filename)])


def detach(session: Session, defect: Defect, attachment: Attachment, scene: Scene) -> None:
    asking = scene.asking
    scene.site.require_active()
    if not (asking.leads or (asking.writes and attachment.author_id == asking.user_id)):
        raise problems.EDIT_FORBIDDEN()
    _touch(session, defect, scene)
    session.delete(attachment)
    _recount_attachments(session, defect)
    _record(session, defect, scene, Action.DETACHED, [_file_told(attachment.filename, None)])


def attachments_of(session: Session, defect: Defect) -> list[Attachment]:
    query = select(Attachment).where(Attachment.defect_id == defect.id).order_by(Attachment.created_at, Attachment.id)
    return list(session.scalars(query))


def shown(session: Session, defect: Defect, scene: Scene) -> DefectAnswer:
    return DefectAnswer.seen_by(scene.asking, defect, attachments_of(session, defect), scene.site, scene.today)


def _recorded_before(defect: Defect, scene: Scene) -> Defect:
    """The first recording, to its author; to others such an id is only taken."""
    if defect.project_id != scene.site.id or defect.author_id != scene.asking.user_id:
        raise problems.ID_TAKEN()
    return defect


def _takes_free(defect: Defect, different: dict[str, Any], asking: Identity) -> bool:
    taking = defect.assignee_id is None and different.get("assignee_id") == asking.user_id
    return taking and "due_date" not in different


def _name_relations(defect: Defect, site: Site, only: Any = ("stage_id", "assignee_id")) -> None:
    """What was not chosen now is not judged now: a former member keeps a defect, a stage that went keeps its name."""
    if "stage_id" in only:
        stage = site.stage(defect.stage_id)
        defect.stage_name = stage.name if stage else None
    if "assignee_id" in only:
        assignee = site.assignee(defect.assignee_id)
        defect.assignee_name = assignee.full_name if assignee else None
    parts = (f"№{defect.number}", defect.title, defect.location, defect.description)
    defect.search_text = " ".join(parts).casefold()


def _save(session: Session, defect: Defect, seen: int, changes: dict[str, Any], scene: Scene) -> None:
    with session.no_autoflush:
        defect.position = advance(session)
    defect.updated_at = scene.at
    try:
        session.flush()
    except StaleDataError:  # another process was between our look and our write (PostgreSQL; SQLite's writers queue)
        session.rollback()
        raise _conflict(session, defect, seen, changes, scene) from None


def _conflict(session: Session, defect: Defect, seen: int, changes: dict[str, Any], scene: Scene) -> Exception:
    return conflict(shown(session, defect, scene), version=defect.version, seen=seen, changes=changes)


def _touch(session: Session, defect: Defect, scene: Scene, **values: Any) -> None:
    """A remark beside the defect: it is new in the feed, but no editor's version grows old by it."""
    values |= {"position": advance(session), "updated_at": scene.at}
    session.execute(update(Defect).where(Defect.id == defect.id).values(**values))
    session.refresh(defect)


def _recount_attachments(session: Session, defect: Defect) -> None:
    session.flush()
    mine = attachments_of(session, defect)
    cover = next((attachment.id for attachment in mine if attachment.has_preview), None)
    values = {"attachments_count": len(mine), "cover_id": cover}
    session.execute(update(Defect).where(Defect.id == defect.id).values(**values))
    session.refresh(defect)


def _record(
    session: Session,
    defect: Defect,
    scene: Scene,
    action: Action,
    changes: list[dict[str, Any]] | None = None,
    *,
    comment: str | None = None,
) -> None:
    event = Event(
        defect_id=defect.id,
        position=defect.position,
        at=scene.at,
        actor_id=scene.asking.user_id,
        actor_name=scene.asking.name,
        action=action,
        changes=changes or [],
        comment=comment,
    )
    session.add(event)
    session.flush()


def _told(defect: Defect, name: str) -> Any:
    """In history people and stages stand by their names."""
    value = getattr(defect, {"assignee_id": "assignee_name", "stage_id": "stage_name"}.get(name, name))
    if isinstance(value, date | UUID):
        return str(value)
    return value.value if isinstance(value, Enum) else value


def _file_told(old: str | None, new: str | None) -> dict[str, Any]:
    return {"field": "attachment", "old": old, "new": new}
