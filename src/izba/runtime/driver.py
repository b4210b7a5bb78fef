"""Runtimes: what makes processes out of a spec. izba's own in process; crun and runc by their command lines."""

from __future__ import annotations

from izba.errors import InvalidArgument
from izba.runtime.launch import Launched, Stdio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from izba.cgroups.manager import CgroupManager
    from izba.linux.mount import Mount
    from izba.oci.runtimespec import Process, Spec


if TYPE_CHECKING:

    class Runtime(Protocol):
        """create → start → (exec …) → the process ends → delete.

        `create` leaves the container's init waiting; if it raises, nothing is left. `start` lets the init execute the
        command and raises if that fails. `delete` may be called at any time after, also twice, and removes what the
        runtime itself keeps (the built-in one keeps nothing).
        """

        name: str

        def create(
            self,
            spec: Spec,
            *,
            id: str,
            bundle: str,
            rootfs: Sequence[Mount] = (),
            stdio: Stdio,
            run_directory: str,
            cgroup: CgroupManager | None = None,
        ) -> Launched: ...

        def start(self, created: Launched) -> None: ...

        def exec(
            self,
            spec: Spec,
            process: Process,
            *,
            id: str,
            pid: int,
            start_time: int,
            stdio: Stdio,
            run_directory: str,
            cgroup: CgroupManager | None = None,
        ) -> Launched: ...

        def delete(self, id: str, *, bundle: str, run_directory: str) -> None: ...


def runtime(name: str = "native") -> Runtime:
    """The runtime of that name: `native`, `crun`, `runc`, or the path of a program that has their command line."""
    if name in {"", "native", "izba"}:
        from izba.runtime.native.driver import Native

        return Native()
    from izba.runtime.external import External, find_program

    program = find_program(name)
    if program is None:
        raise InvalidArgument(f"unknown or invalid runtime name: {name}", hint="install it, or leave --runtime out")
    return External(program)
