"""One instruction's line taken apart: keyword, flags, arguments; each form of arguments that the instructions use."""

from __future__ import annotations

from izba import jsonio
from izba._record import Record
from izba.build.dockerfile.source import BLANK, SPACE, DockerfileError, Line, Word
from izba.errors import Range
from izba.nearest import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from izba.build.dockerfile.instructions import Heredoc


class Statement(Record):
    """An instruction before its keyword gives it a meaning."""

    line: Line
    keyword: Word
    flags: tuple[Word, ...]
    arguments: Word
    escape: str
    heredocs: tuple[Heredoc, ...] = ()
    end: int

    @property
    def name(self) -> str:
        return self.keyword.upper()

    @property
    def range(self) -> Range:
        return Range(self.line.source.file, self.line.start, self.end)

    def error(self, message: str, *, hint: str | None = None) -> DockerfileError:
        """An error that points at the arguments, or at the keyword if there are none."""
        return (self.arguments or self.keyword).error(message, hint=hint)

    def options(self, known: Mapping[str, str]) -> Options:
        """The flags by name; `known` tells each one's kind: `bool`, `string` or `strings`."""
        found: dict[str, list[Word]] = {}
        for flag in self.flags:
            name, equals, _ = flag.partition("=")
            kind = known.get(name[2:])
            if kind is None:
                meant = nearest(name, [f"--{each}" for each in known])
                raise flag.error(f"unknown flag: {name}", 0, len(name), hint=meant and f"did you mean {meant}?")
            if name[2:] in found and kind != "strings":
                raise flag.error(f"duplicate flag specified: {name}")
            value = flag.part(len(name) + len(equals))
            if (kind != "bool" and not equals) or (kind == "bool" and equals and not value):
                raise flag.error(f"missing a value on flag: {name}")
            if kind == "bool" and value.lower() not in {"true", "false", ""}:
                raise value.error(f"expecting boolean value for flag {name}, not: {value}")
            found.setdefault(name[2:], []).append(value)
        return Options(found)

    def words(self) -> list[Word]:
        """The arguments parted at blanks, whatever the quotes."""
        return list(_spans(self.arguments))

    def quoted_words(self) -> list[Word]:
        """The arguments parted at white space that is neither quoted nor escaped; quotes and escapes stay in."""
        return _quoted_words(self.arguments, self.escape)

    def json(self) -> list[Word] | None:
        """The strings of arguments that are a JSON array, or None if they are no JSON.

        Raises `DockerfileError` for an array that holds something else than strings.
        """
        text = self.arguments
        if not text.startswith("["):
            return None
        try:
            values = jsonio.loads(text)
        except jsonio.BadJSON:
            return None
        if not all(isinstance(value, str) for value in values):
            raise text.error("when using JSON array syntax, arrays must be comprised of strings only")
        return [Word(_without_surrogates(value), self.line, text.start, text.end) for value in values]


class Options:
    """The flags of an instruction, known to be right as far as their form goes."""

    def __init__(self, found: Mapping[str, list[Word]]) -> None:
        self._found = found

    def text(self, name: str) -> Word | None:
        values = self._found.get(name)
        return values[0] if values else None

    def texts(self, name: str) -> tuple[Word, ...]:
        return tuple(self._found.get(name, ()))

    def flag(self, name: str) -> bool | None:
        """Whether it is on, or None if it is not given."""
        value = self.text(name)
        return None if value is None else value.lower() != "false"


def take_apart(line: Line, text: Word, escape: str) -> Statement:
    """The statement in `text`: a line, or what follows ONBUILD in one."""
    _refuse_what_is_no_text(text)
    end = next((at for at, character in enumerate(text) if character in BLANK), len(text))
    flags, at = _flags(text, end, escape)
    return Statement(
        line=line,
        keyword=text.part(0, end),
        flags=tuple(flags),
        arguments=line.rest(text.start + at),
        escape=escape,
        end=line.end,
    )


def _flags(text: Word, at: int, escape: str) -> tuple[list[Word], int]:
    """The words that begin with `--`, unquoted, and where what follows them begins."""
    flags: list[Word] = []
    while True:
        while at < len(text) and text[at] in BLANK:
            at += 1
        if not text.startswith("--", at):
            return flags, at
        start = at
        value, at = _unquoted(text, at, escape)
        if value == "--":
            return flags, at
        if value:
            flags.append(Word(value, text.line, text.start + start, text.start + at))


def _unquoted(text: str, at: int, escape: str) -> tuple[str, int]:
    """The word at `at` without quotes and escapes, and where it ends."""
    result: list[str] = []
    quote = ""
    while at < len(text):
        character = text[at]
        if character == quote:
            quote = ""
        elif not quote and character in BLANK:
            break
        elif not quote and character in "'\"":
            quote = character
        elif character == escape:
            at += 1
            result.append(text[at : at + 1])
        else:
            result.append(character)
        at += 1
    return "".join(result), min(at, len(text))


def _spans(text: Word) -> Iterator[Word]:
    start = None
    for at, character in enumerate(text):
        if character in BLANK:
            if start is not None:
                yield text.part(start, at)
            start = None
        elif start is None:
            start = at
    if start is not None:
        yield text.part(start)


def _quoted_words(text: Word, escape: str) -> list[Word]:
    words: list[Word] = []
    at = 0
    while at < len(text):
        if text[at] in SPACE:
            at += 1
            continue
        start, end = at, _end_of_word(text, at, escape)
        at = min(end, len(text))
        # One past the end: the last character escapes nothing, and says nothing.
        stop = at - 1 if end > len(text) else at
        if stop > start:
            words.append(text.part(start, stop))
    return words


def _end_of_word(text: str, at: int, escape: str) -> int:
    """Where the word at `at` ends; beyond the text's end if that is an escape character with nothing to escape."""
    quote = ""
    while at < len(text):
        character = text[at]
        if character == escape and quote != "'":
            at += 1
        elif character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        elif not quote and character in SPACE:
            break
        at += 1
    return at


def _without_surrogates(text: str) -> str:
    """JSON can spell half a character (`\\ud800`), which no file name and no UTF-8 can hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _refuse_what_is_no_text(text: Word) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise text.error("not UTF-8", error.start, error.end) from None
