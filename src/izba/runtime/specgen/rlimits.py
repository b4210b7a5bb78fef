"""`--ulimit`, and the limits a container has without it."""

from __future__ import annotations

from izba.errors import InvalidArgument
from izba.runtime.specgen.request import Ulimit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.oci.runtimespec import Rlimit
    from izba.runtime.specgen.request import HostFacts

NAMES = ("as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack").split()

_UNLIMITED = (1 << 64) - 1
_FILES = 1 << 20
"""Docker's service runs with LimitNOFILE=1048576, and so do its containers; a shell's 1024 is too few for servers."""


def parse(text: str) -> Ulimit:
    """`nofile=1024`, `nofile=1024:2048`, `core=-1`. Raises `InvalidArgument`."""
    name, equals, limits = text.partition("=")
    if not equals:
        raise InvalidArgument(f"invalid ulimit argument: {text}", hint="write --ulimit NAME=SOFT[:HARD]")
    if name not in NAMES:
        from izba.nearest import nearest

        near = nearest(name, NAMES)
        raise InvalidArgument(f"invalid ulimit type: {name}", hint=f"did you mean {near}?" if near else None)
    soft, colon, hard = limits.partition(":")
    try:
        first = int(soft)
        second = int(hard) if colon else first
    except ValueError:
        raise InvalidArgument(f"invalid ulimit argument: {text}", hint="a limit is a number, or -1") from None
    if first < -1 or second < -1:
        raise InvalidArgument(f"invalid ulimit argument: {text}", hint="a limit is a number, or -1")
    if second != -1 and (first == -1 or first > second):
        raise InvalidArgument(f"ulimit soft limit must be less than or equal to hard limit: {first} > {second}")
    return Ulimit(name=name, soft=first, hard=second)


def rlimits(ulimits: tuple[Ulimit, ...], host: HostFacts) -> list[Rlimit]:
    """The limits a process gets: those asked for, and the host's own for files and processes, raised to its hard limit.

    Without CAP_SYS_RESOURCE no limit can exceed the host's hard one: it is cut to that, and `unreachable` tells.
    """
    wanted = {limit.name: (_number(limit.soft), _number(limit.hard)) for limit in ulimits}
    if "nofile" not in wanted and (hard := _hard("nofile", host)) is not None:
        wanted["nofile"] = (min(hard, _FILES), min(hard, _FILES))
    if "nproc" not in wanted and (hard := _hard("nproc", host)) is not None:
        wanted["nproc"] = (hard, hard)
    cut = {} if _may_exceed(host) else {limit.name: _number(limit.hard) for limit in host.rlimits}
    return [
        {
            "type": f"RLIMIT_{name.upper()}",
            "hard": min(hard, cut.get(name, hard)),
            "soft": min(soft, cut.get(name, soft)),
        }
        for name, (soft, hard) in wanted.items()
    ]


def unreachable(ulimits: tuple[Ulimit, ...], host: HostFacts) -> list[str]:
    """Warnings for limits that are asked for and cannot be given."""
    if _may_exceed(host):
        return []
    return [
        f"ulimit {limit.name}: {limit.hard} is more than izba may give, its own hard limit is {hard}"
        for limit in ulimits
        if (hard := _hard(limit.name, host)) is not None and _number(limit.hard) > hard
    ]


def _may_exceed(host: HostFacts) -> bool:
    # Inside a user namespace the capability is there, but the kernel asks for it in the initial one.
    return not host.rootless and "CAP_SYS_RESOURCE" in host.capabilities


def _hard(name: str, host: HostFacts) -> int | None:
    return next((_number(limit.hard) for limit in host.rlimits if limit.name == name), None)


def _number(limit: int) -> int:
    return _UNLIMITED if limit == -1 else limit
