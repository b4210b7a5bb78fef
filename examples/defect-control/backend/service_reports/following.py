"""Following defects-service's feed: before a report is made, what changed since the last one is fetched."""

from datetime import date, datetime
from threading import Lock
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from common.database import Database
from common.peers import TIMEOUT, Peer
from service_reports.models import Cursor, Fact

THE_CURSOR = 1
# Thousands of news, as in the first report after a start, are fetched by one of those who ask; the others wait for it.
_one_at_a_time = Lock()
PATIENCE_SECONDS = 10


class Told(BaseModel):
    id: UUID
    position: int
    project_id: UUID
    number: int
    title: str
    priority: str
    status: str
    location: str
    stage_name: str | None
    assignee_id: UUID | None
    assignee_name: str | None
    author_name: str
    due_date: date | None
    created_at: datetime
    closed_at: datetime | None


class News(BaseModel):
    position: int
    facts: list[Told]


def catch_up(database: Database, defects: Peer, token: str) -> None:
    """Any number of processes may do this at once: what a row tells only ever gets newer."""
    if not _one_at_a_time.acquire(timeout=PATIENCE_SECONDS):
        raise TIMEOUT()
    try:
        while _take_some(database, defects, token):
            pass
    finally:
        _one_at_a_time.release()


def _take_some(database: Database, defects: Peer, token: str) -> bool:
    """Whether there may be more."""
    with database.reading() as session:
        reached = session.get_one(Cursor, THE_CURSOR).position
    news = News.model_validate_json(defects.get("/internal/facts", token=token, params={"after": reached}).content)
    if news.position < reached:  # defects-service was restored from a backup: its past is another one
        _forget(database, reached)
        return True
    if not news.facts:
        return False
    with database.writing() as session:
        _take(session, news.facts)
    return True


def _take(session: Session, facts: list[Told]) -> None:
    cursor = session.get_one(Cursor, THE_CURSOR, with_for_update=True)
    # Whoever brought the cursor beyond a change had it, too.
    fresh = [fact.model_dump() for fact in facts if fact.position > cursor.position]
    if not fresh:
        return
    session.execute(delete(Fact).where(Fact.id.in_([fact["id"] for fact in fresh])))
    session.execute(insert(Fact), fresh)
    cursor.position = fresh[-1]["position"]


def _forget(database: Database, reached: int) -> None:
    with database.writing() as session:
        cursor = session.get_one(Cursor, THE_CURSOR, with_for_update=True)
        if cursor.position == reached:
            session.execute(delete(Fact))
            cursor.position = 0
