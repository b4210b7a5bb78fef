"""Command-line flags with Docker's semantics (Go's pflag), from tables.

    -it -eNAME=value --rm --rm=false --env NAME=value --env=NAME=value -- words

A flag that takes a value takes the next word whatever it looks like; a repeated one keeps the last value, a `list`
keeps all; `--` ends the flags. A command whose words belong to somebody else (`run`, `exec`) is not `interspersed`: its
flags end at its first argument. `argparse` costs 11 ms and has other rules.
"""

from __future__ import annotations

from izba._record import Record
from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_TRUE = frozenset(("1", "t", "T", "true", "TRUE", "True"))
_FALSE = frozenset(("0", "f", "F", "false", "FALSE", "False"))


class Flag(Record):
    """One flag. `kind` is bool, string, int or list (of strings); `shown` names its value in the help."""

    name: str
    short: str = ""
    kind: str = "bool"
    help: str = ""
    shown: str = ""
    hidden: bool = False

    @property
    def left(self) -> str:
        """Its column in the help."""
        short = f"-{self.short}, " if self.short else "    "
        return f"{short}--{self.name}" + (f" {self.shown or self.kind}" if self.kind != "bool" else "")


class Flags:
    """The flags given and the arguments after them."""

    def __init__(self, values: dict[str, list[str]], arguments: list[str]) -> None:
        self._values = values
        self.arguments = tuple(arguments)

    def given(self, name: str) -> bool:
        """Whether the flag was on the command line."""
        return name in self._values

    def on(self, name: str, default: bool = False) -> bool:
        """The value of a bool flag."""
        return self._values[name][-1] == "true" if name in self._values else default

    def text(self, name: str) -> str | None:
        """The value of a string flag; None where it was not given."""
        return self._values[name][-1] if name in self._values else None

    def number(self, name: str) -> int | None:
        """The value of an int flag; None where it was not given."""
        return int(self._values[name][-1], 0) if name in self._values else None

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a list flag, in the order given."""
        return tuple(self._values.get(name, ()))


class Command(Record):
    """A command's name ("run", "image ls"), usage after it ("[OPTIONS] IMAGE"), flags and number of arguments."""

    name: str
    usage: str = ""
    summary: str = ""
    flags: tuple[Flag, ...] = ()
    minimum: int = 0
    maximum: int | None = None
    interspersed: bool = True
    aliases: tuple[str, ...] = ()

    def parse(self, argv: Iterable[str]) -> Flags:
        """Read the words after the command. Raises `UsageError`, or `HelpWanted` at `--help`."""
        values, arguments = _Reader(self, list(argv)).read()
        count = len(arguments)
        if count < self.minimum or (self.maximum is not None and count > self.maximum):
            raise WrongCount(self)
        return Flags(values, arguments)

    def help(self) -> str:
        """What `--help` prints."""
        path = f"izba {self.name}".rstrip()
        parts = [f"Usage:  {path} {self.usage}".rstrip(), self.summary]
        if self.aliases:
            parts.append("Aliases:\n  " + ", ".join(f"izba {name}" for name in (*self.aliases, self.name)))
        if self.flags:
            parts.append("Options:\n" + self.options())
        return "\n\n".join(parts) + "\n"

    def options(self) -> str:
        """The flags of the help, by name."""
        return columns([(flag.left, flag.help) for flag in sorted(self.flags, key=lambda f: f.name) if not flag.hidden])


def columns(rows: list[tuple[str, str]]) -> str:
    """Two columns, indented."""
    width = max(len(left) for left, _ in rows)
    return "\n".join(f"  {left:{width}}   {right}".rstrip() for left, right in rows)


class HelpWanted(Exception):
    """`--help` was given to `command`: not an error, but it ends the reading all the same."""

    def __init__(self, command: Command) -> None:
        super().__init__(command.name)
        self.command = command


class UsageError(InvalidArgument):
    """The command line asks for what cannot be."""


