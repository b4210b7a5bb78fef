"""`--health-*` and `--no-healthcheck`."""

from __future__ import annotations

from izba import durations
from izba.cli.options.flags import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.options.flags import Flags
    from izba.engine.containers.documents import ContainerConfig, HostConfig
    from izba.oci.documents import Healthcheck

_DURATIONS = {
    "health-interval": "Interval",
    "health-timeout": "Timeout",
    "health-start-period": "StartPeriod",
    "health-start-interval": "StartInterval",
}


_ACTIONS = ("none", "kill", "restart", "stop")


def read(flags: Flags, config: ContainerConfig, host: HostConfig) -> None:
    """Put what was given into the documents. Raises `UsageError`."""
    if action := flags.text("health-on-failure"):
        if action not in _ACTIONS:
            raise UsageError(f"invalid --health-on-failure: {action!r}", hint=f"{', '.join(_ACTIONS)} are")
        host["HealthOnFailure"] = action
    check: Healthcheck = {}
    if command := flags.text("health-cmd"):
        check["Test"] = ["CMD-SHELL", command]
    for name, key in _DURATIONS.items():
        if text := flags.text(name):
            value = durations.parse(text)
            if 0 < value < durations.MILLISECOND or value < 0:
                raise UsageError(f"--{name} cannot be less than 1ms")
            check[key] = value  # type: ignore[literal-required]
    if (retries := flags.number("health-retries")) is not None:
        if retries < 0:
            raise UsageError("--health-retries cannot be negative")
        check["Retries"] = retries
    if flags.on("no-healthcheck"):
        if check:
            raise UsageError("--no-healthcheck conflicts with --health-* options")
        check["Test"] = ["NONE"]
    config["Healthcheck"] = check
