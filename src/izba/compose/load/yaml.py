"""Phase 1: text → plain trees, one for each document. Nothing in a file can make izba run code, loop or eat memory.

libyaml gives events; they are put together here, under limits, so that aliases (billion laughs), nesting, merge keys
(`<<`) and tags are ours to judge. Scalars are read as Compose's YAML library reads them: YAML 1.2's booleans, but
YAML 1.1's octal numbers; a date stays text.
"""

from __future__ import annotations

import re

import yaml

from izba.compose.load.source import Document, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from izba.compose.errors import ComposeFileError
    from izba.compose.treepath import Path

MAX_BYTES = 16 << 20
MAX_DEPTH = 100
MAX_NODES = 500_000
"""Of a document, each alias counted as what it stands for."""

_RESET, _OVERRIDE = "!reset", "!override"
_INTEGER = re.compile(r"[-+]?(0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **{sign + word: float("-inf" if sign == "-" else "inf") for sign in ("", "+", "-") for word in (".inf", ".Inf")},
    ".nan": float("nan"),
}
_MARKS = frozenset("0123456789-+.~nNtTfF")


def documents(text: str, file: str) -> list[Document]:
    """The documents of a file. Raises `ComposeFileError`."""
    if len(text) > MAX_BYTES:
        raise Source(file, "").error((), f"the file is larger than {MAX_BYTES >> 20} MiB")
    composer = _Composer(Source(file, text))
    found = []
    for root in composer.roots():
        source = Source(file, text)
        found.append(_Builder(source).document(root))
    return found


class _Node:
    """A node of the event stream. `value` is a string, or a list of nodes, or a list of pairs of nodes."""

    __slots__ = ("column", "kind", "line", "plain", "tag", "value")

    def __init__(self, kind: str, tag: str | None, value: Any, mark: Any, *, plain: bool = False) -> None:
        self.kind = kind
        self.tag = tag
        self.value = value
        self.line = mark.line + 1
        self.column = mark.column + 1
        self.plain = plain


