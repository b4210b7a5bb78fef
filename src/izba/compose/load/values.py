"""Phase 14: each value in its one form: texts for durations (`1m30s`) and bytes (`"1024"`), mappings for KEY=VALUE.

After this the tree is what `izba compose config` prints. What says nothing (false, 0, empty) is left out, except where
it says something: a tri-state, a number of replicas, a command that clears the image's.
"""

from __future__ import annotations

from izba.compose.treepath import Rules, rewrite
from izba.compose.units import duration, size
from izba.durations import go_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from izba.compose.load.source import Sources
    from izba.compose.treepath import Path


def settle(tree: dict[str, Any], sources: Sources) -> dict[str, Any]:
    """The tree with each value in its form. Raises `ComposeFileError`."""

    def apply(convert: Callable[[Any], Any]) -> Callable[[Any, Path], Any]:
        def rule(value: Any, path: Path) -> Any:
            try:
                return convert(value)
            except ValueError as error:
                raise sources.error(path, str(error)) from None

        return rule

    rules = Rules({pattern: apply(convert) for pattern, convert in _CONVERSIONS.items()})
    result: dict[str, Any] = _without_nothing(rewrite(tree, rules), _KEPT, ())
    return result


def text(value: Any) -> str:
    """A scalar as the text it was most likely written as."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _duration(value: Any) -> Any:
    return None if value is None else go_duration(duration(value))


def _delay(value: Any) -> Any:
    """A duration whose 0 says nothing."""
    return None if value is None or not duration(value) else go_duration(duration(value))


def _size(value: Any) -> Any:
    return None if value is None else str(size(value))


def _text(value: Any) -> Any:
    return None if value is None else text(value)


def _command(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    import shlex

    try:
        return shlex.split(value)
    except ValueError as error:
        raise ValueError(f"{value!r}: {str(error).lower()}") from None


def _test(value: Any) -> Any:
    return ["CMD-SHELL", value] if isinstance(value, str) else value


def _mapping(nothing: str | None) -> Callable[[Any], Any]:
    """KEY=VALUE as a mapping of texts; a key without a value has `nothing`."""

    def convert(value: Any) -> Any:
        if isinstance(value, list):
            pairs = [str(item).partition("=") for item in value]
            return {key: each if equals else nothing for key, equals, each in pairs}
        if not isinstance(value, dict):
            return value
        return {key: nothing if each is None else text(each) for key, each in value.items()}

    return convert


def _hosts(value: Any) -> Any:
    if isinstance(value, dict):
        pairs = [
            (name, each) for name, given in value.items() for each in (given if isinstance(given, list) else [given])
        ]
    else:
        pairs = [pair for item in value or () for pair in _host(str(item))]
    return sorted(f"{name}={str(address or '').strip('[]')}" for name, address in pairs)


def _host(entry: str) -> list[tuple[str, str]]:
    name, separator, address = entry.partition("=") if "=" in entry else entry.partition(":")
    if not separator or not name or not address:
        raise ValueError(f"invalid additional host, missing IP: {entry}")
    return [(name, each) for each in address.split(",")]


def _texts(value: Any) -> Any:
    return [text(each) for each in ([value] if isinstance(value, (str, int)) else value or ())]


def _mode(value: Any) -> Any:
    """A file mode as it is written in octal, whatever the YAML said."""
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = int(value, 8)
        except ValueError:
            raise ValueError(f"{value!r} is not a file mode, as in 0440") from None
    return f"0{value:o}"


def _bits(value: Any) -> Any:
    """A file mode as a number."""
    return int(_mode(value), 8) if isinstance(value, str) else value


def _number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a number") from None
    return int(number) if number.is_integer() else number


def _integer(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a whole number") from None


def _count(value: Any) -> Any:
    """A number of devices; Compose writes all of them as -1."""
    return -1 if value == "all" else _integer(value)


_SERVICE: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(
        (
            "healthcheck.interval healthcheck.timeout healthcheck.start_period healthcheck.start_interval "
            "stop_grace_period deploy.restart_policy.delay deploy.restart_policy.window"
        ).split(),
        _duration,
    ),
    **dict.fromkeys(
        (
            "deploy.update_config.delay deploy.update_config.monitor deploy.rollback_config.delay "
            "deploy.rollback_config.monitor"
        ).split(),
        _delay,
    ),
    **dict.fromkeys(
        (
            "mem_limit mem_reservation memswap_limit mem_swappiness shm_size build.shm_size "
            "deploy.resources.limits.memory deploy.resources.reservations.memory volumes.*.tmpfs.size "
            "blkio_config.device_read_bps.*.rate blkio_config.device_write_bps.*.rate "
            "blkio_config.device_read_iops.*.rate blkio_config.device_write_iops.*.rate"
        ).split(),
        _size,
    ),
    **dict.fromkeys("environment build.args".split(), _mapping(None)),
    **dict.fromkeys(
        (
            "labels annotations sysctls storage_opt logging.options build.labels build.additional_contexts "
            "deploy.labels networks.*.driver_opts volumes.*.volume.labels "
            "deploy.resources.reservations.devices.*.options"
        ).split(),
        _mapping(""),
    ),
    **dict.fromkeys("command entrypoint".split(), _command),
    **dict.fromkeys("extra_hosts build.extra_hosts".split(), _hosts),
    **dict.fromkeys("expose group_add tmpfs dns_search".split(), _texts),
    **dict.fromkeys(
        "deploy.resources.limits.cpus deploy.resources.reservations.cpus cpus cpu_percent".split(), _number
    ),
    **dict.fromkeys("ports.*.published hostname container_name user".split(), _text),
    **dict.fromkeys("ports.*.target ulimits.* build.ulimits.* oom_score_adj".split(), _integer),
    **dict.fromkeys(
        "deploy.resources.limits.pids pids_limit healthcheck.retries cpu_shares cpu_period cpu_quota".split(), _integer
    ),
    **dict.fromkeys("secrets.*.mode configs.*.mode build.secrets.*.mode".split(), _mode),
    **dict.fromkeys("deploy.resources.reservations.devices.*.count gpus.*.count".split(), _count),
    "healthcheck.test": _test,
    "volumes.*.tmpfs.mode": _bits,
    "develop.watch.*.exec.command": _command,
    **dict.fromkeys("post_start.*.command pre_stop.*.command pre_start.*.command".split(), _command),
    **dict.fromkeys(
        (
            "post_start.*.environment pre_stop.*.environment pre_start.*.environment develop.watch.*.exec.environment"
        ).split(),
        _mapping(None),
    ),
}
_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    **{f"services.*.{name}": convert for name, convert in _SERVICE.items()},
    **{
        f"{section}.*.{name}": _mapping("")
        for section in ("networks", "volumes", "secrets", "configs")
        for name in ("labels", "driver_opts")
    },
    "networks.*.ipam.options": _mapping(""),
}

# Where a false, a 0 or an emptiness says something.
_KEPT = Rules(
    {
        **{
            f"services.*.{name}": True
            for name in (
                "attach build command entrypoint environment.* labels.* annotations.* deploy healthcheck "
                "healthcheck.retries init logging networks networks.* scale deploy.replicas deploy.labels.* "
                "deploy.resources deploy.resources.limits deploy.resources.reservations volumes.*.bind "
                "volumes.*.volume volumes.*.tmpfs volumes.*.image develop depends_on.*.required env_file.*.required "
                "build.args.* build.labels.* build.additional_contexts.* build.ssh.* ulimits.* ulimits.*.soft "
                "ulimits.*.hard sysctls.* logging.options.* storage_opt.* stop_grace_period "
                "healthcheck.interval healthcheck.timeout healthcheck.start_period healthcheck.start_interval "
                "blkio_config deploy.restart_policy deploy.restart_policy.max_attempts deploy.update_config "
                "deploy.update_config.parallelism deploy.rollback_config deploy.rollback_config.parallelism "
                "deploy.placement volumes.*.bind.create_host_path networks.*.use_service_name_alias models.* "
                "develop.watch.*.exec.environment.* post_start.*.environment.* pre_stop.*.environment.*"
            ).split()
        },
        **{
            f"{section}.*{rest}": True
            for section in ("networks", "volumes", "secrets", "configs", "services")
            for rest in ("", ".labels.*", ".driver_opts.*")
        },
        "networks.*.ipam": True,
        "networks.*.enable_ipv4": True,
        "networks.*.enable_ipv6": True,
    }
)


def _without_nothing(value: Any, rules: Rules | None, path: Path) -> Any:
    if isinstance(value, dict):
        result = {}
        for key, each in value.items():
            below = rules.down(key) if rules else None
            if isinstance(key, str) and key.startswith("x-"):
                result[key] = each
                continue
            new = _without_nothing(each, below, (*path, key))
            if new is None and key in {"command", "entrypoint"}:
                continue
            if _says_something(new) or (below is not None and below.rule):
                result[key] = new
        return result
    if isinstance(value, list):
        return [_without_nothing(each, rules.down(i) if rules else None, (*path, i)) for i, each in enumerate(value)]
    return value


def _says_something(value: Any) -> bool:
    return value is not None and value is not False and value not in ("", 0, [], {})
