"""izba's own runtime as a `Runtime`."""

from __future__ import annotations

from izba.runtime.native import create, execin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.cgroups.manager import CgroupManager
    from izba.linux.mount import Mount
    from izba.oci.runtimespec import Process, Spec
    from izba.runtime.launch import Launched, Stdio


class Native:
    """Keeps nothing of its own: a container is its processes."""

    name = "native"

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
    ) -> Launched:
        return create.create(
            spec, id=id, bundle=bundle, rootfs=rootfs, stdio=stdio, run_directory=run_directory, cgroup=cgroup
        )

    def start(self, created: Launched) -> None:
        create.start(created)

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
    ) -> Launched:
        del id
        return execin.exec_in(
            spec, process, pid=pid, start_time=start_time, stdio=stdio, run_directory=run_directory, cgroup=cgroup
        )

    def delete(self, id: str, *, bundle: str, run_directory: str) -> None:
        del id, bundle, run_directory
