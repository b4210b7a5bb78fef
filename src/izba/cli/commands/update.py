"""`izba update`: other limits, or another restart policy, for containers."""

from __future__ import annotations

from izba.cli.options.containerflags import FLAGS
from izba.cli.options.flags import Command, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context
    from izba.cli.options.flags import Flags
    from izba.engine.containers.documents import HostConfig
    from izba.engine.containers.model import Container

_NAMES = frozenset(
    "blkio-weight cpu-period cpu-quota cpu-shares cpus cpuset-cpus cpuset-mems memory memory-reservation memory-swap "
    "pids-limit restart".split()
)

COMMAND = Command(
    name="update",
    usage="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Update configuration of one or more containers",
    aliases=("container update",),
    flags=tuple(flag for flag in FLAGS if flag.name in _NAMES),
    minimum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Change each; warnings to stderr."""
    flags = COMMAND.parse(argv)
    if not any(flags.given(name) for name in _NAMES):
        raise UsageError("you must provide one or more flags when using this command")
    from izba import log
    from izba.cli.each import each
    from izba.engine.containers.update import update

    changes = _changes(flags)
    engine = context.engine()

    def change(container: Container) -> None:
        for warning in update(engine, container, changes):
            log.warning(warning)

    return each(engine, flags.arguments, change)


def _changes(flags: Flags) -> HostConfig:
    from izba.cli.options import resources
    from izba.cli.options.container import restart_policy

    changes: HostConfig = {}
    resources.read(flags, changes)
    for key in [key for key, value in changes.items() if value == []]:  # lists of flags that this command has not
        del changes[key]  # type: ignore[misc]
    if (text := flags.text("restart")) is not None:
        changes["RestartPolicy"] = restart_policy(text)
    return changes