class _Composer:
    """Events → nodes; an alias is the node it names."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._anchors: dict[str, _Node] = {}
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._events: Iterator[Any] = yaml.parse(source.text, Loader=loader)

    def roots(self) -> Iterator[_Node]:
        try:
            for event in self._events:
                if isinstance(event, yaml.DocumentStartEvent):
                    self._anchors = {}
                    yield self._node(next(self._events), 0)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            # The library's own limit, from PyYAML 6.0.4 on; its scanner looks ahead, and reaches it before we do ours.
            too_deep = "nesting depth" in (error.problem or "")
            said = f"nested deeper than {MAX_DEPTH} levels" if too_deep else _sentence(error)
            raise self._source.error_at(line, column, said) from None
        except (yaml.YAMLError, ValueError) as error:
            raise self._source.error_at(1, 1, f"not YAML: {error}") from None

    def _node(self, event: Any, depth: int) -> _Node:
        mark = event.start_mark
        if depth > MAX_DEPTH:
            raise self._source.error_at(mark.line + 1, mark.column + 1, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise self._source.error_at(
                    mark.line + 1, mark.column + 1, f"*{event.anchor}: no anchor of this name before it"
                )
            return self._anchors[event.anchor]
        if isinstance(event, yaml.ScalarEvent):
            return self._named(event, _Node("scalar", event.tag, event.value, mark, plain=event.implicit[0]))
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[_Node] = []
            node = _Node("sequence", event.tag, items, mark)
            while not isinstance(event_ := next(self._events), yaml.SequenceEndEvent):
                items.append(self._node(event_, depth + 1))
            return self._named(event, node)
        pairs: list[tuple[_Node, _Node]] = []
        node = _Node("mapping", event.tag, pairs, mark)
        while not isinstance(event_ := next(self._events), yaml.MappingEndEvent):
            key = self._node(event_, depth + 1)
            pairs.append((key, self._node(next(self._events), depth + 1)))
        return self._named(event, node)

    def _named(self, event: Any, node: _Node) -> _Node:
        # Known only from its end on: an anchor inside of what it names is no cycle but an unknown name.
        if event.anchor:
            self._anchors[event.anchor] = node
        return node


class _Builder:
    """Nodes → plain values, the place of each remembered."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._count = 0
        self._merging = 0
        self._resets: list[Path] = []
        self._overrides: list[Path] = []

    def document(self, root: _Node) -> Document:
        tree = self._value(root, (), 0)
        if tree is None:
            tree = {}
        if not isinstance(tree, dict):
            raise self._error(root, "the top level must be a mapping")
        return Document(tree=tree, source=self._source, resets=tuple(self._resets), overrides=tuple(self._overrides))

    def _value(self, node: _Node, path: Path, depth: int) -> Any:
        self._count += 1
        if self._count > MAX_NODES:
            raise self._error(
                node, f"the file expands to more than {MAX_NODES} values", "aliases repeat what they name"
            )
        if depth > MAX_DEPTH:
            raise self._error(node, f"nested deeper than {MAX_DEPTH} levels")
        if node.tag == _OVERRIDE:
            self._overrides.append(path)
        if node.kind == "scalar":
            return self._scalar(node)
        if node.kind == "sequence":
            self._check_tag(node, "tag:yaml.org,2002:seq")
            return self._sequence(node, path, depth)
        self._check_tag(node, "tag:yaml.org,2002:map")
        return self._mapping(node, path, depth)

    def _sequence(self, node: _Node, path: Path, depth: int) -> list[Any]:
        result: list[Any] = []
        for item in node.value:
            below = (*path, len(result))
            if item.tag == _RESET:
                self._resets.append(below)
                continue
            self._place(below, item)
            result.append(self._value(item, below, depth + 1))
        return result

    def _mapping(self, node: _Node, path: Path, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        lines: dict[str, int] = {}
        merged: list[_Node] = []
        for key_node, value_node in node.value:
            if key_node.kind == "scalar" and key_node.value == "<<" and key_node.plain:
                merged.append(value_node)
                continue
            key = self._key(key_node)
            if key in lines:
                raise self._error(key_node, f"the key {key!r} is there twice; it was first in line {lines[key]}")
            lines[key] = key_node.line
            below = (*path, key)
            if value_node.tag == _RESET:
                self._resets.append(below)
                continue
            self._place(below, key_node)
            result[key] = self._value(value_node, below, depth + 1)
        for value_node in merged:
            for key, value in self._merged(value_node, path, depth).items():
                if key not in lines:
                    result.setdefault(key, value)
        return result

    def _merged(self, node: _Node, path: Path, depth: int) -> dict[str, Any]:
        """What `<<` brings: a mapping, or several with the first one first. Places already known stay."""
        values = [node] if node.kind == "mapping" else node.value if node.kind == "sequence" else []
        if not values or any(each.kind != "mapping" for each in values):
            raise self._error(node, "<< needs a mapping, or a list of mappings")
        result: dict[str, Any] = {}
        self._merging += 1
        for each in values:
            for key, value in self._value(each, path, depth + 1).items():
                result.setdefault(key, value)
        self._merging -= 1
        return result

    def _place(self, path: Path, node: _Node) -> None:
        place = (node.line, node.column)
        if self._merging:
            self._source.places.setdefault(path, place)
        else:
            self._source.places[path] = place

    def _key(self, node: _Node) -> str:
        value = self._scalar(node) if node.kind == "scalar" else node
        if isinstance(value, str):
            return value
        if isinstance(value, (bool, int, float)):
            raise self._error(node, f"the key {node.value} is not text", f'write it as "{node.value}"')
        raise self._error(node, "a key must be text")

    def _scalar(self, node: _Node) -> Any:
        tag, text = node.tag, node.value
        if tag is None or tag == _OVERRIDE:
            return _resolve(text) if node.plain else text
        kind = tag.removeprefix("tag:yaml.org,2002:")
        if kind in {"str", "!"} or tag == "!":
            return text
        value = _resolve(text)
        if kind == "null":
            return None
        if kind == "float" and isinstance(value, (int, float)):
            return float(value)
        if kind == "int" and isinstance(value, int):
            return value
        if kind == "bool" and isinstance(value, bool):
            return value
        if kind in {"float", "int", "bool"}:
            raise self._error(node, f"{text!r} is not !!{kind}")
        raise self._unknown_tag(node)

    def _check_tag(self, node: _Node, own: str) -> None:
        if node.tag not in {None, own, "!", _OVERRIDE}:
            raise self._unknown_tag(node)

    def _unknown_tag(self, node: _Node) -> ComposeFileError:
        tag = (node.tag or "").replace("tag:yaml.org,2002:", "!!")
        return self._error(node, f"the tag {tag} means nothing here", "!reset and !override are Compose's own")

    def _error(self, node: _Node, message: str, hint: str | None = None) -> ComposeFileError:
        return self._source.error_at(node.line, node.column, message, hint=hint)


def _resolve(text: str) -> Any:
    """A plain scalar's value."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _MARKS:
        return text
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _integer(text: str) -> int | float | str:
    digits = text.replace("_", "")
    if len(digits) > 300:
        return text
    sign = -1 if digits[0] == "-" else 1
    digits = digits.lstrip("+-")
    try:
        if len(digits) > 1 and digits[0] == "0" and digits[1] not in "box":
            return sign * int(digits, 8)
        return sign * int(digits, 0)
    except ValueError:  # 089: no octal number, so it is read as a decimal fraction
        return sign * float(digits) if digits.isdecimal() else text


def _sentence(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "cannot be read"
    return f"not YAML: {problem}" + (f" ({error.context})" if error.context else "")
