"""Following defects-service's feed: before a report is made, what changed since the last one is fetched."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import delete
from sqlalchemy.orm import Session

from common.database import Database
from common.peers import Peer
from service_reports.models import Cursor, Fact

THE_CURSOR = 1


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
    while True:
        with database.reading() as session:
            reached = session.get_one(Cursor, THE_CURSOR).position
        news = News.model_validate_json(defects.get("/internal/facts", token=token, params={"after": reached}).content)
        if news.position < reached:  # defects-service was restored from a backup: its past is another one
            _forget(database, reached)
            continue
        if not news.facts:
            return
        with database.writing() as session:
            _take(session, news.facts)


def _take(session: Session, facts: list[Told]) -> None:
    cursor = session.get_one(Cursor, THE_CURSOR, with_for_update=True)
    for fact in facts:
        known = session.get(Fact, fact.id)
        if known is None or known.position < fact.position:
            session.merge(Fact(**fact.model_dump()))
    cursor.position = max(cursor.position, facts[-1].position)


def _forget(database: Database, reached: int) -> None:
    with database.writing() as session:
        cursor = session.get_one(Cursor, THE_CURSOR, with_for_update=True)
        if cursor.position == reached:
            session.execute(delete(Fact))
            cursor.position = 0
