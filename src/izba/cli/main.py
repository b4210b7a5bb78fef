"""The command line: global flags, then a command by the table; errors become stderr and an exit code."""

from __future__ import annotations

import sys

from izba.cli.context import Context
from izba.cli.options.flags import Command, Flag, HelpWanted, UsageError
from izba.cli.table import ALIASES, COMMANDS, GROUPS
from izba.errors import IzbaError, SourceError, hint_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from izba.cli.table import Entry

IZBA = Command(
    name="",
    usage="[OPTIONS] COMMAND",
    summary="Build, keep and run OCI containers, with no daemon and no root",
    flags=(
        Flag(name="config", kind="string", help="Directory of Docker's config.json (or DOCKER_CONFIG)"),
        Flag(name="debug", short="D", help="Show what izba does, and the traceback of an error"),
        Flag(name="log-level", short="l", kind="string", help="debug, info, warn, error or fatal; debug shows more"),
        Flag(name="root", kind="string", help="Keep everything of izba under this directory (or IZBA_ROOT)"),
        Flag(name="version", short="v", help="Print version information and quit"),
        Flag(name="context", short="c", kind="string", hidden=True),
        Flag(name="host", short="H", kind="list", hidden=True),
        Flag(name="tls", hidden=True),
        Flag(name="tlscacert", kind="string", hidden=True),
        Flag(name="tlscert", kind="string", hidden=True),
        Flag(name="tlskey", kind="string", hidden=True),
        Flag(name="tlsverify", hidden=True),
    ),
    interspersed=False,
)

# docker's flags that say where its daemon is, known so that their answer is more than that they are not.
_OF_A_DAEMON = ("context", "host", "tls", "tlscacert", "tlscert", "tlskey", "tlsverify")

BROKEN_PIPE = 141
INTERRUPTED = 130


class UnknownCommand(UsageError):
    """There is no such command."""

    def __init__(self, word: str, path: str, known: list[str]) -> None:
        from izba.nearest import nearest

        prefix = f"izba {path}".rstrip()
        meant = nearest(word, known)
        hint = f"did you mean `{prefix} {meant}`?" if meant else f"see `{prefix} --help`"
        super().__init__(f"{word!r} is not a command of `{prefix}`", hint=hint)


def main(argv: list[str] | None = None, *, leaving: bool = False) -> int:
    """Run one command line; the process's exit code. `leaving`: the process ends with it."""
    words = sys.argv[1:] if argv is None else argv
    if None in {sys.stdin, sys.stdout, sys.stderr}:
        _open_standard_streams()
    try:
        code = _run(words, leaving=leaving)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        code = _quit_quietly()
    return code


def _open_standard_streams() -> None:
    """A standard stream that was closed leads nowhere, or the next file that is opened would get its number."""
    import os

    null = os.open("/dev/null", os.O_RDWR)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.dup2(null, number)
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))
    if null > 2:
        os.close(null)


def script() -> NoReturn:
    """The console script. A light command leaves at once: taking an interpreter apart costs as much as a container."""
    import atexit
    import gc
    import os

    from izba import codecache

    if sys.getfilesystemencoding() != "utf-8":
        _begin_again_in_utf8()

    gc.set_threshold(50_000)  # or a start, which makes many objects and no garbage, is searched for it twenty times
    code = main(leaving=True)
    sys.stderr.flush()
    codecache.update()
    if not atexit._ncallbacks():  # noqa: SLF001 - who registered one relies on it
        os._exit(code)
    if engine := sys.modules.get("izba.engine.engine"):
        engine.Engine.keep_left_open()
    sys.exit(code)


