"""What each keyword means: a statement becomes an instruction, checked as far as it can be without variables."""

from __future__ import annotations

from izba import durations
from izba.build.dockerfile import instructions as records
from izba.build.dockerfile import mounts
from izba.build.dockerfile.heredocs import heredoc_name
from izba.build.dockerfile.instructions import CommandLine, Declaration, Instruction, Pair
from izba.build.dockerfile.source import BLANK, SPACE, Word
from izba.build.dockerfile.statement import Options, take_apart
from izba.nearest import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from izba.build.dockerfile.source import DockerfileError
    from izba.build.dockerfile.statement import Statement

FLAGS: dict[str, dict[str, str]] = {
    "FROM": {"platform": "string"},
    "RUN": {"mount": "strings", "network": "string", "security": "string", "device": "strings"},
    "COPY": {
        "from": "string",
        "chown": "string",
        "chmod": "string",
        "link": "bool",
        "parents": "bool",
        "exclude": "strings",
    },
    "ADD": {
        "chown": "string",
        "chmod": "string",
        "link": "bool",
        "exclude": "strings",
        "checksum": "string",
        "keep-git-dir": "bool",
        "unpack": "bool",
    },
    "HEALTHCHECK": dict.fromkeys(("interval", "timeout", "start-period", "start-interval", "retries"), "string"),
}
"""The flags of the instructions that have some, with their kinds."""

_IN_STAGE_NAMES = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")


def understand(statement: Statement) -> Instruction:
    """The instruction that a statement is. Raises `DockerfileError`."""
    instruction = INSTRUCTIONS.get(statement.name)
    if instruction is None:
        raise _unknown(statement.keyword)
    return instruction(statement)


def _unknown(keyword: Word) -> DockerfileError:
    if not keyword:
        return keyword.error("an empty line is continued, and holds no instruction")
    meant = nearest(keyword.upper(), INSTRUCTIONS)
    if meant and keyword.islower():
        meant = meant.lower()
    return keyword.error(f"unknown instruction: {keyword}", hint=meant and f"did you mean {meant}?")


def _from(statement: Statement) -> records.From:
    options = _options(statement)
    words = statement.words()
    if len(words) not in {1, 3} or (len(words) == 3 and words[1].lower() != "as"):
        hint = "write it as FROM image, or FROM image AS name"
        raise statement.error("FROM requires either one or three arguments", hint=hint)
    alias = words[2] if len(words) == 3 else None
    if alias is not None and not _is_stage_name(alias.lower()):
        message = f'invalid name for build stage: "{alias}", name can\'t start with a number or contain symbols'
        raise alias.error(message)
    return records.From(
        **_common(statement),
        base=words[0],
        alias=alias.lower() if alias else "",
        alias_word=alias,
        as_keyword=str(words[1]) if alias else "",
        platform=options.text("platform"),
    )


def _is_stage_name(name: str) -> bool:
    return name[:1].isalpha() and set(name) <= _IN_STAGE_NAMES


def _arg(statement: Statement) -> records.Arg:
    _options(statement)
    words = statement.quoted_words()
    if not words:
        raise _at_least_one(statement)
    return records.Arg(**_common(statement), declarations=tuple(_declaration(word) for word in words))


def _declaration(word: Word) -> Declaration:
    name, equals, _ = word.partition("=")
    if not name:
        raise word.error("ARG names can not be blank")
    return Declaration(name=word.part(0, len(name)), default=word.part(len(name) + 1) if equals else None)


def _env(statement: Statement) -> records.Env:
    pairs, is_legacy = _pairs(statement)
    return records.Env(**_common(statement), pairs=pairs, is_legacy=is_legacy)


def _label(statement: Statement) -> records.Label:
    pairs, is_legacy = _pairs(statement)
    return records.Label(**_common(statement), pairs=pairs, is_legacy=is_legacy)


def _pairs(statement: Statement) -> tuple[tuple[Pair, ...], bool]:
    """`key=value …`, or of old `key value`: whether the first word has a `=` tells which."""
    _options(statement)
    words = statement.quoted_words()
    if not words:
        raise _at_least_one(statement)
    if "=" not in words[0]:
        return (_legacy_pair(statement),), True
    pairs = []
    for word in words:
        key, equals, _ = word.partition("=")
        if not equals:
            message = f'Syntax error - can\'t find = in "{word}". Must be of the form: name=value'
            raise word.error(message, hint="a value with spaces is put in quotes")
        if not key:
            raise word.error(f"{statement.name} names can not be blank")
        pairs.append(Pair(key=word.part(0, len(key)), value=word.part(len(key) + 1)))
    return tuple(pairs), False


