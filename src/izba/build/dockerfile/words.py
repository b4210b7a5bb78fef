"""Variables and quotes in a Dockerfile's words, as BuildKit's shell lexer reads them.

    $v ${v} ${v:-word} ${v-word} ${v:+word} ${v+word} ${v:?word} ${v?word}
    ${v#pattern} ${v##pattern} ${v%pattern} ${v%%pattern} ${v/pattern/text} ${v//pattern/text}

A `word` and a `text` may hold variables and quotes again. A `pattern` knows `*` and `?`. Outside of single quotes the
escape character takes a character's meaning away.
"""

from __future__ import annotations

from izba._record import Record
from izba.build.dockerfile import glob
from izba.build.dockerfile.source import SPACE, Line, Segment, Source, Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from izba.build.dockerfile.source import DockerfileError

DEEPEST = 50
"""How many `${v:-…}` may stand in one another."""


class Rules(Record):
    """How a word is read; the defaults are an instruction's argument's."""

    escape: str = "\\"
    keeps_quotes: bool = False
    keeps_escapes: bool = False
    keeps_unset: bool = False
    knows_quotes: bool = True


class Expansion(Record):
    """What a word becomes, and the variables that it named."""

    text: str
    words: tuple[str, ...]
    matched: frozenset[str]
    unmatched: frozenset[str]


def expand(word: str, env: Mapping[str, str], *, escape: str = "\\") -> str:
    """The word with its variables replaced and its quotes taken away. Raises `DockerfileError` at the place."""
    return expansion(word, env, Rules(escape=escape)).text


def expand_words(word: str, env: Mapping[str, str], *, escape: str = "\\") -> tuple[str, ...]:
    """As `expand`, and then split at white space that was not quoted."""
    return expansion(word, env, Rules(escape=escape)).words


def expand_heredoc(content: str, env: Mapping[str, str]) -> str:
    """A heredoc's content with its variables replaced: quotes mean nothing in it, and `\\` is its escape character."""
    return expansion(content, env, Rules(knows_quotes=False)).text


def expansion(word: str, env: Mapping[str, str], rules: Rules) -> Expansion:
    """The word read by these rules. Raises `DockerfileError` at the place."""
    reading = _Reading(word, env, rules)
    text, words = reading.until(None, keeps_escapes=rules.keeps_escapes)
    return Expansion(
        text=text,
        words=tuple(words),
        matched=frozenset(reading.matched),
        unmatched=frozenset(reading.unmatched),
    )


