"""Optimistic locking: a client says which version it saw, and nothing is overwritten that it did not see."""

import re
from typing import Annotated, Any

from fastapi import Header
from fastapi.encoders import jsonable_encoder

from common.problems import IF_MATCH_MISSING, VERSION_CONFLICT, Problem

IfMatch = Annotated[str | None, Header(description='The version that you saw, such as "3"', max_length=40)]


def seen_version(if_match: str | None) -> int:
    found = re.fullmatch(r'(?:W/)?"?(\d{1,18})"?', (if_match or "").strip())
    if not found:
        raise IF_MATCH_MISSING()
    return int(found[1])


def conflict(current: Any, *, version: int, seen: int, changes: Any) -> Problem:
    yours = {"version": seen, "changes": changes}
    return VERSION_CONFLICT(current=version, yours=seen, details=jsonable_encoder({"current": current, "yours": yours}))


def etag(version: int) -> str:
    return f'"{version}"'
