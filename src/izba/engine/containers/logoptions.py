"""`--log-driver` and `--log-opt`."""

from __future__ import annotations

from izba import errors
from izba.errors import InvalidArgument
from izba.monitor.plan import LogPlan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.containers.documents import LogConfig

_UNITS = {"": 1, "b": 1, "k": 1000, "kb": 1000, "m": 1000**2, "mb": 1000**2, "g": 1000**3, "gb": 1000**3}
_DEFAULTS = {
    "json-file": LogPlan(),
    "local": LogPlan(driver="local", max_size=20_000_000, max_file=5),
    "none": LogPlan(driver="none"),
}
_ELSEWHERE = frozenset("awslogs etwlogs fluentd gcplogs gelf journald logentries splunk syslog".split())


def log_plan(config: LogConfig) -> LogPlan:
    """What the monitor does with the output. Raises for drivers and options that izba does not have."""
    driver = config["Type"] or "json-file"
    if driver in _ELSEWHERE:
        raise errors.NotImplemented(
            f"log driver {driver}: izba has json-file, local and none", hint="`izba logs -f` can feed another program"
        )
    if driver not in _DEFAULTS:
        raise InvalidArgument(f'logger: no log driver named "{driver}" is registered')
    plan = _DEFAULTS[driver]
    for name, value in config["Config"].items():
        plan = _with(plan, name, value)
    return plan


def _with(plan: LogPlan, name: str, value: str) -> LogPlan:
    if plan.driver != "none" and name == "max-size":
        return plan.replace(max_size=0 if value == "-1" else _size(value))
    if plan.driver != "none" and name == "max-file":
        if not value.isdecimal() or int(value) < 1:
            raise InvalidArgument(f"max-file value can not be less than 1: {value!r}")
        return plan.replace(max_file=int(value))
    if (name, value) in {("mode", "blocking"), ("compress", "false")}:
        return plan
    raise InvalidArgument(
        f"unknown log opt '{name}' for {plan.driver} log driver"
        if name not in {"mode", "compress"}
        else f"log opt {name}={value}: izba's logs are written at once and not compressed"
    )


def _size(text: str) -> int:
    digits = text.rstrip("bkmgBKMG")
    unit = _UNITS.get(text[len(digits) :].lower())
    if not digits.isdecimal() or unit is None or int(digits) == 0:
        raise InvalidArgument(f"invalid value for max-size: {text!r}", hint="write it as 10m or 500k")
    return int(digits) * unit
