"""The seccomp filters of a container, compiled, and kept from one container to the next."""

from __future__ import annotations

import os

from izba import jsonio
from izba._record import Record
from izba.errors import InvalidArgument
from izba.linux import seccomp
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.oci.runtimespec import LinuxSeccomp, Spec


class Filter(Record):
    program: bytes
    flags: int


VERSION = 1
"""Of the compiler; counts up when it gives another program for the same profile."""


def of(spec: Spec, directory: str) -> tuple[Filter, ...]:
    """The spec's filter and, last so that it has the last word, the one that fakes ownership."""
    from izba.runtime.native.plan import fakes_ownership

    filters = []
    profile = spec.get("linux", {}).get("seccomp")
    if profile is not None:
        filters.append(Filter(program=_compiled(profile, directory), flags=_flags(profile)))
    if fakes_ownership(spec):
        from izba.runtime.native.fakeownership import PROFILE

        filters.append(Filter(program=_compiled(PROFILE, directory), flags=_flags(PROFILE)))
    return tuple(filters)


def _compiled(profile: LinuxSeccomp, directory: str) -> bytes:
    """The program for a profile: from `directory` if it was compiled before."""
    machine = os.uname().machine
    key = Digest.of(f"{VERSION} {machine} {jsonio.dumps(profile)}".encode())
    path = f"{directory}/seccomp-{key.hex[:32]}.bpf"
    program = _read(path)
    if program is None:
        from izba.linux.seccompcompiler import compile  # noqa: A004 - only where a profile is new

        program = compile(profile, machine)
        _keep(path, program)
    return program


def _read(path: str) -> bytes | None:
    """The file, if it is this user's own and nobody else can write it."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        status = os.fstat(fd)
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            return None
        return os.read(fd, 1 << 20) or None
    finally:
        os.close(fd)


def _keep(path: str, program: bytes) -> None:
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        jsonio.write_bytes(path, program, mode=0o600, durable=False)
    except OSError:  # it will be compiled again
        pass


def _flags(profile: LinuxSeccomp) -> int:
    # As runc does where the profile says nothing: without it every process under a filter runs with slow branches.
    names = profile.get("flags", ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"])
    for name in names:
        if name not in seccomp.FILTER_FLAGS:
            raise InvalidArgument(f"seccomp: the flag {name} is not supported")
    return sum(seccomp.FILTER_FLAGS[name] for name in set(names))
