"""What all inspect commands print: one JSON list of what was found, or a template's line for each; then the errors."""

from __future__ import annotations

import sys

from izba.errors import IzbaError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


def print_found(names: Iterable[str], find: Callable[[str], dict[str, Any]], format_: str | None) -> int:
    """Look up each name; the exit code."""
    found: list[dict[str, Any]] = []
    errors: list[IzbaError] = []
    for name in names:
        try:
            found.append(find(name))
        except IzbaError as error:
            errors.append(error)
    sys.stdout.write(shown(found, format_, strict=True))
    if errors:
        from izba.cli.main import report

        for missing in errors:
            report(missing, 1)
    return 1 if errors else 0


def shown(found: list[dict[str, Any]], format_: str | None, *, strict: bool = False) -> str:
    """The text for `--format`. `strict`: a name that no field has is a mistake. Raises `TemplateError`."""
    if not format_:
        return _indented(found) + "\n"
    from izba.cli.output.gotemplate import Template

    template = Template("{{json .}}" if format_ == "json" else format_)
    return "".join(f"{template.execute(each, strict=strict)}\n" for each in found)


def _indented(value: object) -> str:
    import json

    return json.dumps(value, indent=4, ensure_ascii=False)
