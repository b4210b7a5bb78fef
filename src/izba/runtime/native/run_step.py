"""One command in a container from start to end, from a process that has threads: a build's RUN."""

from __future__ import annotations

import gc
import os

from izba import log
from izba.linux import process
from izba.runtime.failures import InitFailed
from izba.runtime.native import channel as messages
from izba.runtime.native import create as creation
from izba.runtime.native.channel import Channel, Ended

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from izba.cgroups.manager import CgroupManager
    from izba.linux.mount import Mount
    from izba.oci.runtimespec import Spec
    from izba.runtime.launch import Stdio
    from izba.runtime.native.init import InitPlan


def run(
    spec: Spec,
    *,
    id: str,
    bundle: str,
    rootfs: Sequence[Mount] = (),
    stdio: Stdio,
    run_directory: str,
    cgroup: CgroupManager | None = None,
    started: Callable[[int], None] | None = None,
) -> int:
    """Run the container of `spec` and give its command's exit code; raises what `create` and `start` raise.

    May be called from several threads at once: a child with a single thread makes the container and awaits it.
    `started` is given the pidfd of the container's init (its closing is not the caller's business), through which it
    can be killed. When this thread ends, the container does. A terminal is not supported here.
    """
    plan = creation.plan_init(
        spec, id=id, bundle=bundle, rootfs=rootfs, run_directory=run_directory, die_with_parent=True
    )
    ours, theirs = Channel.pair()
    child = os.fork()
    if child == 0:
        _run_in_child(theirs, plan, spec, stdio, cgroup)
    theirs.close()
    try:
        ours.expect(messages.Created)
        if started is not None and ours.received_fd is not None:
            started(ours.received_fd)
        return ours.expect(messages.Exited).code
    except Ended:
        raise InitFailed("run", syscall="", path="", errno=0, reason="its process was killed") from None
    finally:
        ours.close()
        process.reap(child)


def _run_in_child(channel: Channel, plan: InitPlan, spec: Spec, stdio: Stdio, cgroup: CgroupManager | None) -> NoReturn:
    """Only this thread is left here, and what others held stays held: locks of modules that they were importing, of
    streams that they wrote to, of databases. So nothing is imported here, nothing logged, and nothing of the parent's
    is finalized by a collection of garbage.
    """
    try:
        gc.disable()
        log.divert(lambda text: channel.send(messages.Warning(text=text)))
        os.setsid()  # Ctrl-C is for the build, which ends its steps itself
        process.set_parent_death_signal(9)
        created = creation.create_planned(plan, spec, stdio=stdio, cgroup=cgroup)
        creation.start(created)
        channel.send(messages.Created(), fd=created.pidfd)
        channel.send(messages.Exited(code=process.wait(created.pid)))
    except Ended:  # the caller died
        pass
    except BaseException as error:  # the last frame of this process
        channel.send(messages.failed("run", error))
    finally:
        os._exit(0)
