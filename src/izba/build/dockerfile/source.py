"""A Dockerfile's text as logical lines: continuations joined, comments out, every character's place kept.

    physical lines → directives (`# escape=`) → Line (one instruction's text) → Word (a piece with its place)

Facts follow BuildKit's parser: comments may stand inside a continued instruction, an empty line inside one is passed
over (and linted), a heredoc's body is raw lines, and the escape character of `# escape=` is also the continuation's.
"""

from __future__ import annotations

from izba._record import Record
from izba.errors import Range, SourceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""Unicode's White_Space, which is what Go's parser strips; Python's `str.strip()` would take four controls more."""

BLANK = "\t\v\f\r "
"""What separates an instruction from its arguments, and `FROM`'s, `COPY`'s, `EXPOSE`'s arguments from one another."""


class DockerfileError(SourceError):
    """A Dockerfile is wrong at a place."""


class Source(Record):
    """A text with the name people know it by."""

    file: str
    text: str

    def __repr__(self) -> str:
        return f"Source({self.file!r})"

    def error(self, message: str, place: Range, *, hint: str | None = None) -> DockerfileError:
        return DockerfileError(message, place=place, source=self.text, hint=hint)


class Segment(Record):
    """Where a stretch of a Line, from `offset` on, stands in the file."""

    offset: int
    number: int
    column: int


class Line(Record):
    """One instruction's text, its continued lines joined."""

    source: Source
    text: str
    segments: tuple[Segment, ...]
    comments: tuple[str, ...] = ()
    end: int
    empty_continuation: int | None = None

    @property
    def start(self) -> int:
        return self.segments[0].number

    def position(self, offset: int) -> tuple[int, int]:
        """The line and the column, both from 1, of the character at `offset`."""
        segment = next(each for each in reversed(self.segments) if each.offset <= offset)
        return segment.number, segment.column + offset - segment.offset

    def place(self, start: int, end: int) -> Range:
        """The place of the characters `start` up to, not including, `end`."""
        first_line, column = self.position(start)
        last_line, end_column = self.position(max(start, end - 1))
        return Range(self.source.file, first_line, last_line, column, end_column)

    def error(
        self, message: str, start: int = 0, end: int | None = None, *, hint: str | None = None
    ) -> DockerfileError:
        return self.source.error(message, self.place(start, len(self.text) if end is None else end), hint=hint)

    def word(self, start: int, end: int) -> Word:
        """The characters `start` up to `end` as they stand."""
        return Word(self.text[start:end], self, start, end)

    def rest(self, start: int) -> Word:
        """What follows `start`, white space around it away."""
        text = self.text[start:]
        start += len(text) - len(text.lstrip(SPACE))
        stripped = text.strip(SPACE)
        return Word(stripped, self, start, start + len(stripped))


class Word(str):
    """A piece of a Dockerfile: a `str` that knows where it stands, so that what is found wrong in it points there."""

    __slots__ = ("end", "line", "start")

    line: Line
    start: int
    end: int

    def __new__(cls, text: str, line: Line, start: int, end: int) -> Self:
        word = super().__new__(cls, text)
        word.line = line
        word.start = start
        word.end = end
        return word

    @property
    def place(self) -> Range:
        return self.line.place(self.start, self.end)

    @property
    def is_verbatim(self) -> bool:
        """Whether its characters are the file's, so that an offset in it is an offset in the line."""
        return self.line.text[self.start : self.end] == self

    def error(
        self, message: str, start: int = 0, end: int | None = None, *, hint: str | None = None
    ) -> DockerfileError:
        """An error at the characters `start` up to `end` of this word."""
        if not self.is_verbatim:
            return self.line.error(message, self.start, self.end, hint=hint)
        last = self.end if end is None else self.start + end
        return self.line.error(message, min(self.start + start, self.end), last, hint=hint)

    def part(self, start: int, end: int | None = None) -> Word:
        """A piece of this word, with its own place where that is known."""
        text = self[start:end]
        if not self.is_verbatim:
            return Word(text, self.line, self.start, self.end)
        return Word(text, self.line, self.start + start, self.start + start + len(text))


class Directives(Record):
    """The `# name=value` comments at a file's head."""

    escape: str = "\\"
    syntax: Word | None = None
    check: Word | None = None


