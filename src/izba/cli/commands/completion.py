"""`izba completion`: the completion script of a shell."""

from __future__ import annotations

import sys

from izba.cli.options.flags import Command, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

SHELLS = ("bash", "zsh", "fish")

COMMAND = Command(
    name="completion",
    usage="bash|zsh|fish",
    summary="Print the completion script of a shell",
    minimum=1,
    maximum=1,
)


def run(context: Context, argv: list[str]) -> int:  # noqa: ARG001 - it asks nothing of an engine
    """Print the script; its first lines say where to put it."""
    (shell,) = COMMAND.parse(argv).arguments
    if shell not in SHELLS:
        from izba.nearest import nearest

        meant = nearest(shell, SHELLS)
        hint = f"did you mean {meant}?" if meant else f"the shells are {', '.join(SHELLS)}"
        raise UsageError(f"no completion for the shell {shell!r}", hint=hint)
    module = __import__(f"izba.cli.completion.{shell}", fromlist=("script",))
    sys.stdout.write(module.script())
    return 0
