"""The name of a project: lower-case letters, digits, `-` and `_`, beginning with a letter or a digit."""

from __future__ import annotations

import os

from izba.compose.errors import ComposeError
from izba.compose.template import TemplateError, substitute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from izba.compose.load.source import Document

_FIRST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_CHARACTERS = _FIRST | {"_", "-"}


class BadProjectName(ComposeError):
    """A name that no project can have; Compose's sentence."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"invalid project name {name!r}: must consist only of lowercase alphanumeric characters, hyphens, and "
            "underscores as well as start with a letter or number",
            hint="-p NAME, or `name:` in the file" if not name else None,
        )
        self.name = name


def project_name(
    given: str | None, environment: Mapping[str, str], documents: Sequence[Document], directory: str
) -> str:
    """`-p`, COMPOSE_PROJECT_NAME, the last file's `name:`, or the directory's. Raises `BadProjectName`."""
    wanted = given or environment.get("COMPOSE_PROJECT_NAME")
    if wanted:
        if wanted[0] not in _FIRST or not _CHARACTERS.issuperset(wanted):
            raise BadProjectName(wanted)
        return wanted
    written = [document.tree["name"] for document in documents if isinstance(document.tree.get("name"), str)]
    if written:
        try:
            name = normalized(substitute(written[-1], environment.get))
        except TemplateError as error:
            raise documents[-1].source.error(("name",), error.message, hint=error.hint) from error
    else:
        name = normalized(os.path.basename(directory))
    if not name:
        raise BadProjectName(name)
    return name


def normalized(text: str) -> str:
    """What of a text can be a project's name."""
    return "".join(filter(_CHARACTERS.__contains__, text.lower())).lstrip("_-")
