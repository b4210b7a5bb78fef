"""`izba compose`: the flags that say which project, then a verb by the table."""

from __future__ import annotations

from izba.cli.commands.compose.context import ComposeContext
from izba.cli.commands.compose.table import GLOBAL, VERBS, overview
from izba.cli.options.flags import HelpWanted, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context
    from izba.cli.options.flags import Flags

COMMAND = GLOBAL


def run(context: Context, argv: list[str]) -> int:
    """Run the verb."""
    flags = GLOBAL.parse(argv)
    if flags.on("version"):
        return _run("version", _compose(context, flags), [])
    if not flags.arguments:
        raise HelpWanted(overview())
    verb, *rest = flags.arguments
    if verb == "help":
        verb, rest = (rest[0], ["--help"]) if rest else ("--help", [])
    return _run(verb, _compose(context, flags), rest)


def _compose(context: Context, flags: Flags) -> ComposeContext:
    """The flags before the verb."""
    import os

    from izba import paths
    from izba.compose.options import ProjectOptions

    data = paths.roots(os.environ, os.getuid(), root=context.root).data

    return ComposeContext(
        context=context,
        options=ProjectOptions(
            files=flags.all("file"),
            name=flags.text("project-name"),
            directory=flags.text("project-directory"),
            env_files=flags.all("env-file"),
            profiles=flags.all("profile"),
        ),
        ansi=flags.text("ansi") or "auto",
        progress=flags.text("progress") or "auto",
        dry_run=flags.on("dry-run"),
        parallel=_parallel(flags),
        all_resources=flags.on("all-resources"),
        kept=f"{data}/compose/.yaml",
    )


def _parallel(flags: Flags) -> int:
    """`--parallel`, or COMPOSE_PARALLEL_LIMIT; like 0, a number below it is as many as the machine likes."""
    import os

    given = flags.number("parallel")
    text = os.environ.get("COMPOSE_PARALLEL_LIMIT", "")
    if given is None and text:
        try:
            given = int(text)
        except ValueError:
            raise UsageError(f"COMPOSE_PARALLEL_LIMIT: not a number: {text!r}") from None
    return max(0, given or 0)


def _run(verb: str, compose: ComposeContext, argv: list[str]) -> int:
    entry = VERBS.get(verb)
    if entry is None:
        if verb in {"--help", "-h"}:
            raise HelpWanted(overview())
        from izba.nearest import nearest

        meant = nearest(verb, VERBS)
        error = UsageError(
            f"{verb!r} is not a command of `izba compose`",
            hint=f"did you mean `izba compose {meant}`?" if meant else "see `izba compose --help`",
        )
        error.exit_code = 1
        raise error
    module = __import__(f"izba.cli.commands.compose.{entry.module}", fromlist=("run",))
    code: int = module.run(compose, argv)
    return code
