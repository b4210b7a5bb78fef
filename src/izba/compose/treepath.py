"""Paths into the tree of a Compose file, and rules that are attached to them.

A path is a tuple of keys and indices, shown as `services.web.ports[0]`. A rule's pattern is written with dots, and `*`
stands for any key or index: `services.*.ports.*`. A new attribute is one more line in a table.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeAlias

    Path: TypeAlias = tuple[str | int, ...]


def show(path: Path) -> str:
    """The path as people write it."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


class Rules:
    """Functions by pattern, found while walking down: `start.down("services").down("web")…`."""

    __slots__ = ("_any", "_named", "rule")

    def __init__(self, table: Mapping[str, Any] | None = None) -> None:
        self.rule: Any = None
        self._named: dict[str | int, Rules] = {}
        self._any: Rules | None = None
        for pattern, rule in (table or {}).items():
            self.add(pattern.split("."), rule)

    def down(self, part: str | int) -> Rules | None:
        """The rules below a key or an index; None where there are none."""
        return self._named.get(part, self._any)

    def at(self, path: Path) -> Any:
        """The rule for exactly this path, if there is one."""
        rules: Rules | None = self
        for part in path:
            if rules is None:
                return None
            rules = rules.down(part)
        return rules.rule if rules else None

    def add(self, parts: list[str], rule: Any) -> None:
        """One more rule."""
        if not parts:
            self.rule = rule
            return
        first, *rest = parts
        if first == "*":
            self._any = self._any or Rules()
            self._any.add(rest, rule)
        else:
            self._named.setdefault(first, Rules()).add(rest, rule)


def rewrite(tree: Any, rules: Rules, *arguments: Any, path: Path = ()) -> Any:
    """The tree with each rule applied where it matches: `rule(value, path, *arguments)`, parents before children.

    Mappings and lists are changed in place.
    """
    if rules.rule is not None:
        tree = rules.rule(tree, path, *arguments)
    if isinstance(tree, dict):
        for key, value in tree.items():
            if below := rules.down(key):
                tree[key] = rewrite(value, below, *arguments, path=(*path, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            if below := rules.down(index):
                tree[index] = rewrite(value, below, *arguments, path=(*path, index))
    return tree


def visit(tree: Any, rules: Rules, act: Callable[[Any, Any, Path], None], path: Path = ()) -> None:
    """Call `act(rule, value, path)` wherever a rule matches, parents before children."""
    if rules.rule is not None:
        act(rules.rule, tree, path)
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        if below := rules.down(key):
            visit(value, below, act, (*path, key))
