"""What moby's own parser, in the `dockerfile` wheel, makes of a text, and what ours makes of it, in one shape.

The wheel's parser is some years older than what we follow: heredocs in ONBUILD and `<< EOF` with a blank came later,
and a text after a JSON array was passed over then. test_parser.py has those. It does not show a trigger's flags.
"""

from __future__ import annotations

import re

import dockerfile as wheel
from izba.build.dockerfile import instructions as records
from izba.build.dockerfile.grammar import understand
from izba.build.dockerfile.instructions import Dockerfile, Instruction
from izba.build.dockerfile.parser import statements
from izba.build.dockerfile.source import Reader, Source
from izba.build.dockerfile.statement import Statement, take_apart

Row = dict[str, object]

_HEREDOC = re.compile(r"\d*<<-?\s*[^<\s]")


class Refused(Exception):
    """Moby's parser does not take the text."""


def by_moby(text: str) -> list[Row]:
    try:
        commands = wheel.parse_string(text)
    except wheel.GoParseError as error:
        raise Refused(str(error)) from None
    return [_row_of_command(command) for command in commands]


def by_izba(text: str) -> list[Row]:
    """Raises `DockerfileError`."""
    return [_row_of_statement(each) for each in statements(Reader(Source(file="Dockerfile", text=text)))]


def _row_of_command(command: wheel.Command) -> Row:
    if command.cmd is None:
        raise Refused("an instruction without a keyword")  # which moby says a step later
    is_onbuild = command.cmd.lower() == "onbuild"
    return {
        "keyword": command.cmd,
        "trigger": command.sub_cmd if is_onbuild else None,
        # For a heredoc the wheel appends its body.
        "original": command.original.split("\n")[0].strip(),
        "lines": (command.start_line, command.end_line),
        "flags": command.flags,
        "values": _comparable(command.sub_cmd or command.cmd, command.value, bool(command.heredocs)),
        "heredocs": tuple((each.name, _without_tabs(each.content)) for each in command.heredocs),
    }


def _row_of_statement(statement: Statement) -> Row:
    deciding = statement
    if statement.name == "ONBUILD":
        deciding = take_apart(statement.line, statement.arguments, statement.escape)
    return {
        "keyword": str(statement.keyword),
        "trigger": str(deciding.keyword) if statement.name == "ONBUILD" else None,
        "original": statement.line.text.strip(),
        "lines": (statement.range.start, statement.range.end),
        "flags": tuple(str(flag) for flag in statement.flags),
        "values": _comparable(str(deciding.keyword), _values(deciding), bool(statement.heredocs)),
        "heredocs": tuple((each.name, _without_tabs(each.content)) for each in statement.heredocs),
    }


def _comparable(keyword: str, values: tuple[str, ...], has_heredocs: bool) -> tuple[str, ...]:
    if keyword.lower() == "expose":
        return tuple(sorted(values))
    if keyword.lower() == "volume":
        return tuple(value.strip() for value in values)
    if keyword.lower() in {"copy", "add"} and has_heredocs:
        return tuple(value for value in values if not _HEREDOC.match(value))
    return values


def _without_tabs(content: str) -> str:
    """The wheel does not tell `<<-` from `<<`; that is tested elsewhere."""
    return re.sub(r"^\t+", "", content, flags=re.MULTILINE)


def _values(statement: Statement) -> tuple[str, ...]:
    """The instruction's arguments, as the wheel lists them."""
    match understand(statement):
        case records.From() as it:
            alias = (it.as_keyword, it.alias_word) if it.alias_word else ()
            return tuple(map(str, (it.base, *alias)))
        case records.Arg() as it:
            return tuple(
                f"{each.name}={each.default}" if each.default is not None else str(each.name)
                for each in it.declarations
            )
        case records.Env() | records.Label() as it:
            return tuple(str(each) for pair in it.pairs for each in (pair.key, pair.value))
        case records.Run() | records.Cmd() | records.Entrypoint() as it:
            return it.command.arguments
        case records.Copy() | records.Add() as it:
            return tuple(map(str, (*it.sources, it.destination)))
        case records.Healthcheck() as it:
            kind, *command = it.test
            return (str(statement.words()[0]), *command) if kind != "NONE" else (str(statement.words()[0]),)
        case records.Expose() as it:
            return tuple(map(str, it.ports))
        case records.Volume() as it:
            return tuple(map(str, it.paths))
        case records.Shell() as it:
            return it.shell
        case records.User(user=value) | records.Workdir(path=value) | records.Stopsignal(signal=value):
            return (str(value),)
        case records.Maintainer(maintainer=value):
            return (value,)
        case other:
            raise AssertionError(other)


def instructions(dockerfile: Dockerfile) -> list[Instruction]:
    """All of a Dockerfile's instructions, in the order of its lines."""
    stages = ((stage.base, *stage.instructions) for stage in dockerfile.stages)
    return [*dockerfile.global_args, *(each for stage in stages for each in stage)]
