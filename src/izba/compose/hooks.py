"""Commands that a file has executed in containers: hooks, and those of `develop.watch`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.compose.project import Hook
    from izba.engine.containers.exec import ExecRequest


def exec_request(hook: Hook) -> ExecRequest:
    """What the engine is asked to execute."""
    from izba.engine.containers.exec import ExecRequest

    return ExecRequest(
        args=hook.command, env=hook.environment, user=hook.user, cwd=hook.workdir, privileged=hook.privileged
    )