class Reader:
    """Goes through a source from the top: logical lines, and between them the bodies of their heredocs."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._lines = source.text.removeprefix("\ufeff").split("\n")
        self._next = 0
        self.directives = self._read_directives()

    @property
    def number(self) -> int:
        """The number of the line read last."""
        return self._next

    def line(self) -> Line | None:
        """The next instruction's text, or None at the end of the file."""
        comments: list[str] = []
        while self._next < len(self._lines):
            text = self._physical().lstrip(SPACE)
            if text.startswith("#"):
                self._collect(comments, text)
            elif text:
                return self._joined(tuple(comments))
        return None

    def body(self, terminator: str, *, strip_tabs: bool) -> Line | None:
        """The raw lines before the one that is `terminator`, or None if there is none such."""
        for index in range(self._next, len(self._lines)):
            text = self._lines[index].rstrip("\r")
            if (text.lstrip("\t") if strip_tabs else text) == terminator:
                first = self._next
                self._next = index + 1
                return self._body(first, index, strip_tabs=strip_tabs)
        return None

    def _body(self, first: int, end: int, *, strip_tabs: bool) -> Line:
        segments = [Segment(offset=0, number=first + 1, column=1)]
        text = ""
        for number, raw in enumerate(self._lines[first:end], first + 1):
            line = raw.lstrip("\t") if strip_tabs else raw
            segments.append(Segment(offset=len(text), number=number, column=1 + len(raw) - len(line)))
            text += f"{line}\n"
        return Line(source=self.source, text=text, segments=tuple(segments), end=end)

    def _physical(self) -> str:
        self._next += 1
        return self._lines[self._next - 1].rstrip("\r")

    @staticmethod
    def _collect(comments: list[str], text: str) -> None:
        comment = text[1:].strip(SPACE)
        if comment:
            comments.append(comment)
        else:
            comments.clear()

    def _joined(self, comments: tuple[str, ...]) -> Line:
        """Starting at the line just read: it, and what it is continued by."""
        raw = self._lines[self._next - 1].rstrip("\r")
        text, goes_on = self._without_continuation(raw.lstrip(SPACE))
        segments = [Segment(offset=0, number=self._next, column=1 + len(raw) - len(raw.lstrip(SPACE)))]
        empty: int | None = None
        while goes_on and self._next < len(self._lines):
            if self._next == len(self._lines) - 1 and not self._lines[self._next]:
                break  # what follows the file's last newline is not a line
            raw = self._physical()
            if raw.lstrip(SPACE).startswith("#"):
                continue
            if not raw.strip(SPACE):
                empty = empty or self._next
                continue
            more, goes_on = self._without_continuation(raw)
            segments.append(Segment(offset=len(text), number=self._next, column=1))
            text += more
        return Line(
            source=self.source,
            text=text,
            segments=tuple(segments),
            comments=comments,
            end=self._next,
            empty_continuation=empty,
        )

    def _without_continuation(self, text: str) -> tuple[str, bool]:
        """The text without an escape character that ends it, and whether there was one.

        A doubled one does not continue, as BuildKit has it.
        """
        escape = self.directives.escape
        bare = text.rstrip(" \t")
        if not bare.endswith(escape) or bare.endswith(escape * 2):
            return text, False
        return bare[:-1], True

    def _read_directives(self) -> Directives:
        found: dict[str, Word] = {}
        shebang = self._lines[0].startswith("#!")
        for number, text in enumerate(self._lines[shebang:], 1 + shebang):
            directive = self._directive(text, number)
            # BuildKit's parser stops looking at a shebang; its search for `syntax` and `check` goes on after it.
            if directive is None or (shebang and directive[0] == "escape"):
                break
            name, value = directive
            if name in found:
                raise value.line.error(f"only one {name} parser directive can be used")
            if name == "escape" and value not in {"\\", "`"}:
                raise value.error(f"invalid escape token '{value}' does not match ` or \\")
            found[name] = value
            self._next = number
        return Directives(escape=str(found.get("escape", "\\")), syntax=found.get("syntax"), check=found.get("check"))

    def _directive(self, text: str, number: int) -> tuple[str, Word] | None:
        """The name and value in a line `# name = value`, if it is one of the three directives."""
        text = text.rstrip("\r")
        body = text.lstrip(SPACE)
        name, equals, value = body[1:].partition("=")
        name = name.strip(SPACE).lower()
        value = value.strip(SPACE)
        if not body.startswith("#") or not equals or not value or name not in {"syntax", "escape", "check"}:
            return None
        line = Line(source=self.source, text=text, segments=(Segment(offset=0, number=number, column=1),), end=number)
        start = text.index("=") + 1
        start += len(text[start:]) - len(text[start:].lstrip(SPACE))
        return name, Word(value, line, start, start + len(value))