def _begin_again_in_utf8() -> NoReturn:
    """The same command in an interpreter for which names of files, arguments and streams are UTF-8, in any locale.

    Dockerfiles, archives and documents are UTF-8 whatever the user's locale is. With another one, an image would depend
    on who built it.
    """
    import os

    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _run(words: list[str], *, leaving: bool) -> int:
    failure, debug = 1, False
    try:
        flags = IZBA.parse(words)
        if debug := flags.on("debug"):
            from izba import log

            log.enable_debug()
        for name in _OF_A_DAEMON:
            if flags.given(name):
                raise UsageError(
                    f"--{name}: izba has no daemon to connect to",
                    hint="leave it out, --root says where izba's data are",
                )
        if level := flags.text("log-level"):
            _set_log_level(level)
        if configuration := flags.text("config"):
            import os

            os.environ["DOCKER_CONFIG"] = configuration
        if flags.on("version"):
            return _print_version()
        if not flags.arguments:
            raise HelpWanted(IZBA)
        entry, rest = find(flags.arguments)
        failure = entry.failure
        module = __import__(f"izba.cli.commands.{entry.module}", fromlist=("run",))
        code: int = module.run(Context(root=flags.text("root"), debug=debug, leaving=leaving), rest)
    except HelpWanted as wanted:
        return _print_help() if wanted.command is IZBA else _print(wanted.command.help())
    except IzbaError as error:
        if debug:
            raise
        return report(error, failure)
    except BrokenPipeError:
        raise
    except Exception as error:  # the last frame: what arrives here is a bug or a kernel's refusal
        if debug:
            raise
        return _report_unexpected(error, failure)
    return code


def _set_log_level(level: str) -> None:
    """As docker's flag, of which izba has two levels: with debug lines, and without."""
    if level not in {"debug", "info", "warn", "warning", "error", "fatal"}:
        raise UsageError(f"unable to parse logging level: {level}", hint="debug, info, warn, error and fatal are")
    if level == "debug":
        from izba import log

        log.enable_debug()


def find(words: tuple[str, ...]) -> tuple[Entry, list[str]]:
    """The command that `words` begin with, and its arguments. Raises `UnknownCommand`, or `HelpWanted` for a group."""
    first, *rest = words
    if first in GROUPS:
        return _find_in_group(first, rest)
    if entry := COMMANDS.get(first):
        return entry, rest
    if first == "help":
        if rest:
            return find((*rest, "--help"))
        raise HelpWanted(IZBA)
    known = [name for name in COMMANDS if " " not in name]
    raise UnknownCommand(first, "", [*known, *GROUPS])


def _find_in_group(group: str, words: list[str]) -> tuple[Entry, list[str]]:
    if not words or words[0] in {"-h", "--help"}:
        from izba.cli.overview import group_command

        raise HelpWanted(group_command(group))
    full = f"{group} {words[0]}"
    if entry := COMMANDS.get(ALIASES.get(full, full)):
        return entry, words[1:]
    from izba.cli.table import members

    raise UnknownCommand(words[0], group, list(members(group)))


def report(error: IzbaError, failure: int) -> int:
    """Tell `error` on stderr; the exit code."""
    sys.stdout.flush()
    lines = [f"error: {error}"]
    if isinstance(error, SourceError):
        from izba.cli.excerpt import excerpt

        lines += excerpt(error)
    lines += [f"  {note}" for note in getattr(error, "__notes__", ())]
    if error.hint:
        lines.append(f"hint: {error.hint}")
    from izba.cli.printable import printable_lines

    sys.stderr.write(printable_lines("\n".join(lines) + "\n"))
    code: int = getattr(error, "exit_code", failure)
    return code


def _report_unexpected(error: Exception, failure: int) -> int:
    from izba.cli.printable import printable_lines

    what = str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    hint = hint_for(error) or "`izba --debug …` shows where this happened"
    sys.stderr.write(f"error: {printable_lines(what)}\nhint: {hint}\n")
    return failure


def _quit_quietly() -> int:
    # Whoever read us is gone; the interpreter must not find out again when it flushes at its end.
    import os

    null = os.open("/dev/null", os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
    return BROKEN_PIPE


def _print_version() -> int:
    from izba import __version__

    return _print(f"izba version {__version__}\n")


def _print_help() -> int:
    from izba.cli.overview import overview

    return _print(overview(IZBA))


def _print(text: str) -> int:
    sys.stdout.write(text)
    sys.stdout.flush()
    return 0
