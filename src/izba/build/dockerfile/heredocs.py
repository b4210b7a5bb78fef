"""`<<EOF` in an instruction's line: which heredocs it announces, and their bodies."""

from __future__ import annotations

from izba._record import Record
from izba.build.dockerfile.instructions import Heredoc, Script
from izba.build.dockerfile.source import DockerfileError
from izba.build.dockerfile.words import Rules, expansion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.build.dockerfile.instructions import Run
    from izba.build.dockerfile.source import Reader, Word


class _Name(Record):
    name: str
    is_quoted: bool
    strips_tabs: bool


def read_bodies(arguments: Word, reader: Reader) -> tuple[Heredoc, ...]:
    """The heredocs that an instruction's arguments announce, their bodies read from the lines that follow."""
    names = [name for word in _raw_words(arguments) if (name := heredoc_name(word))]
    return tuple(_body(name, arguments, reader) for name in names)


def heredoc_name(word: str) -> _Name | None:
    """What a word such as `<<-"EOF"` announces, or None if it is no heredoc."""
    # [descriptor]<<[-] [blanks] name
    after = word.lstrip("0123456789")
    if not after.startswith("<<"):
        return None
    strips_tabs = after.startswith("-", 2)
    text = after[2 + strips_tabs :].lstrip("\t\n\f\r ")
    if not text or "<" in text:
        return None
    try:
        bare = expansion(text, {}, Rules(keeps_unset=True))
        raw = expansion(text, {}, Rules(keeps_unset=True, keeps_quotes=True))
    except DockerfileError:
        return None
    if len(bare.words) != 1:
        return None
    # A name is quoted if reading it with its quotes kept shows more of them.
    (name,) = bare.words
    return _Name(name=name, is_quoted=_quotes(raw.text) != _quotes(name), strips_tabs=strips_tabs)


def script(run: Run) -> Script | None:
    """What a RUN's heredocs make of its shell form; None if it has none.

    `RUN <<EOF` alone is the body itself, or a file when that begins with `#!`; with more on the line, the shell gets
    the line and the bodies as they were written.
    """
    heredocs = run.command.heredocs
    if not heredocs:
        return None
    (line,) = run.command.arguments
    if heredoc_name(line):
        content = str(heredocs[0].content)
        return Script(text=content, file_name=heredocs[0].name if content.startswith("#!") else None)
    return Script(text="".join([line, *(f"\n{each.content}{each.name}" for each in heredocs)]))


def _raw_words(arguments: Word) -> tuple[str, ...]:
    rules = Rules(keeps_quotes=True, keeps_escapes=True, keeps_unset=True)
    try:
        return expansion(arguments, {}, rules).words
    except DockerfileError:
        return ()  # a shell may well read what our rules do not: `RUN echo ${a^^}`


def _body(name: _Name, arguments: Word, reader: Reader) -> Heredoc:
    body = reader.body(name.name, strip_tabs=name.strips_tabs)
    if body is None:
        start = max(arguments.find("<<"), 0)
        message, hint = "unterminated heredoc", f"end its text with a line that holds only {name.name}"
        raise arguments.error(message, start, hint=hint)
    return Heredoc(
        name=name.name,
        content=body.word(0, len(body.text)),
        expand=not name.is_quoted,
        strip_tabs=name.strips_tabs,
    )


def _quotes(text: str) -> int:
    return text.count("'") + text.count('"')
