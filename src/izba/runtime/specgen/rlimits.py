"""`--ulimit`, and the limits a container has without it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.oci.runtimespec import Rlimit
    from izba.runtime.specgen.request import HostFacts, Ulimit

_UNLIMITED = (1 << 64) - 1
_FILES = 1 << 20
"""Docker's service runs with LimitNOFILE=1048576, and so do its containers; a shell's 1024 is too few for servers."""


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
