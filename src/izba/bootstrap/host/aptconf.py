"""apt.conf(5): the few settings that decide how a mirror is reached. Read from the files, without running apt."""

from __future__ import annotations

import os
import re

from izba.bootstrap.errors import BadConfiguration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN = re.compile(
    r"""
      (?P<skip>  \s+ | //[^\n]* | /\*.*?\*/ | \#(?!clear\b|include\b|x-apt)[^\n]* )
    | (?P<string> "[^"]*" )
    | (?P<mark> [{};] )
    | (?P<word> [^\s{};"]+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_FILE_NAME = re.compile(r"[A-Za-z0-9_.-]+")


class AptConfiguration:
    """apt's settings by name, such as `Acquire::http::Proxy`; names do not depend on case."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = {name.lower(): value for name, value in values.items()}

    def get(self, name: str) -> str | None:
        """The value set last; None where nothing is said."""
        return self._values.get(name.lower())

    def on(self, name: str, default: bool) -> bool:
        """A boolean setting, in apt's spellings."""
        value = (self.get(name) or "").lower()
        if value in {"yes", "true", "with", "on", "enable", "1"}:
            return True
        if value in {"no", "false", "without", "off", "disable", "0"}:
            return False
        return default


def read(root: str = "") -> AptConfiguration:
    """The settings of the host whose file system is at `root`."""
    values: dict[str, str] = {}
    for path in _files(f"{root}/etc/apt"):
        with open(path, encoding="utf-8", errors="replace") as file:
            values |= parse(file.read(), file=path)
    return AptConfiguration(values)


def parse(text: str, *, file: str) -> dict[str, str]:
    """One file: both `A::B "value";` and `A { B "value"; };`. Elements of lists are left out: none matters here."""
    values: dict[str, str] = {}
    scopes: list[str] = []
    words: list[str] = []
    for lexeme in _tokens(text, file):
        if lexeme == "{":
            scopes.append("::".join((*scopes[-1:], *words[:1])))
            words = []
        elif lexeme == "}":
            if not scopes:
                raise BadConfiguration(f"{file}: a }} without its {{")
            scopes.pop()
            words = []
        elif lexeme == ";":
            _assign(values, scopes[-1] if scopes else "", words)
            words = []
        else:
            words.append(lexeme)
    return values


def _assign(values: dict[str, str], scope: str, words: list[str]) -> None:
    if len(words) != 2 or words[0].startswith(("#", '"')) or words[0].endswith("::"):
        return
    name = f"{scope}::{words[0]}" if scope else words[0]
    values[name] = words[1].strip('"')


def _tokens(text: str, file: str) -> list[str]:
    tokens = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            line = text.count("\n", 0, position) + 1
            raise BadConfiguration(f"{file}:{line}: a string is not closed")
        position = match.end()
        if match.lastgroup != "skip":
            tokens.append(match.group())
    return tokens


def _files(directory: str) -> list[str]:
    # apt.conf(5): parts first, in order of their names, "no extension or conf"; the main file has the last word.
    parts = []
    if os.path.isdir(f"{directory}/apt.conf.d"):
        names = sorted(os.listdir(f"{directory}/apt.conf.d"))
        parts = [
            f"{directory}/apt.conf.d/{name}"
            for name in names
            if _FILE_NAME.fullmatch(name) and os.path.splitext(name)[1] in {"", ".conf"}
        ]
    return [path for path in (*parts, f"{directory}/apt.conf") if os.path.isfile(path) and os.access(path, os.R_OK)]
