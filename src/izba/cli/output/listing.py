"""How a list command shows its rows: a table, `--format` with a template, `--format json`, or ids alone.

A command describes its fields once; a row's fields are computed when they are shown.
"""

from __future__ import annotations

from izba._record import Record
from izba.cli.output.columns import align, align_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any


class Field(Record):
    """A column: its header, and its value for an item. `takes_argument`: as of `{{.Label "key"}}`."""

    header: str
    value: Callable[..., object]
    takes_argument: bool = False


class Listing(Record):
    """The fields of a kind of row, `table` those that are shown if nobody asks.

    `kind` names it in a template's errors, as in `*formatter.ContainerContext`; `raw` are the labels and fields that
    `--format raw` shows, each on a line of its own.
    """

    kind: str
    fields: Mapping[str, Field]
    table: tuple[str, ...]
    raw: tuple[tuple[str, str], ...] = ()

    def show(self, items: Iterable[object], format_: str | None = None) -> str:
        """The text for `--format`. Raises `TemplateError`."""
        if not format_ or format_ == "table":
            return self._table(items)
        if format_ == "raw" and self.raw:
            return "".join(f"{self._raw(item)}\n" for item in items)
        if format_ == "json":
            format_ = "{{json .}}"
        return self._by_template(items, format_)

    def ids(self, items: Iterable[object], name: str = "ID") -> str:
        """What `--quiet` shows."""
        return "".join(f"{self.fields[name].value(item)}\n" for item in items)

    def uses(self, format_: str | None, name: str) -> bool:
        """Whether the field is shown, for those that cost something to find out."""
        if not format_ or format_ == "table":
            return name in self.table
        if format_ == "raw" and self.raw:
            return any(name == field for _, field in self.raw)
        return format_ == "json" or f".{name}" in format_

    def _raw(self, item: object) -> str:
        shown = ((label, _text(self.fields[name].value(item))) for label, name in self.raw)
        return "".join(f"{label}: {text}\n" if text else f"{label}:\n" for label, text in shown)

    def _table(self, items: Iterable[object]) -> str:
        fields = [self.fields[name] for name in self.table]
        rows = [[_text(field.value(item)) for field in fields] for item in items]
        return align([[field.header for field in fields], *rows])

    def _by_template(self, items: Iterable[object], format_: str) -> str:
        from izba.cli.output.gotemplate import HEADER_FUNCTIONS, Template

        is_table = format_.startswith("table")
        text = format_.removeprefix("table").strip(" ").replace("\\t", "\t").replace("\\n", "\n")
        template = Template(text)
        lines = [template.execute(Row(self, item)) for item in items]
        if not is_table:
            return "".join(f"{line}\n" for line in lines)
        header = template.execute(Header(self), functions=HEADER_FUNCTIONS)
        return align_text("".join(f"{line}\n" for line in (header, *lines)))


def natural(name: str) -> list[int | str]:
    """What to sort names by so that `n2` comes before `n11`, as Docker has networks and volumes."""
    import re

    return [int(part) if part.isdecimal() else part for part in re.split(r"([0-9]+)", name)]


class Row:
    """One item, as a template sees it."""

    def __init__(self, listing: Listing, item: object) -> None:
        self._listing = listing
        self._item = item
        self.go_type = f"*formatter.{listing.kind}Context"

    def go_field(self, name: str, arguments: tuple[object, ...]) -> object:
        """The field's value. Raises `KeyError` if there is none, `TypeError` for the wrong number of arguments."""
        field = self._listing.fields[name]
        if len(arguments) != field.takes_argument:
            raise TypeError(name)
        return field.value(self._item, *arguments)

    def go_json(self) -> dict[str, Any]:
        """All fields that take no argument, by name."""
        fields = sorted(self._listing.fields.items())
        return {name: field.value(self._item) for name, field in fields if not field.takes_argument}


class Header:
    """The headers, as the same template sees them."""

    go_type = "formatter.SubHeaderContext"

    def __init__(self, listing: Listing) -> None:
        self._listing = listing

    def go_field(self, name: str, arguments: tuple[object, ...]) -> object:
        if arguments:
            # `{{.Label "com.example.some-thing"}}` heads its column with `some thing`.
            return str(arguments[0]).split(".")[-1].replace("-", " ").replace("_", " ")
        return self._listing.fields[name].header

    def go_json(self) -> dict[str, Any]:
        return {name: field.header for name, field in self._listing.fields.items()}


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    from izba.cli.output.gotemplate import go_string

    return go_string(value)
