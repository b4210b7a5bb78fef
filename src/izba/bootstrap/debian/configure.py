"""Maintainer scripts run where they belong: in a container, without network, on the file system they configure."""

from __future__ import annotations

import os
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from izba.bootstrap.debian import scripts
from izba.bootstrap.errors import ConfigureFailed, Corrupt, ForeignArchitecture
from izba.runtime.failures import CommandNotExecutable, CommandNotFound
from izba.runtime.launch import Stdio
from izba.runtime.native.run_step import run
from izba.runtime.specgen.generate import generate
from izba.runtime.specgen.request import SpecRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from izba.bootstrap.workshop import Workshop


def configure(workshop: Workshop, key: str, script: str, *, epoch: int, what: str) -> None:
    """Run the shell `script` in a container on the active snapshot `key`. Raises `ConfigureFailed`."""
    if not workshop.can_run:
        raise ForeignArchitecture(workshop.architecture, what)
    request = SpecRequest(
        id=key,
        args=("/bin/sh", "-c", script),
        env=tuple(scripts.environment(epoch)),
        cwd="/",
        # Some scripts write the name of the machine into a file.
        hostname="localhost",
        network="none",
    )
    spec = generate(request, None, workshop.host)
    with _output() as (stdio, output), TemporaryDirectory(prefix="izba-bootstrap-") as directory:
        os.mkdir(f"{directory}/rootfs")  # the snapshot is mounted there, in the container's own mount namespace
        try:
            code = run(
                spec,
                id=key,
                bundle=directory,
                rootfs=workshop.store.snapshots.mounts(key),
                stdio=stdio,
                run_directory=f"{workshop.store.roots.run}/runtime",
            )
        except (CommandNotFound, CommandNotExecutable) as error:
            raise Corrupt(what, "its packages bring no shell that runs") from error
        if code != 0:
            raise ConfigureFailed(f"configuring the packages of {what}", code, output())


@contextmanager
def _output() -> Iterator[tuple[Stdio, Callable[[], str]]]:
    """Nothing to read, and memory to write to."""
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    said = os.memfd_create("izba-bootstrap", os.MFD_CLOEXEC)

    def read() -> str:
        return os.pread(said, os.fstat(said).st_size, 0).decode("utf-8", "replace")

    try:
        yield Stdio(stdin=null, stdout=said, stderr=said), read
    finally:
        os.close(null)
        os.close(said)
