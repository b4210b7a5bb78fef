"""A seccomp profile from a file, in Docker's form or the OCI's: checked, and its conditions settled."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from izba import decode
from izba.errors import InvalidArgument
from izba.oci.runtimespec import LinuxSeccomp, LinuxSeccompArg, LinuxSyscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


class BadProfile(InvalidArgument):
    """A seccomp profile that contradicts itself."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"seccomp profile: {reason}")


class Condition(TypedDict, total=False):
    caps: list[str] | None
    arches: list[str] | None
    minKernel: str


class Call(TypedDict, total=False):
    name: str
    names: list[str] | None
    action: str
    errnoRet: int | None
    args: list[LinuxSeccompArg] | None
    includes: Condition | None
    excludes: Condition | None


class ArchitectureEntry(TypedDict):
    architecture: str
    subArchitectures: NotRequired[list[str] | None]


class Profile(TypedDict, total=False):
    defaultAction: str
    defaultErrnoRet: int | None
    architectures: list[str] | None
    archMap: list[ArchitectureEntry] | None
    flags: list[str] | None
    listenerPath: str
    listenerMetadata: str
    syscalls: list[Call] | None


# libseccomp's names of architectures in conditions, where they differ from the OCI's.
_NATIVE = {"386": "x86", "loong64": "loongarch64", "mips64le": "mipsel64"}


def parse(text: str) -> Profile:
    """The profile in a JSON text. Raises `DecodeError` that names the place."""
    return decode.document(text.encode(), Profile, what="seccomp profile")


def resolve(
    profile: Profile,
    capabilities: Collection[str],
    architecture: str,
    kernel: tuple[int, int],
    architectures: Sequence[str],
) -> LinuxSeccomp | None:
    """The profile as a spec has it; None if it asks for no filter. Raises `BadProfile`."""
    calls = profile.get("syscalls") or []
    if not profile.get("defaultAction") and not calls:
        return None
    _check(profile.get("defaultAction"), "defaultAction is missing")
    named, mapped = profile.get("architectures") or [], profile.get("archMap") or []
    _check(not (named and mapped), "both 'architectures' and 'archMap' are specified, use either of them")
    facts = (capabilities, _NATIVE.get(architecture, architecture), kernel)
    result: LinuxSeccomp = {
        "defaultAction": profile["defaultAction"],
        "architectures": named or _mapped(mapped, architectures),
        "syscalls": [_call(call) for call in calls if _applies(call, *facts)],
    }
    if (errno := profile.get("defaultErrnoRet")) is not None:
        result["defaultErrnoRet"] = errno
    if flags := profile.get("flags"):
        result["flags"] = flags
    return result


def _mapped(entries: list[ArchitectureEntry], architectures: Sequence[str]) -> list[str]:
    for entry in entries:
        if architectures and entry["architecture"] == architectures[0]:
            return [entry["architecture"], *(entry.get("subArchitectures") or ())]
    return []


def _call(call: Call) -> LinuxSyscall:
    name, names = call.get("name"), call.get("names") or []
    _check(not (name and names), "both 'name' and 'names' are specified, use either of them")
    _check(name or names, "a rule names no system call")
    _check(call.get("action"), f"the rule for {name or names[0]} has no action")
    result: LinuxSyscall = {"names": [name] if name else names, "action": call["action"]}
    if (errno := call.get("errnoRet")) is not None:
        result["errnoRet"] = errno
    if args := call.get("args"):
        result["args"] = args
    return result


def _applies(call: Call, capabilities: Collection[str], architecture: str, kernel: tuple[int, int]) -> bool:
    includes, excludes = call.get("includes") or {}, call.get("excludes") or {}
    if architecture in (excludes.get("arches") or ()) or any(c in capabilities for c in excludes.get("caps") or ()):
        return False
    if (oldest := excludes.get("minKernel")) and kernel >= _version(oldest):
        return False
    if (arches := includes.get("arches")) and architecture not in arches:
        return False
    if not all(capability in capabilities for capability in includes.get("caps") or ()):
        return False
    return not ((oldest := includes.get("minKernel")) and kernel < _version(oldest))


def _version(text: Any) -> tuple[int, int]:
    major, dot, minor = str(text).partition(".")
    _check(dot and major.isdecimal() and minor.isdecimal(), f"not a kernel version: {text!r}")
    return int(major), int(minor)


def _check(condition: object, reason: str) -> None:
    if not condition:
        raise BadProfile(reason)
