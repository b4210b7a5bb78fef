"""`--log-driver` and `--log-opt`: where output is kept, and what is said beside each record."""

from __future__ import annotations

from izba import errors
from izba.errors import InvalidArgument
from izba.monitor.plan import LogPlan

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterable

    from izba.engine.containers.documents import LogConfig
    from izba.engine.containers.model import Container

_UNITS = {"": 1, "b": 1, "k": 1000, "kb": 1000, "m": 1000**2, "mb": 1000**2, "g": 1000**3, "gb": 1000**3}
_DEFAULTS = {
    "json-file": LogPlan(),
    "local": LogPlan(driver="local", max_size=20_000_000, max_file=5),
    "none": LogPlan(driver="none"),
}
_ATTRIBUTES = frozenset(("labels", "labels-regex", "env", "env-regex", "tag"))
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


def attributes(container: Container) -> tuple[tuple[str, str], ...]:
    """What `labels`, `env` and `tag` of its `--log-opt` add to each record: `attrs`, shown by `logs --details`.

    Raises `InvalidArgument`.
    """
    options = (container.host_config.get("LogConfig") or {"Type": "", "Config": {}})["Config"]
    if not _ATTRIBUTES & options.keys():
        return ()
    labels = (container.config.get("Labels") or {}).items()
    env = [(name, value) for name, _, value in (text.partition("=") for text in container.config.get("Env") or ())]
    found = _chosen(labels, options.get("labels"), options.get("labels-regex"))
    found |= _chosen(env, options.get("env"), options.get("env-regex"))
    if tag := options.get("tag"):
        found["tag"] = _tag(tag, container)
    return tuple(sorted(found.items()))


def _chosen(pairs: Iterable[tuple[str, str]], names: str | None, pattern: str | None) -> dict[str, str]:
    wanted = set(names.split(",")) if names else set()
    matches = _pattern(pattern).search if pattern else None
    return {name: value for name, value in pairs if name in wanted or (matches and matches(name))}


def _pattern(text: str) -> re.Pattern[str]:
    import re

    try:
        return re.compile(text)
    except re.error as error:
        raise InvalidArgument(f"log opt: {text!r} is no regular expression: {error}") from None


def _tag(template: str, container: Container) -> str:
    """Docker's tag, a template of the container's facts."""
    image = container.image_id.partition(":")[2]
    facts = {
        "ID": container.id[:12],
        "FullID": container.id,
        "Name": container.name,
        "ImageName": container.config.get("Image", ""),
        "ImageID": image[:12],
        "ImageFullID": container.image_id,
        "DaemonName": "izba",
    }
    text = template
    for name, value in facts.items():
        for spelling in (f"{{{{.{name}}}}}", f"{{{{ .{name} }}}}"):
            text = text.replace(spelling, value)
    if "{{" in text:
        raise InvalidArgument(
            f"log opt tag: {template!r} has more than names in it",
            hint=f"write {', '.join(f'{{{{.{name}}}}}' for name in facts)}",
        )
    return text


def _with(plan: LogPlan, name: str, value: str) -> LogPlan:
    if plan.driver != "none" and name == "max-size":
        return plan.replace(max_size=0 if value == "-1" else _size(value))
    if plan.driver != "none" and name == "max-file":
        if not value.isdecimal() or int(value) < 1:
            raise InvalidArgument(f"max-file value can not be less than 1: {value!r}")
        return plan.replace(max_file=int(value))
    if (name, value) in {("mode", "blocking"), ("compress", "false")}:
        return plan
    if plan.driver != "none" and name in _ATTRIBUTES:
        if name.endswith("-regex"):
            _pattern(value)
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
