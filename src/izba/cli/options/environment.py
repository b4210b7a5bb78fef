"""`-e`, `--env-file`, `--label` and `--label-file`; what the environment says in the place of a flag."""

from __future__ import annotations

import os

from izba.cli.options.flags import BadFlag, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from izba.cli.options.flags import Flags


def environment(given: Iterable[str], files: Iterable[str]) -> list[str]:
    """NAME=VALUE, files first. A bare NAME has this process's value, or takes the image's away."""
    entries = [entry for path in files for entry in _lines(path)]
    result = []
    for entry in [*entries, *given]:
        name, equals, _ = entry.partition("=")
        if not name or "\0" in entry:
            raise BadFlag(f"invalid environment variable: {entry}")
        if equals:
            result.append(entry)
        else:
            result.append(f"{name}={os.environ[name]}" if name in os.environ else name)
    return result


def labels(given: Iterable[str], files: Iterable[str]) -> dict[str, str]:
    """Files first. A bare NAME is a label without value."""
    result = {}
    for entry in [*(entry for path in files for entry in _lines(path)), *given]:
        name, _, value = entry.partition("=")
        if not name:
            raise BadFlag(f"invalid label: {entry!r}")
        result[name] = value
    return result


def platform(flags: Flags) -> str:
    """`--platform`, without it Docker's variable for it; empty where neither says one."""
    return flags.text("platform") or os.environ.get("DOCKER_DEFAULT_PLATFORM", "")


def _lines(path: str) -> Iterator[str]:
    """The lines of a file but empty ones and comments; white space before a name is passed over, as Docker does."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = file.read().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"open {path}: {error.strerror if isinstance(error, OSError) else error}") from None
    for number, line in enumerate(lines, 1):
        entry = line.lstrip().removesuffix("\r")
        if not entry or entry.startswith("#"):
            continue
        name = entry.partition("=")[0]
        if not name:
            raise UsageError(f"{path}:{number}: no variable name on line '{entry}'")
        if any(character.isspace() for character in name):
            raise UsageError(f"{path}:{number}: variable '{name}' contains whitespaces")
        yield entry
