"""Errors across a fork: a JSON value in the child, the same error again in the parent."""

from __future__ import annotations

from izba.errors import Internal, IzbaError, hint_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def to_json(error: BaseException) -> dict[str, Any]:
    """What tells `error` elsewhere: its type, its text and those of its facts that JSON has words for."""
    if not isinstance(error, IzbaError):
        text = str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        error = Internal(text, hint=hint_for(error))
    kind = type(error)
    facts = {name: fact for name, fact in vars(error).items() if isinstance(fact, (str, int, float, bool, type(None)))}
    return {"module": kind.__module__, "type": kind.__qualname__, "facts": facts}


def from_json(value: dict[str, Any]) -> IzbaError:
    """The error again. It has the facts; its constructor, which would make the text anew, is not called."""
    kind = getattr(__import__(value["module"], fromlist=("",)), value["type"])
    error: IzbaError = kind.__new__(kind)
    IzbaError.__init__(error, value["facts"]["message"], hint=value["facts"]["hint"])
    error.__dict__.update(value["facts"])
    return error
