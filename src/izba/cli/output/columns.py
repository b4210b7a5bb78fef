"""Tables as Docker's: cells parted by tabs, columns at least ten wide with three spaces between, the last one as it is.

The rule is Go's text/tabwriter: a column is as wide as its widest cell among the successive lines that have it.
"""

from __future__ import annotations

from izba.cli.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_LEAST, _GAP = 10, 3


def align(lines: Sequence[Sequence[str]], least: int = _LEAST) -> str:
    """The lines, each of some cells, with their columns aligned; a newline after each. No cell has escape codes.

    A column is at least `least` wide.
    """
    lines = [[printable(cell) for cell in cells] for cells in lines]
    widths: list[list[int]] = [[] for _ in lines]
    _measure(lines, widths, (0, len(lines), 0), least)
    return "".join(f"{_line(cells, wide)}\n" for cells, wide in zip(lines, widths, strict=True))


def align_text(text: str) -> str:
    """As `align`, for cells parted by tabs."""
    lines = text.removesuffix("\n").split("\n")
    return align([line.split("\t") for line in lines])


def width(text: str) -> int:
    """How many columns of a terminal `text` takes."""
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width

    total = 0
    for character in text:
        if category(character) not in {"Mn", "Me", "Cf"}:
            total += 2 if east_asian_width(character) in "WF" else 1
    return total


def ellipsis(text: str, limit: int) -> str:
    """`text`, cut to `limit` columns with `…` as the last one where it is longer."""
    if width(text) <= limit:
        return text
    if limit <= 1:
        return text[:limit]
    used = 0
    for end, character in enumerate(text):
        used += width(character)
        if used > limit - 1:
            return text[:end] + "…"
    return text


def _measure(lines: Sequence[Sequence[str]], widths: list[list[int]], place: tuple[int, int, int], least: int) -> None:
    """Fill in the widths of a column and those right of it, for lines from one up to another: `place`."""
    start, end, column = place
    at = start
    while at < end:
        # The last cell of a line belongs to no column.
        if len(lines[at]) <= column + 1:
            at += 1
            continue
        first = at
        while at < end and len(lines[at]) > column + 1:
            at += 1
        widest = max(least, _GAP + max(width(cells[column]) for cells in lines[first:at]))
        for each in widths[first:at]:
            each.append(widest)
        _measure(lines, widths, (first, at, column + 1), least)


def _line(cells: Sequence[str], widths: list[int]) -> str:
    padded = [cell + " " * (wide - width(cell)) for cell, wide in zip(cells, widths, strict=False)]
    return "".join([*padded, cells[-1]])
