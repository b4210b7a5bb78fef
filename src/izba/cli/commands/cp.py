"""`izba cp`: copy files between a container and the host."""

from __future__ import annotations

import os
import sys

from izba.cli.options.flags import Command, Flag, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="cp",
    usage="[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tizba cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
    summary=(
        "Copy files/folders between a container and the local filesystem\n\n"
        "Use '-' as the source to read a tar archive from stdin and extract it to a directory destination in a\n"
        "container. Use '-' as the destination to stream a tar archive of a container source to stdout."
    ),
    aliases=("container cp",),
    flags=(
        Flag(name="archive", short="a", help="Archive mode (copy all uid/gid information)"),
        Flag(name="follow-link", short="L", help="Always follow symbol link in SRC_PATH"),
        Flag(name="quiet", short="q", help="Suppress progress output during copy"),
    ),
    minimum=2,
    maximum=2,
)


def run(context: Context, argv: list[str]) -> int:
    """Copy."""
    flags = COMMAND.parse(argv)
    from izba.engine.containers.copying import copy
    from izba.engine.containers.model import require

    if not all(flags.arguments):
        raise UsageError(f"{'destination' if flags.arguments[0] else 'source'} can not be empty")
    (from_name, source), (to_name, target) = (_split(text) for text in flags.arguments)
    if from_name is None and to_name is None:
        raise UsageError("must specify at least one container source")
    if from_name is not None and to_name is not None:
        raise UsageError("copying between containers is not supported")
    options = copy.Options(follow=flags.on("follow-link"), keep_owner=flags.on("archive"))
    engine = context.engine()
    container = require(engine, from_name or to_name or "")
    if from_name is not None and target == "-":
        if os.isatty(1):
            raise UsageError("cowardly refusing to write a tar archive to a terminal", hint="redirect it")
        copy.to_tar(engine, container, source, sys.stdout.buffer, options)
    elif from_name is not None:
        copy.from_container(engine, container, source, target, options)
    elif source == "-":
        copy.from_tar(engine, container, sys.stdin.buffer, target)
    else:
        copy.to_container(engine, container, source, target, options)
    return 0


def _split(text: str) -> tuple[str | None, str]:
    """CONTAINER:PATH, or a path of the host: one that begins with a slash or a dot, or has no colon."""
    if text == "-" or text.startswith(("/", ".")):
        return None, text
    container, colon, path = text.partition(":")
    if not colon:
        return None, text
    if not container or not path:
        raise UsageError(f"invalid container path: {text!r}", hint="write it as CONTAINER:PATH")
    return container, path
