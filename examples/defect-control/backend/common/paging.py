"""Lists are told page by page."""

import math
from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

Item = TypeVar("Item")

LAST_PAGE = 100_000
PageNumber = Annotated[int, Query(ge=1, le=LAST_PAGE)]
PageSize = Annotated[int, Query(ge=1, le=100)]


class Page(BaseModel, Generic[Item]):
    items: list[Item]
    total: int
    page: int
    size: int
    pages: int


def paged(session: Session, query: Select[Any], page: int, size: int, show: Callable[[Any], Item]) -> Page[Item]:
    total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    rows = session.scalars(query.limit(size).offset((page - 1) * size)).all()
    return Page(items=[show(row) for row in rows], total=total, page=page, size=size, pages=math.ceil(total / size))


def pattern(words: str) -> str:
    """For LIKE … ESCAPE '\\': the words themselves, anywhere. Columns searched with it hold casefolded text."""
    escaped = words.casefold().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
