"""Phase 3: variables in every value (keys have none), and the type that a value at its place has to have.

`replicas: ${N:-2}` is text until its variable is known; the table says where such a text becomes a number or a boolean.
"""

from __future__ import annotations

from izba.compose.template import TemplateError, substitute
from izba.compose.treepath import Rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from izba.compose.load.source import Source
    from izba.compose.template import Lookup, Missing
    from izba.compose.treepath import Path


def interpolate(tree: dict[str, Any], source: Source, lookup: Lookup, missing: Missing) -> dict[str, Any]:
    """The tree with its variables replaced. Raises `ComposeFileError`."""
    result: dict[str, Any] = _Interpolation(source, lookup, missing).value(tree, _CASTS, ())
    return result


class _Interpolation:
    """One tree's."""

    def __init__(self, source: Source, lookup: Lookup, missing: Missing) -> None:
        self._source = source
        self._lookup = lookup
        self._missing = missing

    def value(self, value: Any, rules: Rules | None, path: Path) -> Any:
        if isinstance(value, dict):
            return {
                key: self.value(each, rules.down(key) if rules else None, (*path, key)) for key, each in value.items()
            }
        if isinstance(value, list):
            return [
                self.value(each, rules.down(index) if rules else None, (*path, index))
                for index, each in enumerate(value)
            ]
        if not isinstance(value, str):
            return value
        return self._text(value, rules.rule if rules else None, path)

    def _text(self, text: str, cast: Callable[[str], Any] | None, path: Path) -> Any:
        try:
            result = substitute(text, self._lookup, self._missing)
        except TemplateError as error:
            raise self._source.error(path, error.message, hint=error.hint) from error
        if cast is None:
            return result
        try:
            return cast(result)
        except ValueError:
            names: dict[Any, str] = {int: "a whole number", float: "a number"}
            wanted = names.get(cast, "true or false")
            raise self._source.error(path, f"must be {wanted}, not {result!r}") from None


def _boolean(text: str) -> bool:
    lower = text.lower()
    if lower in {"true", "y", "yes", "on"}:
        return True
    if lower in {"false", "n", "no", "off"}:
        return False
    raise ValueError(text)


_CASTS = Rules(
    {
        **{
            f"services.*.{name}": int
            for name in (
                "cpu_count cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares deploy.replicas "
                "deploy.update_config.parallelism deploy.rollback_config.parallelism "
                "deploy.restart_policy.max_attempts deploy.placement.max_replicas_per_node healthcheck.retries "
                "oom_score_adj pids_limit ports.*.target scale ulimits.* ulimits.*.hard ulimits.*.soft"
            ).split()
        },
        **{
            f"services.*.{name}": float
            for name in (
                "cpu_percent cpus deploy.update_config.max_failure_ratio deploy.rollback_config.max_failure_ratio"
            ).split()
        },
        **{
            f"services.*.{name}": _boolean
            for name in (
                "init depends_on.*.required depends_on.*.restart healthcheck.disable oom_kill_disable privileged "
                "read_only stdin_open tty volumes.*.read_only volumes.*.volume.nocopy"
            ).split()
        },
        **dict.fromkeys(
            "networks.*.external networks.*.internal networks.*.attachable networks.*.enable_ipv4 "
            "networks.*.enable_ipv6 volumes.*.external secrets.*.external configs.*.external".split(),
            _boolean,
        ),
    }
)
