"""Text → `Dockerfile`: lines into statements, statements into instructions, instructions into stages."""

from __future__ import annotations

from izba.build.dockerfile.grammar import understand
from izba.build.dockerfile.heredocs import read_bodies
from izba.build.dockerfile.instructions import Arg, Dockerfile, From, Stage
from izba.build.dockerfile.source import Line, Reader, Source
from izba.build.dockerfile.statement import Statement, take_apart
from izba.errors import Range

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from izba.build.dockerfile.instructions import Instruction

_WITH_HEREDOCS = frozenset({"RUN", "COPY", "ADD"})


def parse(text: str | bytes, *, file: str = "Dockerfile") -> Dockerfile:
    """The Dockerfile in `text`, which `file` names. Raises `DockerfileError`."""
    if isinstance(text, bytes):
        # A comment may hold any bytes; where it is an instruction that does, the parser says so.
        text = text.decode("utf-8", "surrogateescape")
    source = Source(file=file, text=text)
    reader = Reader(source)
    lines = list(statements(reader))
    if not lines:
        raise source.error("file with no instructions", Range(file, 1), hint="begin with FROM, and a base image")
    global_args, stages = _stages([understand(each) for each in lines])
    return Dockerfile(
        source=source,
        escape=reader.directives.escape,
        syntax=reader.directives.syntax and reader.directives.syntax.split(" ")[0],
        check=reader.directives.check,
        global_args=global_args,
        stages=stages,
        empty_continuations=tuple(number for each in lines if (number := each.line.empty_continuation)),
    )


def parse_trigger(expression: str, *, file: str = "ONBUILD trigger") -> Instruction:
    """The one instruction that an image's config keeps as a trigger. Raises `DockerfileError`."""
    reader = Reader(Source(file=file, text=expression))
    lines = list(statements(reader))
    if len(lines) != 1:
        message = "an ONBUILD trigger is one instruction"
        raise reader.source.error(message, Range(file, 1, expression.count("\n") + 1))
    return understand(lines[0])


def statements(reader: Reader) -> Iterator[Statement]:
    """The instructions one after the other, taken apart and not yet understood. Raises `DockerfileError`."""
    while line := reader.line():
        yield _statement(line, reader)


def _statement(line: Line, reader: Reader) -> Statement:
    escape = reader.directives.escape
    statement = take_apart(line, line.rest(0), escape)
    announcing = statement
    if statement.name == "ONBUILD":
        announcing = take_apart(line, statement.arguments, escape)
    if announcing.name in _WITH_HEREDOCS and "<<" in announcing.arguments and announcing.json() is None:
        return statement.replace(heredocs=read_bodies(announcing.arguments, reader), end=reader.number)
    return statement


def _stages(instructions: list[Instruction]) -> tuple[tuple[Arg, ...], tuple[Stage, ...]]:
    global_args: list[Arg] = []
    bases: list[From] = []
    bodies: list[list[Instruction]] = []
    for instruction in instructions:
        if isinstance(instruction, From):
            bases.append(instruction)
            bodies.append([])
        elif bodies:
            bodies[-1].append(instruction)
        elif isinstance(instruction, Arg):
            global_args.append(instruction)
        else:
            hint = "FROM comes first; only ARG may stand before it"
            raise instruction.error("no build stage in current context", hint=hint)
    stages = (
        Stage(index=index, base=base, instructions=tuple(body))
        for index, (base, body) in enumerate(zip(bases, bodies, strict=True))
    )
    return tuple(global_args), tuple(stages)
