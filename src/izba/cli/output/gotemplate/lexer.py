"""A template's text as tokens: texts between actions, and the words inside `{{…}}`."""

from __future__ import annotations

from izba._record import Record
from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

SPACE = " \t\r\n"
KEYWORDS = frozenset(("break", "continue", "else", "end", "if", "range", "with", "define", "template", "block", "nil"))
_LONGEST = 1 << 20


class TemplateError(InvalidArgument):
    """A template cannot be parsed, or cannot be executed on what it is given."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"template parsing error: template: {reason}")


class Token(Record):
    """`kind` is text, open, close, space, field, variable, word, keyword, string, number, or the character itself."""

    kind: str
    text: str
    at: int


def tokens(template: str) -> Iterator[Token]:
    """Raises `TemplateError`."""
    at = 0
    trims = False
    if len(template) > _LONGEST:
        raise TemplateError(":1: template is too long")
    while True:
        start = template.find("{{", at)
        text = template[at:] if start < 0 else template[at:start]
        if trims:
            text = text.lstrip(SPACE)
        if start < 0:
            if text:
                yield Token(kind="text", text=text, at=at)
            return
        inside = start + 2
        if template.startswith("-", inside) and template[inside + 1 : inside + 2] in tuple(SPACE):
            text = text.rstrip(SPACE)
            inside += 2
        if text:
            yield Token(kind="text", text=text, at=at)
        if template.startswith("/*", inside):
            at, trims = _after_comment(template, inside)
            continue
        yield Token(kind="open", text="{{", at=start)
        at, trims = yield from _action(template, inside)


def line(template: str, at: int) -> int:
    """The number of the line that the character at `at` is on."""
    return 1 + template.count("\n", 0, at)


def _after_comment(template: str, at: int) -> tuple[int, bool]:
    end = template.find("*/", at)
    if end < 0:
        raise TemplateError(f":{line(template, at)}: unclosed comment")
    rest = template[end + 2 :]
    if rest.startswith("}}"):
        return end + 4, False
    if rest[:1] and rest[0] in SPACE and rest.startswith("-}}", 1):
        return end + 6, True
    raise TemplateError(f":{line(template, at)}: comment ends before closing delimiter")


def _action(template: str, at: int) -> Generator[Token, None, tuple[int, bool]]:
    """The tokens up to and with `}}`; returns where the text goes on, and whether white space at its start goes."""
    depth = 0
    while True:
        rest = template[at : at + 1]
        if template.startswith("}}", at) or _closes_trimming(template, at):
            if depth:
                raise TemplateError(f":{line(template, at)}: unclosed left paren")
            trims = rest != "}"
            yield Token(kind="close", text="}}", at=at)
            return at + (4 if trims else 2), trims
        if not rest:
            raise TemplateError(f":{line(template, at)}: unclosed action")
        token, end = _token(template, at)
        depth += (token.kind == "(") - (token.kind == ")")
        if depth < 0:
            raise TemplateError(f":{line(template, at)}: unexpected right paren")
        yield token
        at = end


def _closes_trimming(template: str, at: int) -> bool:
    return template[at : at + 1] in tuple(SPACE) and template.startswith("-}}", at + 1)


def _token(template: str, at: int) -> tuple[Token, int]:
    character = template[at]
    if character in SPACE:
        end = at
        while template[end : end + 1] in tuple(SPACE) and not _closes_trimming(template, end):
            end += 1
        return Token(kind="space", text=" ", at=at), end
    if character in "\"`'":
        return _quoted(template, at)
    if template.startswith(":=", at):
        return Token(kind=":=", text=":=", at=at), at + 2
    if character in "|(),=":
        return Token(kind=character, text=character, at=at), at + 1
    following = template[at + 1 : at + 2]
    if character.isdigit() or (character in "+-." and following.isdigit()):
        end = _end(template, at + 1, "+-.")
        return Token(kind="number", text=template[at:end], at=at), end
    if character == ".":
        end = _end_of_name(template, at + 1)
        return Token(kind="field", text=template[at:end], at=at), end
    if character == "$":
        end = _end_of_name(template, at + 1)
        return Token(kind="variable", text=template[at:end], at=at), end
    if character.isalpha() or character == "_":
        end = _end_of_name(template, at)
        word = template[at:end]
        return Token(kind="keyword" if word in KEYWORDS else "word", text=word, at=at), end
    raise TemplateError(f":{line(template, at)}: unexpected {go_quote(character)} in operand")


def _end(template: str, at: int, more: str = "") -> int:
    while at < len(template) and (template[at].isalnum() or template[at] == "_" or template[at] in more):
        at += 1
    return at


def _end_of_name(template: str, at: int) -> int:
    """Where a field's, variable's or function's name ends; what follows must be able to follow one."""
    end = _end(template, at)
    following = template[end : end + 1]
    if following and following not in f"{SPACE}.,|:()=" and not template.startswith("}}", end):
        raise TemplateError(f":{line(template, at)}: bad character U+{ord(following):04X} '{following}'")
    return end


def _quoted(template: str, at: int) -> tuple[Token, int]:
    quote = template[at]
    end = at + 1
    while template[end : end + 1] != quote:
        if end >= len(template) or (template[end] == "\n" and quote != "`"):
            what = {"`": "raw quoted string", '"': "quoted string", "'": "character constant"}[quote]
            raise TemplateError(f":{line(template, at)}: unterminated {what}")
        end += 2 if template[end] == "\\" and quote != "`" else 1
    text = template[at + 1 : end]
    if quote != "`":
        text = _unescaped(template, at, text)
    if quote == "'":
        if len(text) != 1:
            raise TemplateError(f":{line(template, at)}: malformed character constant: {template[at : end + 1]}")
        return Token(kind="number", text=str(ord(text)), at=at), end + 1
    return Token(kind="string", text=text, at=at), end + 1


_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"', "'": "'"}
_CODES = {"x": 2, "u": 4, "U": 8}


def _unescaped(template: str, at: int, text: str) -> str:
    result = ""
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if character != "\\":
            result += character
            continue
        escape = text[position : position + 1]
        position += 1
        if escape in _ESCAPES:
            result += _ESCAPES[escape]
            continue
        digits = text[position : position + _CODES.get(escape, 0)]
        position += len(digits)
        try:
            if len(digits) != _CODES.get(escape):
                raise ValueError
            result += chr(int(digits, 16))
        except (ValueError, OverflowError):
            raise TemplateError(f":{line(template, at)}: invalid syntax") from None
    return result


def go_quote(text: str) -> str:
    """The text as Go's `%q` shows it."""
    escapes = {value: f"\\{key}" for key, value in _ESCAPES.items() if key != "'"}
    result = ""
    for character in text:
        if character in escapes:
            result += escapes[character]
        elif character.isprintable():
            result += character
        else:
            code = ord(character)
            result += f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return f'"{result}"'
