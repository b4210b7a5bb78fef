"""The lines of a source around an error, the guilty ones marked."""

from __future__ import annotations

from izba.cli.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.errors import SourceError

_AROUND = 2


def excerpt(error: SourceError) -> list[str]:
    """Numbered lines around the place of `error`; a caret under the column where it is known."""
    place, lines = error.place, error.source.removesuffix("\n").split("\n")
    first, last = max(1, place.start - _AROUND), min(len(lines), place.end + _AROUND)
    width = len(str(last))
    shown = []
    for number in range(first, last + 1):
        guilty = place.start <= number <= place.end
        text = lines[number - 1].expandtabs(1)
        shown.append(f"{number:>{width + 2}} | {'>>> ' if guilty else '    '}{printable(text)}".rstrip())
        if number == place.start and (place.column > 1 or place.end_column):
            end = place.end_column if place.end_column and place.end == place.start else place.column
            carets = "^" * max(1, end - place.column + 1)
            shown.append(f"{'':>{width + 2}} |     {' ' * (place.column - 1)}{carets}")
    return shown
