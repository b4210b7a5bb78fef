"""`--security-opt` in Docker's words."""

from __future__ import annotations

from izba import errors
from izba._record import Record
from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_TRUE, _FALSE = ("1", "t", "T", "true", "TRUE", "True"), ("0", "f", "F", "false", "FALSE", "False")
_KEYS = ("apparmor", "label", "no-new-privileges", "seccomp", "systempaths")


class SecurityOptions(Record):
    """What all `--security-opt` together say; fields as in `SpecRequest`."""

    no_new_privileges: bool = False
    seccomp: str | None = None
    apparmor: str | None = None
    systempaths_unconfined: bool = False


def parse(options: Iterable[str], read: Callable[[str], str]) -> SecurityOptions:
    """The options' meaning; `read` returns the text of a profile's file. Raises `InvalidArgument`."""
    result = SecurityOptions()
    for option in options:
        result = _with(result, option, read)
    return result


def _with(options: SecurityOptions, option: str, read: Callable[[str], str]) -> SecurityOptions:
    key, equals, value = option.partition("=")
    if not equals:
        key, _, value = option.partition(":")  # the form of long ago, which Docker still takes
    if key == "no-new-privileges":
        if value and value not in (*_TRUE, *_FALSE):
            raise InvalidArgument(f'invalid --security-opt 2: "{option}"', hint="no-new-privileges is true or false")
        return options.replace(no_new_privileges=value not in _FALSE)
    if key not in _KEYS:
        from izba.nearest import nearest

        near = nearest(key, _KEYS)
        raise InvalidArgument(f'invalid --security-opt 2: "{option}"', hint=f"did you mean {near}?" if near else None)
    if not value:
        raise InvalidArgument(f'invalid --security-opt 1: "{option}"')
    if key == "seccomp":
        if value == "builtin":
            return options.replace(seccomp=None)
        return options.replace(seccomp=value if value == "unconfined" else _profile(value, read))
    if key == "apparmor":
        return options.replace(apparmor=value)
    if key == "systempaths":
        if value != "unconfined":
            raise InvalidArgument(f'invalid --security-opt 2: "{option}"', hint="systempaths can only be unconfined")
        return options.replace(systempaths_unconfined=True)
    if value == "disable":  # there is no label to disable
        return options
    raise errors.NotImplemented(
        f"--security-opt {option}: izba sets no SELinux labels", hint="leave the option out, or use label=disable"
    )


def _profile(value: str, read: Callable[[str], str]) -> str:
    if value.lstrip().startswith("{"):
        return value  # the text itself, as API clients and `inspect` have it
    try:
        return read(value)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InvalidArgument(f"opening seccomp profile ({value}) failed: {reason}") from None
