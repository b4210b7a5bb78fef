"""The word a person most likely meant: for hints after a misspelt command, flag, instruction or key."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that is few enough edits from `word` to be meant by it; ties go to the first."""
    allowed = max(1, len(word) // 3)
    best: str | None = None
    for candidate in known:
        if abs(len(candidate) - len(word)) <= allowed and (count := edits(word, candidate)) <= allowed:
            allowed, best = count - 1, candidate
    return best


def edits(a: str, b: str) -> int:
    """Insertions, deletions, replacements and swaps of neighbours that make `b` of `a` (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        older, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]
