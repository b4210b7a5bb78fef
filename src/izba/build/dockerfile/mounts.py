"""`RUN --mount=type=…,key=value`: comma-separated, with BuildKit's keys, defaults and checks."""

from __future__ import annotations

from izba.build.dockerfile.instructions import Mount
from izba.build.dockerfile.source import Word
from izba.nearest import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_KINDS = ("bind", "cache", "tmpfs", "secret", "ssh")
_SHARINGS = ("shared", "private", "locked")
_SYNONYMS = {
    "src": "source",
    "dst": "target",
    "destination": "target",
    "ro": "readonly",
    "rw": "readwrite",
}
KEYS = (
    *("type", "from", "source", "target", "readonly", "readwrite", "id", "sharing", "required"),
    *("size", "mode", "uid", "gid", "env", *_SYNONYMS),
)
_OWNED = ("cache", "secret", "ssh")
_UNITS = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def check(word: Word) -> None:
    """Raise `DockerfileError` for what is wrong with a mount whatever its variables will be."""
    for field in fields(word):
        key, _, value = field.partition("=")
        if key.lower() == "from" and "$" in value[:-1]:
            message = "'from' doesn't support variable expansion, define alias stage instead"
            raise field.error(message, hint=f"FROM {value} AS name, and then from=name")
    if "$" not in word:
        read(word, str)


def read(word: Word, expand: Callable[[Word], str]) -> Mount:
    """The mount, the values in it expanded. Raises `DockerfileError`."""
    found: dict[str, Any] = {"kind": "bind"}
    for field in fields(word):
        _read_field(field, expand, found)
    kind: str = found["kind"]
    found.setdefault("read_only", kind not in {"cache", "tmpfs"})
    _check_together(word, kind, found)
    return Mount(**found)


def fields(word: Word) -> list[Word]:
    """The comma-separated fields; one that begins with a quote may hold commas, as in CSV."""
    result: list[Word] = []
    at = 0
    while at <= len(word):
        if not word.startswith('"', at):
            end = word.find(",", at)
            end = len(word) if end < 0 else end
            result.append(word.part(at, end))
        else:
            end = _closing_quote(word, at)
            text = word[at + 1 : end].replace('""', '"')
            result.append(Word(text, word.line, word.part(at).start, word.part(end).end))
            end += 1
            if end < len(word) and word[end] != ",":
                raise word.error('failed to parse csv mounts: extraneous or missing " in quoted-field', at, end)
        at = end + 1
    return result


def _closing_quote(word: Word, at: int) -> int:
    end = word.find('"', at + 1)
    while end >= 0 and word.startswith('""', end):
        end = word.find('"', end + 2)
    if end < 0:
        raise word.error('failed to parse csv mounts: extraneous or missing " in quoted-field', at)
    return end


def _read_field(field: Word, expand: Callable[[Word], str], found: dict[str, Any]) -> None:
    name, equals, _ = field.partition("=")
    key = _SYNONYMS.get(name.lower(), name.lower())
    if not equals and key not in {"readonly", "readwrite", "required"}:
        raise field.error(f"invalid field '{field}' must be a key=value pair", hint=_meant(name, KEYS))
    value = expand(field.part(len(name) + 1)) if equals else "true"
    match key:
        case "type":
            if value.lower() not in _KINDS:
                raise field.error(f'unsupported mount type "{value}"', hint=_meant(value, _KINDS))
            found["kind"] = value.lower()
        case "from":
            found["from_"] = value
        case "source" | "target" | "id" | "env":
            found[key] = value
        case "readonly":
            found["read_only"] = _boolean(field, name, value)
        case "readwrite":
            found["read_only"] = not _boolean(field, name, value)
        case "required" if found["kind"] in {"secret", "ssh"}:
            found["required"] = _boolean(field, name, value)
        case "size" if found["kind"] == "tmpfs":
            found["size"] = _bytes(field, value)
        case "required" | "size":
            raise field.error(f"unexpected key '{key}' for mount type '{found['kind']}'", hint=_order(key))
        case "sharing":
            if value.lower() not in _SHARINGS:
                raise field.error(f'unsupported sharing value "{value}"', hint=_meant(value, _SHARINGS))
            found["sharing"] = value.lower()
        case "mode" | "uid" | "gid":
            found[key] = _number(field, key, value)
        case _:
            raise field.error(f"unexpected key '{key}' in '{field}'", hint=_meant(key, KEYS))


def _check_together(word: Word, kind: str, found: dict[str, Any]) -> None:
    for key in ("mode", "uid", "gid"):
        if key in found and kind not in _OWNED:
            raise word.error(f'{key} not allowed for "{kind}" type mounts')
    if kind == "secret":
        if found.get("from_"):
            raise word.error("secret mount should not have a from")
        if found.get("sharing"):
            raise word.error("secret mount should not define sharing")
        if not (found.get("source") or found.get("target") or found.get("id")):
            raise word.error("invalid secret mount. one of source, target required", hint="give it an id=")
        if found.get("source") and found.get("id"):
            raise word.error("both source and id can't be set")
    if found.get("sharing") and kind != "cache":
        raise word.error(f"invalid cache sharing set for {kind} mount")


def _boolean(field: Word, key: str, value: str) -> bool:
    if value in {"1", "t", "T", "true", "TRUE", "True"}:
        return True
    if value in {"0", "f", "F", "false", "FALSE", "False"}:
        return False
    raise field.error(f"invalid value for {key}: {value}")


def _number(field: Word, key: str, value: str) -> int:
    """A mode in octal, an id in decimal, of 32 bits."""
    digits = "01234567" if key == "mode" else "0123456789"
    number = int(value, len(digits)) if value and len(value) <= 20 and not value.strip(digits) else 1 << 32
    if number >= 1 << 32:
        raise field.error(f"invalid value {value} for {key}")
    return number


def _bytes(field: Word, value: str) -> int:
    """A size as Docker's flags take it: `64m`, `1.5GB`, `512KiB`."""
    text = value.lower()
    number = text.rstrip("bikmgtp ").strip()
    unit = text[len(text.rstrip("bikmgtp ")) :].strip()
    unit = unit[0] if unit in {"b", *(f"{each}{end}" for each in "kmgtp" for end in ("", "b", "ib"))} else unit
    whole, _, fraction = number.partition(".")
    digits = whole + fraction
    if unit not in _UNITS or not (digits.isascii() and digits.isdecimal()) or len(digits) > 20:
        raise field.error(f"invalid value for size: {value}", hint="write it as 64m or 1g")
    factor: int = 1024 ** _UNITS[unit]
    return int(digits) * factor // int(10 ** len(fraction))


def _meant(word: str, known: tuple[str, ...]) -> str | None:
    meant = nearest(word.lower(), known)
    return f"did you mean {meant}?" if meant else None


def _order(key: str) -> str:
    kinds = "tmpfs" if key == "size" else "secret or ssh"
    return f"{key} is for type={kinds}, and that stands before it"