class _Words:
    """Collects characters into words: white space ends one, unless it was quoted."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.word = ""

    def add(self, text: str) -> None:
        for character in text:
            if character not in SPACE:
                self.word += character
            elif self.word:
                self.end()

    def add_quoted(self, text: str) -> None:
        self.word += text

    def end(self) -> list[str]:
        if self.word:
            self.done.append(self.word)
            self.word = ""
        return self.done


class _Reading:
    """One pass over a word, left to right; `at` is the character to be read next."""

    def __init__(self, word: str, env: Mapping[str, str], rules: Rules) -> None:
        self.word = word
        self.text = str(word)
        self.env = env
        self.rules = rules
        self.at = 0
        self.depth = 0
        self.matched: set[str] = set()
        self.unmatched: set[str] = set()

    def until(self, stop: str | None, *, keeps_escapes: bool) -> tuple[str, list[str]]:
        """The text up to the character `stop`, which is read too, or to the end; and the same as words."""
        start = self.at
        result: list[str] = []
        words = _Words()
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == stop:
                self.at += 1
                return "".join(result), words.end()
            if character == "$":
                part = self.variable()
                words.add(part)
            elif character in "'\"" and self.rules.knows_quotes:
                part = self.single_quoted() if character == "'" else self.double_quoted(keeps_escapes)
                words.add_quoted(part)
            elif character == "<":
                part = self.redirection()
                words.add_quoted(part)
            elif character == self.rules.escape:
                part = self.escaped(keeps_escapes=keeps_escapes)
                words.add_quoted(part)
            else:
                self.at += 1
                part = character
                words.add(part)
            result.append(part)
        if stop is not None:
            missing = "'/' in ${}" if stop == "/" else f"'{stop}'"
            raise self.error(f"syntax error: missing {missing}", start)
        return "".join(result), words.end()

    def escaped(self, *, keeps_escapes: bool) -> str:
        """The character after an escape character; at the end of the word that stands for nothing."""
        first = self.at if keeps_escapes else self.at + 1
        self.at = min(self.at + 2, len(self.text))
        return self.text[first : self.at]

    def single_quoted(self) -> str:
        """All up to the next single quote: nothing has a meaning in there, not even the escape character."""
        start = self.at
        end = self.text.find("'", start + 1)
        if end < 0:
            raise self.error("unexpected end of statement while looking for matching single-quote", start)
        self.at = end + 1
        return self.text[start : end + 1] if self.rules.keeps_quotes else self.text[start + 1 : end]

    def double_quoted(self, keeps_escapes: bool) -> str:
        """All up to the next double quote, variables replaced; `\\` escapes only `"`, `$` and itself."""
        start = self.at
        quote = '"' if self.rules.keeps_quotes else ""
        result = [quote]
        self.at += 1
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == '"':
                self.at += 1
                return "".join([*result, quote])
            if character == "$":
                result.append(self.variable())
                continue
            self.at += 1
            if character == self.rules.escape:
                following = self.text[self.at : self.at + 1]
                if keeps_escapes:
                    result.append(character)
                if following and following in f'"${self.rules.escape}':
                    character = following
                    self.at += 1
            result.append(character)
        raise self.error("unexpected end of statement while looking for matching double-quote", start)

    def redirection(self) -> str:
        """`<`, or `<<` with the blanks that may part it from a heredoc's name, which belong to the same word."""
        start = self.at
        self.at += 1
        if self.text.startswith("<", self.at):
            self.at += 1
            while self.text[self.at : self.at + 1] in {"\t", "\r", " "}:
                self.at += 1
        return self.text[start : self.at]

    def variable(self) -> str:
        start = self.at
        self.at += 1
        if not self.text.startswith("{", self.at):
            name = self.name()
            if not name:
                return "$"
            value = self.value(name)
            return f"${name}" if value is None and self.rules.keeps_unset else value or ""
        self.at += 1
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error(f"syntax error: more than {DEEPEST} substitutions in one another", start)
        value = self.braced(start)
        self.depth -= 1
        return value

    def name(self) -> str:
        """Letters, digits and `_`; or digits alone; or one of the shell's special parameters."""
        start = self.at
        first = self.text[start : start + 1]
        if first.isdecimal():
            while self.text[self.at : self.at + 1].isdecimal():
                self.at += 1
        elif first and first in "@*#?-$!":
            self.at += 1
        else:
            while (character := self.text[self.at : self.at + 1]) and (
                character.isalpha() or character.isdecimal() or character == "_"
            ):
                self.at += 1
        return self.text[start : self.at]

    def value(self, name: str) -> str | None:
        found = self.env.get(name)
        (self.unmatched if found is None else self.matched).add(name)
        return found

    def braced(self, start: int) -> str:
        """What stands after `${`, up to its `}`."""
        following = self.text[self.at : self.at + 1]
        if not following:
            raise self.error("syntax error: missing '}'", start)
        if following in "{}:":
            raise self.error("syntax error: bad substitution", start, self.at + 1)
        name = self.name()
        modifier_at = self.at
        modifier = self.text[self.at : self.at + 1]
        self.at += 1
        colon = ""
        if modifier == ":":
            colon = ":"
            modifier = self.text[self.at : self.at + 1]
            self.at += 1
        if not modifier:
            raise self.error("syntax error: missing '}'", start)
        if modifier == "}" and not colon:
            value = self.value(name)
            return f"${{{name}}}" if value is None and self.rules.keeps_unset else value or ""
        if modifier in "-+?":
            return self.conditional(name, colon, modifier, start)
        if modifier in "#%" and not colon:
            return self.trimmed(name, modifier)
        if modifier == "/" and not colon:
            return self.replaced(name)
        raise self.error(f"unsupported modifier ({colon}{modifier}) in substitution", modifier_at, self.at)

    def conditional(self, name: str, colon: str, modifier: str, start: int) -> str:
        word, _ = self.until("}", keeps_escapes=False)
        value = self.value(name)
        if value is None and self.rules.keeps_unset:
            return f"${{{name}{colon}{modifier}{word}}}"
        present = value is not None and (value != "" or not colon)
        match modifier:
            case "-":
                return value if present and value is not None else word
            case "+":
                return word if present else ""
            case _:
                if not present:
                    state = "unset" if value is None else "empty"
                    raise self.error(f"{name}: {word or f'is not allowed to be {state}'}", start, self.at)
                return value or ""

    def trimmed(self, name: str, modifier: str) -> str:
        start = self.at
        pattern, _ = self.until("}", keeps_escapes=True)
        value = self.value(name)
        if value is None and self.rules.keeps_unset:
            return f"${{{name}{modifier}{pattern}}}"
        longest = pattern.startswith(modifier)
        compiled = self.pattern(pattern[longest:], start)
        if modifier == "#":
            return compiled.without_prefix(value or "", longest=longest)
        return compiled.without_suffix(value or "", longest=longest)

    def replaced(self, name: str) -> str:
        everywhere = self.text.startswith("/", self.at)
        self.at += everywhere
        start = self.at
        pattern, _ = self.until("/", keeps_escapes=True)
        compiled = self.pattern(pattern, start)
        replacement, _ = self.until("}", keeps_escapes=True)
        value = self.value(name)
        if value is None and self.rules.keeps_unset:
            return f"${{{name}/{pattern}/{replacement}}}"
        return compiled.replace(value or "", replacement, everywhere=everywhere)

    def pattern(self, pattern: str, start: int) -> glob.Pattern:
        try:
            return glob.Pattern(pattern)
        except glob.InvalidPattern as error:
            raise self.error(f"invalid pattern ({pattern}) in substitution: {error}", start, self.at) from None

    def error(self, message: str, start: int, end: int | None = None) -> DockerfileError:
        word = self.word if isinstance(self.word, Word) else placeless(self.text)
        return word.error(message, start, end)


def placeless(text: str) -> Word:
    """A word that came from no Dockerfile, such as a trigger that an image carries."""
    segment = Segment(offset=0, number=1, column=1)
    line = Line(source=Source(file="(word)", text=text), text=text, segments=(segment,), end=1)
    return line.word(0, len(text))
