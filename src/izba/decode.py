"""Untrusted JSON to checked documents: msgspec against the TypedDicts, errors that name the place.

msgspec costs 26 ms to import; modules of the hot path import this one where they use it.
"""

from __future__ import annotations

import msgspec

from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    T = TypeVar("T")

MAX_DOCUMENT = 4 << 20
"""Bytes of a manifest or config that izba reads: the limit registries commonly set."""


class DecodeError(InvalidArgument):
    """A document is not of the form its specification gives; `place` is a path such as `layers[2].size`."""

    def __init__(self, what: str, reason: str, place: str) -> None:
        super().__init__(f"{what}: {place}: {reason}" if place else f"{what}: {reason}")
        self.what = what
        self.reason = reason
        self.place = place


def document(data: bytes, type: type[T], *, what: str, limit: int = MAX_DOCUMENT) -> T:
    """The document in `data`, checked against the TypedDict `type`; unknown fields are dropped from the value.

    `what` names the document in errors. Raises `DecodeError`.
    """
    if len(data) > limit:
        raise DecodeError(what, f"{len(data)} bytes, more than the {limit} that are read", "")
    try:
        return msgspec.json.decode(data, type=type)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `")
        raise DecodeError(what, reason, place.rstrip("`").removeprefix("$").removeprefix(".")) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(what, str(error), "") from None
