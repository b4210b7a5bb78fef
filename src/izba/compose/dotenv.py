"""`.env` and `env_file`: KEY=VALUE lines, as Compose reads them.

    # a comment            export KEY=value          KEY: value
    KEY=plain value # and a comment                  trailing space goes
    KEY="two\\nlines, $VARIABLES, \\" escaped"         over several lines, too
    KEY='as it is'
    KEY                    the environment's value, if it has one

The `raw` format knows nothing of all that: what follows `=` is the value.
"""

from __future__ import annotations

from izba.compose.files import read_text
from izba.compose.template import TemplateError, substitute
from izba.errors import Range, SourceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

    from izba.compose.template import Lookup

_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "\\": "\\"}
_SPACE = " \t\v\f\r\x85\xa0"
_EXPORTS = tuple(f"export{space}" for space in _SPACE)


class DotenvError(SourceError):
    """A line that assigns nothing."""


def read(file: str, environment: Lookup, *, raw: bool = False) -> dict[str, str]:
    """The assignments of a file. Raises `InvalidArgument`, `NotFound`."""
    text = read_text(file)
    return parse_raw(text, environment) if raw else parse(text, file, environment)


def parse_raw(text: str, environment: Lookup) -> dict[str, str]:
    """Docker's own `--env-file`: no quotes, no variables, no comments after a value."""
    values: dict[str, str] = {}
    for line in map(str.lstrip, text.splitlines()):
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if equals:
            values[name] = value
        elif (found := environment(name)) is not None:
            values[name] = found
    return values


def parse(text: str, file: str, environment: Lookup) -> dict[str, str]:
    """The assignments in order, each able to use those before it; the environment comes first. Raises `DotenvError`."""
    return _Parser(text.replace("\r\n", "\n"), file, environment).parse()


class _Parser:
    """One pass over the text."""

    def __init__(self, text: str, file: str, environment: Lookup) -> None:
        self._text = text
        self._file = file
        self._environment = environment
        self._at = 0
        self._values: dict[str, str] = {}

    def parse(self) -> dict[str, str]:
        while self._skip_to_statement():
            begin = self._at
            name, assigned = self._name()
            if " " in name:
                raise self._error(begin, f"a key cannot contain a space: {name!r}")
            if not assigned:
                if (found := self._environment(name)) is not None:
                    self._values[name] = found
                continue
            self._values[name] = self._value(begin)
        return self._values

    def _skip_to_statement(self) -> bool:
        """Go on to what is neither space nor comment; False at the end."""
        text = self._text
        while self._at < len(text):
            if text[self._at].isspace():
                self._at += 1
            elif text[self._at] == "#":
                end = text.find("\n", self._at)
                self._at = len(text) if end < 0 else end
            else:
                return True
        return False

    def _name(self) -> tuple[str, bool]:
        """The name, and whether a value follows."""
        text = self._text
        if text.startswith(_EXPORTS, self._at):
            self._at += len("export")
            while self._at < len(text) and text[self._at] in _SPACE:
                self._at += 1
        begin = self._at
        for index in range(begin, len(text)):
            character = text[index]
            if character in "=:\n":
                self._at = index + 1
                return text[begin:index].rstrip(), character != "\n"
            if not (character in "_.-[]" or character in _SPACE or character.isalpha() or character.isnumeric()):
                line = text[begin : text.find("\n", begin) if "\n" in text[begin:] else len(text)]
                raise self._error(begin, f"unexpected character {character!r} in variable name {line!r}")
        self._at = len(text)
        return text[begin:].rstrip(), False

    def _value(self, begin: int) -> str:
        text = self._text
        while self._at < len(text) and text[self._at] in _SPACE:
            self._at += 1
        quote = text[self._at : self._at + 1]
        if quote in {'"', "'"}:
            return self._quoted(quote, begin)
        end = text.find("\n", self._at)
        end = len(text) if end < 0 else end
        value = text[self._at : end].split(" #", 1)[0].rstrip()
        self._at = end + 1
        return self._expand(value, begin)

    def _quoted(self, quote: str, begin: int) -> str:
        characters: list[str] = []
        text = self._text
        index = self._at + 1
        while index < len(text):
            character = text[index]
            if character == "\\" and index + 1 < len(text):
                characters.append(quote if text[index + 1] == quote else character + text[index + 1])
                index += 2
                continue
            if character == quote:
                self._at = index + 1
                value = "".join(characters)
                return self._expand(_unescaped(value), begin) if quote == '"' else value
            characters.append(character)
            index += 1
        raise self._error(begin, f"the value that begins with {quote} does not end")

    def _expand(self, value: str, begin: int) -> str:
        def lookup(name: str) -> str | None:
            found = self._environment(name)
            return self._values.get(name) if found is None else found

        try:
            return substitute(value, lookup)
        except TemplateError as error:
            raise self._error(begin, error.message) from error

    def _error(self, at: int, message: str) -> DotenvError:
        line = self._text.count("\n", 0, at) + 1
        return DotenvError(message, place=Range(self._file, line), source=self._text)


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    import re  # only here: most files have no escapes, and its import takes longer than reading them

    return re.sub(r'\\([abcfnrtv$"\\]|0[0-7]{0,3})', _unescape, text)


def _unescape(match: re.Match[str]) -> str:
    what = match[1]
    if what == "$":
        return "$$"  # the variables come next
    if what[0] == "0":
        return chr(int(what[1:] or "0", 8) & 0xFF)
    return _ESCAPED.get(what, match[0])