def _legacy_pair(statement: Statement) -> Pair:
    text = statement.arguments
    end = next((at for at, character in enumerate(text) if character in BLANK), None)
    if end is None:
        message = f"{statement.name} must have two arguments"
        raise statement.error(message, hint=f"write it as {statement.name} name=value")
    start = end + len(text[end:]) - len(text[end:].lstrip(BLANK))
    return Pair(key=text.part(0, end), value=text.part(start))


def _run(statement: Statement) -> records.Run:
    options = _options(statement)
    security = options.text("security")
    if security is not None and security != "sandbox":
        if security != "insecure":
            raise security.error(f'security "{security}" is not valid')
        message = "RUN --security=insecure is not supported: a build never gets more rights than a container"
        raise security.error(message, hint="run the step afterwards with izba run --privileged, and commit it")
    if devices := options.texts("device"):
        raise devices[0].error("RUN --device is not supported: a build sees no devices of the host")
    network = options.text("network")
    if network is not None and network not in {"default", "none", "host"}:
        meant = nearest(network, ("default", "none", "host"))
        raise network.error(f'invalid network mode "{network}"', hint=meant and f"did you mean {meant}?")
    for mount in options.texts("mount"):
        mounts.check(mount)
    return records.Run(
        **_common(statement),
        command=_command_line(statement).replace(heredocs=statement.heredocs),
        mounts=options.texts("mount"),
        network=str(network or "default"),  # type: ignore[arg-type]
    )


def _copy(statement: Statement) -> records.Copy:
    options = _options(statement)
    sources, destination = _sources(statement)
    return records.Copy(
        **_common(statement),
        sources=sources,
        heredocs=statement.heredocs,
        destination=destination,
        from_=options.text("from"),
        link=options.flag("link") or False,
        parents=options.flag("parents") or False,
        **_file_options(options),
    )


def _add(statement: Statement) -> records.Add:
    options = _options(statement)
    sources, destination = _sources(statement)
    return records.Add(
        **_common(statement),
        sources=sources,
        heredocs=statement.heredocs,
        destination=destination,
        link=options.flag("link") or False,
        checksum=options.text("checksum"),
        keep_git_dir=options.flag("keep-git-dir"),
        unpack=options.flag("unpack"),
        **_file_options(options),
    )


def _file_options(options: Options) -> dict[str, Any]:
    return {
        "chown": options.text("chown"),
        "chmod": options.text("chmod"),
        "exclude": options.texts("exclude"),
    }


def _sources(statement: Statement) -> tuple[tuple[Word, ...], Word]:
    """The sources that are paths, and the destination."""
    array = statement.json()
    words = statement.words() if array is None else array
    if len(words) < 2:
        message = f"{statement.name} requires at least two arguments"
        if words:
            message += ", but only one was provided. Destination could not be determined"
        raise statement.error(message, hint=f"write it as {statement.name} source… destination")
    *sources, destination = words
    if array is not None:
        return tuple(sources), destination
    if heredoc_name(destination):
        raise destination.error(f"{statement.name} cannot accept a heredoc as a destination")
    return tuple(source for source in sources if not heredoc_name(source)), destination


def _cmd(statement: Statement) -> records.Cmd:
    _options(statement)
    return records.Cmd(**_common(statement), command=_command_line(statement))


def _entrypoint(statement: Statement) -> records.Entrypoint:
    _options(statement)
    return records.Entrypoint(**_common(statement), command=_command_line(statement))


def _command_line(statement: Statement) -> CommandLine:
    array = statement.json()
    if array is not None:
        return CommandLine(arguments=tuple(str(each) for each in array), is_shell=False)
    text = str(statement.arguments)
    return CommandLine(arguments=(text,) if text else (), is_shell=True)


def _expose(statement: Statement) -> records.Expose:
    _options(statement)
    words = statement.words()
    if not words:
        raise _at_least_one(statement)
    return records.Expose(**_common(statement), ports=tuple(sorted(words)))


def _volume(statement: Statement) -> records.Volume:
    _options(statement)
    array = statement.json()
    words = statement.words() if array is None else array
    if not words:
        raise _at_least_one(statement)
    for word in words:
        if not word.strip(SPACE):
            raise word.error("VOLUME specified can not be an empty string")
    # A JSON string may have blanks around the path, which are not meant.
    paths = (Word(word.strip(SPACE), word.line, word.start, word.end) for word in words)
    return records.Volume(**_common(statement), paths=tuple(paths))


def _user(statement: Statement) -> records.User:
    return records.User(**_common(statement), user=_the_argument(statement))


