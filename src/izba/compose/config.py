"""What `izba compose config` prints: the project as one canonical file, which loads again to the same project."""

from __future__ import annotations

import re

from izba.compose.load.clone import clone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from typing import Any

    from izba.compose.load.phases import Loaded

_ORDER = ("name", "services", "networks", "volumes", "configs", "secrets")
_SAFE = re.compile(r"[A-Za-z0-9_./@%+=,*(<>)\[\]{}$~^;!?&|\\-][A-Za-z0-9_ ./@%+=,*(<>)\[\]{}$~^;!?&|\\:-]*")
_NOT_FIRST = frozenset("-?:,[]{}#&*!|>'\"%@` =<~")
_WORDS = frozenset("y n yes no on off true false null ~ .nan .inf -.inf +.inf".split())


def shown(loaded: Loaded, services: Collection[str] | None = None) -> dict[str, Any]:
    """The tree as it is shown: enabled services, and what they use. `services` are those selected, if not all.

    Each dollar is doubled, so that the file says the same when it is loaded again.
    """
    tree = clone(loaded.tree)
    wanted = {
        name: service
        for name, service in (tree.get("services") or {}).items()
        if name in (loaded.enabled if services is None else services)
    }
    result: dict[str, Any] = {"name": tree["name"], "services": dict(sorted(wanted.items()))}
    for section in _ORDER[2:]:
        used = _used(section, wanted)
        if kept := {name: each for name, each in (tree.get(section) or {}).items() if name in used}:
            result[section] = dict(sorted(kept.items()))
    result |= {key: value for key, value in tree.items() if key not in {*_ORDER, "models"}}
    for service in wanted.values():
        _present(service)
    escaped: dict[str, Any] = _escaped(result)
    return escaped


def _used(section: str, services: dict[str, Any]) -> set[str]:
    used: set[str] = set()
    for service in services.values():
        if section == "networks":
            used |= set(service.get("networks") or ())
        elif section == "volumes":
            used |= {
                each["source"]
                for each in service.get("volumes") or ()
                if isinstance(each, dict) and each.get("type") == "volume" and "source" in each
            }
        else:
            used |= {each["source"] for each in service.get(section) or ()}
            used |= {each["source"] for each in (service.get("build") or {}).get(section) or ()}
    return used


def _present(service: dict[str, Any]) -> None:
    """Where the canonical form that is printed is not the one that is worked with."""
    for volume in service.get("volumes") or ():
        if isinstance(volume, dict) and (volume.get("bind") or {}).get("create_host_path") is True:
            del volume["bind"]["create_host_path"]
    for entry in service.get("env_file") or ():
        if entry.get("required") is True:
            del entry["required"]
    build = service.get("build") or {}
    if isinstance(build.get("ssh"), dict):
        build["ssh"] = [name if path is None else f"{name}={path}" for name, path in sorted(build["ssh"].items())]


def _escaped(value: Any) -> Any:
    """Values alone: variables in keys are none."""
    if isinstance(value, dict):
        return {key: _escaped(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_escaped(each) for each in value]
    return value.replace("$", "$$") if isinstance(value, str) else value


def to_yaml(tree: dict[str, Any]) -> str:
    """The tree as YAML, keys in the order that people expect."""
    return "".join(f"{line}\n" for line in _mapping(tree, 0, _ORDER))


def _mapping(value: dict[str, Any], indent: int, first: Sequence[str] = ()) -> Iterator[str]:
    space = " " * indent
    for key in sorted(value, key=lambda each: (first.index(each) if each in first else len(first), each)):
        each, name = value[key], _scalar(key)
        if isinstance(each, dict) and each:
            yield f"{space}{name}:"
            yield from _mapping(each, indent + 2)
        elif isinstance(each, list) and each:
            yield f"{space}{name}:"
            yield from _sequence(each, indent + 2)
        else:
            yield f"{space}{name}: {_inline(each, indent + 2)}"


def _sequence(value: list[Any], indent: int) -> Iterator[str]:
    space = " " * indent
    for each in value:
        if isinstance(each, (dict, list)) and each:
            lines = list(_mapping(each, indent + 2) if isinstance(each, dict) else _sequence(each, indent + 2))
            yield f"{space}- {lines[0][indent + 2 :]}"
            yield from lines[1:]
        else:
            yield f"{space}- {_inline(each, indent + 2)}"


def _inline(value: Any, indent: int) -> str:
    if isinstance(value, str) and "\n" in value and _is_block(value):
        chomp = "-" if not value.endswith("\n") else "+" if value.endswith("\n\n") else ""
        lines = value.removesuffix("\n").split("\n")
        return f"|{chomp}\n" + "\n".join(f"{' ' * indent}{line}" if line else "" for line in lines)
    if value == {}:
        return "{}"
    return "[]" if value == [] else _scalar(value)


def _is_block(text: str) -> bool:
    """Whether a text of several lines can stand as a literal block."""
    return (
        text[0] not in " \n"
        and all(character.isprintable() or character == "\n" for character in text)
        and not any(line != line.rstrip() for line in text.split("\n"))
    )


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return _number(value)
    if _is_plain(value):
        return value
    return '"' + "".join(_character(each) for each in value) + '"'


def _character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    named = {"\n": "\\n", "\t": "\\t"}.get(character)
    return named or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


def _number(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value)


def _is_plain(text: str) -> bool:
    if not _SAFE.fullmatch(text) or text[0] in _NOT_FIRST or text[-1] in " :" or text.lower() in _WORDS:
        return False
    if ": " in text or " #" in text:
        return False
    return not (text[0].isdigit() or text[0] in "+-.") or not _looks_like_a_number(text)


def _looks_like_a_number(text: str) -> bool:
    """Whether some reader of YAML, old ones included, takes it for a number, a time or a date."""
    return set(text.lower()) <= set("0123456789abcdefox_+-.:t z ")
