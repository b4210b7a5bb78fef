"""Phase 5: a tree against the specification's own JSON schema (`schema.json`), with errors that people can act on.

This reads the part of JSON Schema that the specification uses. A general validator says which of its clauses failed;
this one knows which of several forms was meant (by its type), points at the key, and names the nearest one there is.
"""

from __future__ import annotations

from izba import jsonio
from izba._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from izba.compose.treepath import Path

    Schema: TypeAlias = dict[str, Any]

_NAMES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "nothing",
}


_LOWER = "abcdefghijklmnopqrstuvwxyz"
_NAME = frozenset(f"{_LOWER}{_LOWER.upper()}0123456789._-")
_FORMS: dict[str, Callable[[str], bool]] = {
    "^x-": lambda text: text.startswith("x-"),
    "^.+$": lambda text: bool(text) and "\n" not in text,
    "^[a-z]+$": lambda text: bool(text) and frozenset(_LOWER).issuperset(text),
    "^[a-zA-Z0-9._-]+$": lambda text: bool(text) and _NAME.issuperset(text),
}
"""Those that nearly every file has to do with, done without `re`: its import takes as long as the rest of the load."""


class Problem(Record):
    """What is wrong, and where."""

    path: Path
    message: str
    hint: str | None = None


def check(tree: dict[str, Any]) -> Problem | None:
    """The first problem of a file's tree, in the order of the file."""
    return _Checker(_schema()).check(tree, _schema(), ())


_loaded: list[Schema] = []


def _schema() -> Schema:
    if not _loaded:
        _loaded.append(jsonio.read(f"{__file__.rpartition('/load/')[0]}/schema.json"))
    return _loaded[0]


class _Checker:
    """Walks tree and schema together."""

    def __init__(self, root: Schema) -> None:
        self._definitions: dict[str, Schema] = root["$defs"]
        self._resolved: dict[int, Schema] = {}

    def check(self, value: Any, schema: Schema, path: Path) -> Problem | None:
        schema = self._resolve(schema)
        if "oneOf" in schema or "anyOf" in schema:
            return self._choice(value, schema.get("oneOf") or schema["anyOf"], path)
        types = _types(schema)
        if types and not any(_is(value, each) for each in types):
            return Problem(path=path, message=f"must be {_or(types)}, not {_told(value)}")
        if "enum" in schema and value not in schema["enum"]:
            return Problem(path=path, message=f"must be one of {', '.join(map(str, schema['enum']))}, not {value!r}")
        if isinstance(value, dict):
            return self._mapping(value, schema, path)
        if isinstance(value, list):
            return self._list(value, schema, path)
        return _scalar(value, schema, path)

    def _mapping(self, value: dict[str, Any], schema: Schema, path: Path) -> Problem | None:
        properties: dict[str, Schema] = schema.get("properties", {})
        patterns: dict[str, Schema] = schema.get("patternProperties", {})
        others: Any = schema.get("additionalProperties", True)
        for key, each in value.items():
            below = (*path, key)
            if key in properties:
                problem = self.check(each, properties[key], below)
            elif pattern := next((pattern for pattern in patterns if _has_form(key, pattern)), None):
                problem = self.check(each, patterns[pattern], below)
            elif others is False:
                return _unknown(below, properties)
            else:
                problem = self.check(each, others, below) if isinstance(others, dict) else None
            if problem:
                return problem
        missing = [name for name in schema.get("required", ()) if name not in value]
        return Problem(path=path, message=f"{missing[0]} is missing") if missing else None

    def _list(self, value: list[Any], schema: Schema, path: Path) -> Problem | None:
        for index, each in enumerate(value):
            if "items" in schema and (problem := self.check(each, schema["items"], (*path, index))):
                return problem
        if schema.get("uniqueItems"):
            seen: list[str] = []
            known: set[str] = set()
            for index, each in enumerate(value):
                text = jsonio.dumps(each) if isinstance(each, (dict, list)) else f"{type(each).__name__}:{each}"
                if text in known:
                    first = seen.index(text)
                    return Problem(path=(*path, index), message=f"is there twice; it is item {first} as well")
                seen.append(text)
                known.add(text)
        return None

    def _choice(self, value: Any, choices: list[Schema], path: Path) -> Problem | None:
        """The form that was meant is the one whose type fits; its problem is the one to tell."""
        resolved = [self._resolve(each) for each in choices]
        fitting = [each for each in resolved if self._fits(value, each)]
        if not fitting:
            types = [name for each in resolved for name in self._all_types(each)]
            return Problem(path=path, message=f"must be {_or(list(dict.fromkeys(types)))}, not {_told(value)}")
        problems: list[Problem] = []
        for each in fitting:
            problem = self.check(value, each, path)
            if problem is None:
                return None
            problems.append(problem)
        return max(problems, key=lambda problem: len(problem.path))

    def _fits(self, value: Any, schema: Schema) -> bool:
        types = self._all_types(schema)
        return not types or any(_is(value, each) for each in types)

    def _all_types(self, schema: Schema) -> list[str]:
        if choices := schema.get("oneOf") or schema.get("anyOf"):
            return [name for each in choices for name in self._all_types(self._resolve(each))]
        return _types(schema)

    def _resolve(self, schema: Schema) -> Schema:
        """What a `$ref` names; the parts of an `allOf` as one."""
        if "$ref" not in schema and "allOf" not in schema:
            return schema
        if (known := self._resolved.get(id(schema))) is not None:
            return known
        if "$ref" in schema:
            result = self._resolve(self._definitions[schema["$ref"].rpartition("/")[2]])
        else:
            parts = [self._resolve(each) for each in schema["allOf"]]
            result = {"type": "object", "additionalProperties": schema.get("unevaluatedProperties", True)}
            for key in ("properties", "patternProperties"):
                result[key] = {name: each for part in (*parts, schema) for name, each in part.get(key, {}).items()}
            result["required"] = [name for part in (*parts, schema) for name in part.get("required", ())]
        self._resolved[id(schema)] = result
        return result


def _unknown(path: Path, properties: dict[str, Schema]) -> Problem:
    from izba.nearest import nearest

    meant = nearest(str(path[-1]), list(properties))
    hint = f"did you mean {meant}?" if meant else "keys of your own begin with x-" if properties else None
    return Problem(path=path, message="unknown key", hint=hint)


def _scalar(value: Any, schema: Schema, path: Path) -> Problem | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if "minimum" in schema and value < schema["minimum"]:
            return Problem(path=path, message=f"must be at least {schema['minimum']}, not {value}")
        if "maximum" in schema and value > schema["maximum"]:
            return Problem(path=path, message=f"must be at most {schema['maximum']}, not {value}")
    if isinstance(value, str) and "pattern" in schema and not _has_form(value, schema["pattern"]):
        return Problem(path=path, message=f"{value!r} is not of the form {schema['pattern']}")
    return None


def _has_form(text: str, pattern: str) -> bool:
    if (known := _FORMS.get(pattern)) is not None:
        return known(text)
    import re

    return re.search(pattern, text) is not None


def _types(schema: Schema) -> list[str]:
    found = schema.get("type", [])
    return [found] if isinstance(found, str) else found


def _is(value: Any, kind: str) -> bool:
    if kind == "null":
        return value is None
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, {"object": dict, "array": list, "string": str}[kind])


def _or(types: list[str]) -> str:
    names = [_NAMES[each] for each in types if each != "integer" or "number" not in types]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _told(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"{str(value).lower()}"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    return "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else f"the text {value!r}"
