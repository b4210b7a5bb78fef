"""The variables that a project's files use."""

from __future__ import annotations

from izba._record import Record
from izba.compose.template import TemplateError, variables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any


class Found(Record):
    """A variable over all its uses."""

    name: str
    required: bool = False
    default: str = ""
    alternate: str = ""

    def to_document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "Name": self.name,
            "Required": self.required,
            "DefaultValue": self.default,
            "PresenceValue": self.alternate,
        }


def found_in(trees: Iterable[Any]) -> list[Found]:
    """Every variable, by name."""
    found: dict[str, Found] = {}
    for text in (text for tree in trees for text in _texts(tree)):
        try:
            uses = variables(text)
        except TemplateError:  # it is told where the file is loaded
            continue
        for use in uses:
            known = found.get(use.name) or Found(name=use.name)
            kind = use.operator[-1:]
            if kind == "?":
                known = known.replace(required=True)
            elif kind == "-":
                known = known.replace(default=known.default or use.word)
            elif kind == "+":
                known = known.replace(alternate=known.alternate or use.word)
            found[use.name] = known
    return [found[name] for name in sorted(found)]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str):
        yield value
