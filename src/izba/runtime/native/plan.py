"""What a container's init has to do, computed by the creator from the spec before anything is made."""

from __future__ import annotations

from izba._record import Record
from izba.errors import InvalidArgument
from izba.linux import flags as f
from izba.linux import namespaces
from izba.linux.idmaps import IdMap, IdMapPlan
from izba.runtime.native import trampoline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.oci.runtimespec import LinuxIDMapping, Process, Spec
    from izba.runtime.native.seccompfilters import Filter

FAKE_OWNERSHIP = "izba.fake-ownership"
"""Annotation: with a single id, changes of owner and identity are answered with success (docs/decisions, rootless
files).
"""

REAPER = "izba.init"
"""Annotation: process 1 is a program that forwards signals and reaps, and the command its child (`--init`)."""


class NamespacePlan(Record):
    """New ones by clone, and joined ones as (type, path)."""

    new: int
    joined: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, spec: Spec) -> NamespacePlan:
        new, joined = 0, []
        for each in spec.get("linux", {}).get("namespaces", ()):
            kind = each["type"]
            if kind not in namespaces.FLAGS:
                raise InvalidArgument(f"linux.namespaces: unknown type {kind!r}")
            if path := each.get("path"):
                joined.append((kind, path))
            elif new & namespaces.FLAGS[kind]:
                raise InvalidArgument(f"linux.namespaces: {kind} is named twice")
            else:
                new |= namespaces.FLAGS[kind]
        if not new & f.CLONE_NEWNS and not any(kind == "mount" for kind, _ in joined):
            raise InvalidArgument("linux.namespaces: a container needs a mount namespace of its own")
        if new & f.CLONE_NEWTIME:
            raise InvalidArgument("linux.namespaces: time namespaces are not supported")
        return cls(new=new, joined=tuple(joined))

    @property
    def before_clone(self) -> tuple[str, ...]:
        """Types that are joined before: user and pid hold for children, and a new user namespace has no right to join
        what belongs to the one above it.
        """
        return ("user", "pid", "network", "ipc", "uts") if self.new & f.CLONE_NEWUSER else ("user", "pid")

    def joins(self, *kinds: str) -> tuple[tuple[str, str], ...]:
        """The joined ones of these types."""
        return tuple((kind, path) for kind, path in self.joined if kind in kinds)


def id_maps(spec: Spec) -> IdMapPlan:
    """The maps of a new user namespace."""
    linux = spec.get("linux", {})
    uids, gids = linux.get("uidMappings", []), linux.get("gidMappings", [])
    if not uids or not gids:
        raise InvalidArgument("linux.uidMappings: a new user namespace needs uid and gid mappings")
    return IdMapPlan(uids=_id_maps(uids), gids=_id_maps(gids), helpers=False)


def _id_maps(mappings: list[LinuxIDMapping]) -> tuple[IdMap, ...]:
    return tuple(IdMap(inside=each["containerID"], outside=each["hostID"], size=each["size"]) for each in mappings)


class CommandPlan(Record):
    """The part that a container's own command and one executed later in it have in common."""

    process: Process
    filters: tuple[Filter, ...]
    fake_ownership: bool
    profile: str
    """Of AppArmor; empty where this kernel has none."""
    die_with_parent: bool = False
    reaper: bool = False
    """Process 1 stays a program that forwards signals and reaps."""

    @classmethod
    def of(cls, spec: Spec, process: Process, filters: tuple[Filter, ...]) -> CommandPlan:
        if not process.get("args"):
            raise InvalidArgument("no command specified")
        profile = process.get("apparmorProfile", "")
        return cls(
            process=process,
            filters=filters,
            fake_ownership=fakes_ownership(spec),
            profile=profile if profile and _has_apparmor() else "",
        )

    @property
    def args(self) -> list[str]:
        """Never empty."""
        return self.process["args"]

    @property
    def env(self) -> list[str]:
        return self.process.get("env", [])

    @property
    def terminal(self) -> bool:
        return self.process.get("terminal", False)


def _has_apparmor() -> bool:
    try:
        with open("/sys/module/apparmor/parameters/enabled", "rb") as file:
            return file.read(1) == b"Y"
    except OSError:
        return False


def fakes_ownership(spec: Spec) -> bool:
    return spec.get("annotations", {}).get(FAKE_OWNERSHIP) == "true"


def wants_reaper(spec: Spec) -> bool:
    """Raises `InvalidArgument` where there is none for this machine."""
    if spec.get("annotations", {}).get(REAPER) != "true":
        return False
    if not trampoline.is_supported():
        raise InvalidArgument("init: there is none for this machine's architecture", hint="leave --init out")
    return True