def _workdir(statement: Statement) -> records.Workdir:
    return records.Workdir(**_common(statement), path=_the_argument(statement))


def _stopsignal(statement: Statement) -> records.Stopsignal:
    return records.Stopsignal(**_common(statement), signal=_the_argument(statement))


def _maintainer(statement: Statement) -> records.Maintainer:
    return records.Maintainer(**_common(statement), maintainer=str(_the_argument(statement)))


def _the_argument(statement: Statement) -> Word:
    _options(statement)
    if not statement.arguments:
        raise statement.error(f"{statement.name} requires exactly one argument")
    return statement.arguments


def _shell(statement: Statement) -> records.Shell:
    _options(statement)
    array = statement.json()
    if not statement.arguments or array == []:
        raise _at_least_one(statement)
    if array is None:
        hint = 'write it as SHELL ["executable", "parameters"]'
        raise statement.error("SHELL requires the arguments to be in JSON form", hint=hint)
    return records.Shell(**_common(statement), shell=tuple(str(each) for each in array))


def _healthcheck(statement: Statement) -> records.Healthcheck:
    options = _options(statement)
    words = statement.words()
    if not words:
        raise _at_least_one(statement)
    kind, what = words[0].upper(), statement.line.rest(words[0].end)
    match kind:
        case "NONE":
            if what:
                raise what.error("HEALTHCHECK NONE takes no arguments")
            test: tuple[str, ...] = ("NONE",)
        case "CMD":
            command = _command_line(statement.replace(arguments=what))
            if not command.arguments:
                raise statement.error("Missing command after HEALTHCHECK CMD")
            test = ("CMD-SHELL" if command.is_shell else "CMD", *command.arguments)
        case _:
            raise words[0].error(f'Unknown type "{kind}" in HEALTHCHECK (try CMD)')
    return records.Healthcheck(
        **_common(statement),
        test=test,
        interval=_duration(options, "interval"),
        timeout=_duration(options, "timeout"),
        start_period=_duration(options, "start-period"),
        start_interval=_duration(options, "start-interval"),
        retries=_retries(options),
    )


def _duration(options: Options, name: str) -> int:
    word = options.text(name)
    if not word:
        return 0
    try:
        duration = durations.parse(word)
    except durations.InvalidDuration as error:
        raise word.error(error.message, hint=error.hint) from None
    if duration != 0 and duration < durations.MILLISECOND:
        raise word.error(f'Interval "{name}" cannot be less than 1ms')
    return duration


def _retries(options: Options) -> int:
    word = options.text("retries")
    if not word:
        return 0
    digits = word.removeprefix("-") if word.startswith("-") else word.removeprefix("+")
    if not (digits.isascii() and digits.isdecimal()) or len(digits.lstrip("0")) > 10 or int(digits) >= 1 << 31:
        raise word.error(f"--retries is not a number: {word}")
    if word.startswith("-") and int(digits):
        raise word.error(f"--retries cannot be negative ({word})")
    return int(digits)


def _onbuild(statement: Statement) -> records.Onbuild:
    _options(statement)
    if not statement.arguments:
        raise _at_least_one(statement)
    trigger = take_apart(statement.line, statement.arguments, statement.escape)
    match trigger.name:
        case "ONBUILD":
            raise trigger.keyword.error("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
        case "MAINTAINER" | "FROM":
            raise trigger.keyword.error(f"{trigger.name} isn't allowed as an ONBUILD trigger")
    bodies = (f"\n{each.content}{each.name}" for each in statement.heredocs)
    return records.Onbuild(
        **_common(statement),
        expression="".join([statement.arguments, *bodies]),
        trigger=understand(trigger.replace(heredocs=statement.heredocs, end=statement.end)),
    )


def _options(statement: Statement) -> Options:
    return statement.options(FLAGS.get(statement.name, {}))


def _common(statement: Statement) -> dict[str, Any]:
    """What every instruction has."""
    return {
        "keyword": str(statement.keyword),
        "original": statement.line.text[statement.keyword.start :].strip(SPACE),
        "comments": statement.line.comments,
        "range": statement.range,
        "source": statement.line.source,
    }


def _at_least_one(statement: Statement) -> DockerfileError:
    return statement.error(f"{statement.name} requires at least one argument")


INSTRUCTIONS: dict[str, Callable[[Statement], Instruction]] = {
    "ADD": _add,
    "ARG": _arg,
    "CMD": _cmd,
    "COPY": _copy,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "FROM": _from,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "MAINTAINER": _maintainer,
    "ONBUILD": _onbuild,
    "RUN": _run,
    "SHELL": _shell,
    "STOPSIGNAL": _stopsignal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
