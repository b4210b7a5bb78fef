"""Who the command runs as: user, groups, capabilities, no_new_privs, resource limits, umask (config.md, Process)."""

from __future__ import annotations

import os

from izba._record import Record
from izba.errors import InvalidArgument
from izba.linux import caps, idmaps, limits
from izba.linux import flags as f
from izba.linux.process import prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.linux.caps import CapabilitySets
    from izba.linux.idmaps import IdMap
    from izba.oci.runtimespec import Process, Rlimit


class Identity(Record):
    """All of it as values, computed by the creator."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    umask: int
    capabilities: CapabilitySets
    no_new_privileges: bool

    @classmethod
    def of(cls, process: Process) -> Identity:
        user = process.get("user", {})
        return cls(
            uid=user.get("uid", 0),
            gid=user.get("gid", 0),
            groups=tuple(user.get("additionalGids", ())),
            umask=user.get("umask", 0o022),
            capabilities=_capability_sets(process),
            no_new_privileges=process.get("noNewPrivileges", False),
        )


def _capability_sets(process: Process) -> CapabilitySets:
    """The five sets; none where the spec says nothing about capabilities, as runc and crun have it."""
    named = process.get("capabilities", {})
    return caps.CapabilitySets(
        bounding=caps.mask(named.get("bounding", ())),
        effective=caps.mask(named.get("effective", ())),
        permitted=caps.mask(named.get("permitted", ())),
        inheritable=caps.mask(named.get("inheritable", ())),
        ambient=caps.mask(named.get("ambient", ())),
    )


class UserNamespace(Record):
    """What a user namespace allows: the ids that exist in it, and whether setgroups(2) is open."""

    uids: tuple[IdMap, ...]
    gids: tuple[IdMap, ...]
    can_set_groups: bool

    @classmethod
    def of(cls, pid: int | str) -> UserNamespace:
        """The one of process `pid`, read from this process's /proc: do it before that is the container's."""
        return cls(
            uids=tuple(idmaps.read(f"/proc/{pid}/uid_map")),
            gids=tuple(idmaps.read(f"/proc/{pid}/gid_map")),
            can_set_groups=_can_set_groups(pid),
        )


def _can_set_groups(pid: int | str) -> bool:
    """A user namespace with a single id has given setgroups(2) up."""
    try:
        with open(f"/proc/{pid}/setgroups", "rb") as file:
            return file.read().strip() != b"deny"
    except FileNotFoundError:  # a kernel without user namespaces
        return True


def become_root() -> None:
    """Root of this user namespace; where it has none, its one user, who has all capabilities in it as well."""
    if os.getuid() == 0 and os.getgid() == 0:
        return
    for kind, change in (("gid", os.setresgid), ("uid", os.setresuid)):
        with open(f"/proc/self/{kind}_map", "rb") as file:
            if any(line.split()[0] == b"0" for line in file):
                change(0, 0, 0)


def within(identity: Identity, namespace: UserNamespace, *, fake_ownership: bool) -> Identity:
    """The identity that can be had here.

    With a single id and `fake_ownership` everybody is root; otherwise an id that does not exist here is refused.
    Capabilities that this process itself lacks are left out, as runc and crun do. Raises `InvalidArgument`.
    """
    if fake_ownership:
        identity = identity.replace(
            uid=identity.uid if idmaps.maps(identity.uid, namespace.uids) else 0,
            gid=identity.gid if idmaps.maps(identity.gid, namespace.gids) else 0,
            groups=tuple(gid for gid in identity.groups if idmaps.maps(gid, namespace.gids)),
        )
    if not idmaps.maps(identity.uid, namespace.uids):
        raise InvalidArgument(f"user {identity.uid} does not exist in this user namespace")
    for gid in (identity.gid, *identity.groups):
        if not idmaps.maps(gid, namespace.gids):
            raise InvalidArgument(f"group {gid} does not exist in this user namespace")
    sets = identity.capabilities
    available = caps.permitted()
    return identity.replace(
        capabilities=sets.replace(
            effective=sets.effective & sets.permitted & available,
            permitted=sets.permitted & available,
            inheritable=sets.inheritable & available,
            ambient=sets.ambient & sets.permitted & sets.inheritable & available,
        )
    )


def assume(identity: Identity, *, can_set_groups: bool) -> None:
    """Become it, for good: bounding set first (it needs a capability), then ids, then the other sets."""
    caps.drop_bounding(identity.capabilities.bounding)
    caps.keep_across_setuid()
    if can_set_groups:
        os.setgroups(identity.groups)
    os.setresgid(identity.gid, identity.gid, identity.gid)
    os.setresuid(identity.uid, identity.uid, identity.uid)
    caps.set_process(identity.capabilities)
    os.umask(identity.umask)


def forbid_new_privileges() -> None:
    """Nothing this process executes can gain privileges, setuid or not (no_new_privs)."""
    prctl(f.PR_SET_NO_NEW_PRIVS, 1, name="prctl(PR_SET_NO_NEW_PRIVS)")


class FileAccessAs:
    """For the time of a `with`, files are accessed as the container's user would; the way back stays open."""

    def __init__(self, identity: Identity, *, can_set_groups: bool) -> None:
        self.identity = identity
        self.can_set_groups = can_set_groups
        self._before = (0, 0)

    def __enter__(self) -> None:
        self._before = os.geteuid(), os.getegid()  # root's, where there is one
        if self.can_set_groups:
            os.setgroups(self.identity.groups)
        os.setegid(self.identity.gid)
        os.seteuid(self.identity.uid)

    def __exit__(self, *_: object) -> None:
        os.seteuid(self._before[0])
        os.setegid(self._before[1])


def set_limits(wanted: list[Rlimit]) -> list[str]:
    """Set resource limits. What may not be raised so far is raised as far as it may; gives a warning for each such."""
    warnings = []
    for limit in wanted:
        name, soft, hard = limit["type"], limit["soft"] & limits.INFINITY, limit["hard"] & limits.INFINITY
        try:
            limits.set(name, soft, hard)
        except PermissionError:
            highest = limits.get(name)[1]
            limits.set(name, min(soft, highest), min(hard, highest))
            warnings.append(f"{name} {limit['hard']} is above the hard limit {highest} and stays at that")
    return warnings