class BadFlag(UsageError):
    """A flag that cannot be read; exits with 125 whatever the command, as Docker's does."""

    exit_code = 125


class WrongCount(UsageError):
    """Too few or too many arguments; exits with 1 whatever the command, as Docker's does."""

    exit_code = 1

    def __init__(self, command: Command) -> None:
        if command.maximum == command.minimum:
            wanted = "no arguments" if command.maximum == 0 else _plural(command.minimum)
        elif command.maximum is None:
            wanted = f"at least {_plural(command.minimum)}"
        else:
            least = f"at least {command.minimum} and " if command.minimum else ""
            wanted = f"{least}at most {_plural(command.maximum)}"
        verb = "accepts" if wanted == "no arguments" else "requires"
        super().__init__(f'"izba {command.name}" {verb} {wanted}', hint=f"izba {command.name} {command.usage}".rstrip())


def _plural(count: int) -> str:
    return f"{count} argument" + ("s" if count != 1 else "")


class _Reader:
    """One pass over the words."""

    def __init__(self, command: Command, words: list[str]) -> None:
        self.command = command
        self.words = words
        self.long = {flag.name: flag for flag in command.flags}
        self.short = {flag.short: flag for flag in command.flags if flag.short}
        self.values: dict[str, list[str]] = {}

    def read(self) -> tuple[dict[str, list[str]], list[str]]:
        arguments: list[str] = []
        words = self.words
        words.reverse()
        while words:
            word = words.pop()
            if word == "--":
                break
            if word.startswith("--"):
                self._long(word)
            elif word.startswith("-") and word != "-":
                self._cluster(word)
            else:
                arguments.append(word)
                if not self.command.interspersed:
                    break
        words.reverse()
        return self.values, arguments + words

    def _long(self, word: str) -> None:
        name, equals, value = word[2:].partition("=")
        flag = self.long.get(name)
        if flag is None:
            if name == "help":
                raise HelpWanted(self.command)
            raise self._unknown(f"unknown flag: --{name}", name)
        if equals:
            self._set(flag, value, f"--{name}")
        elif flag.kind == "bool":
            self._set(flag, "true", f"--{name}")
        elif self.words:
            self._set(flag, self.words.pop(), f"--{name}")
        else:
            raise self._error(f"flag needs an argument: --{name}")

    def _cluster(self, word: str) -> None:
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            flag = self.short.get(letter)
            if flag is None:
                if letter == "h":
                    raise HelpWanted(self.command)
                raise self._error(f"unknown shorthand flag: {letter!r} in {word}")
            if letters.startswith("="):
                self._set(flag, letters[1:], f"-{letter}")
                return
            if flag.kind == "bool":
                self._set(flag, "true", f"-{letter}")
                continue
            if not letters and not self.words:
                raise self._error(f"flag needs an argument: {letter!r} in {word}")
            self._set(flag, letters or self.words.pop(), f"-{letter}")
            return

    def _set(self, flag: Flag, value: str, spelled: str) -> None:
        if flag.kind == "bool":
            if value not in _TRUE and value not in _FALSE:
                raise self._error(f'invalid argument "{value}" for "{spelled}" flag: not true or false')
            value = "true" if value in _TRUE else "false"
        elif flag.kind == "int" and not _is_integer(value):
            raise self._error(f'invalid argument "{value}" for "{spelled}" flag: not a whole number')
        if flag.kind == "list":
            self.values.setdefault(flag.name, []).append(value)
        else:
            self.values[flag.name] = [value]

    def _unknown(self, message: str, name: str) -> UsageError:
        from izba.nearest import nearest

        meant = nearest(name, [flag.name for flag in self.command.flags if not flag.hidden])
        return BadFlag(message, hint=f"did you mean --{meant}?") if meant else self._error(message)

    def _error(self, message: str) -> UsageError:
        return BadFlag(message, hint=f"see `izba {self.command.name} --help`".replace("izba  ", "izba "))


def _is_integer(text: str) -> bool:
    try:
        int(text, 0)
    except ValueError:
        return False
    return True
