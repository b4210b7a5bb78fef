"""RUN: a command in a container on the tree, whose changes become a layer."""

from __future__ import annotations

from izba import jsonio
from izba._record import Record
from izba.build.graph import CacheMap, Selector, Tree
from izba.errors import InvalidArgument
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal

    from izba.build.change import Change
    from izba.build.graph import Result
    from izba.build.progress import RunningStep
    from izba.build.stepmounts import StepMounts
    from izba.build.stubs import InPlace
    from izba.build.worker import Worker
    from izba.linux.mount import Mount
    from izba.oci.runtimespec import Spec
    from izba.runtime.specgen.request import MountRequest, Ulimit


class StepMount(Record):
    """One `--mount`. `input` is which of the inputs it shows; `id` names a cache or a secret."""

    kind: Literal["bind", "cache", "tmpfs", "secret"]
    target: str
    input: int | None = None
    source: str = "/"
    read_only: bool = False
    id: str = ""
    sharing: str = "shared"
    required: bool = False
    env: str = ""
    size: int | None = None
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None


class CommandFailed(InvalidArgument):
    """A command ended with another status than 0; `tail` is the last that it said."""

    def __init__(self, arguments: Sequence[str], status: int, tail: bytes) -> None:
        command = " ".join(arguments)
        super().__init__(f'process "{command}" did not complete successfully: exit code: {status}')
        self.arguments = tuple(arguments)
        self.status = status
        self.tail = tail


class ExecOp(Record):
    """Runs `arguments` on the tree `inputs[0]`.

    `script` is the content of the file that the command is. `proxy` reaches the command and counts for nothing else.
    """

    arguments: tuple[str, ...]
    environment: tuple[str, ...]
    directory: str
    user: str
    network: str
    mounts: tuple[StepMount, ...] = ()
    script: str | None = None
    hosts: tuple[tuple[str, str], ...] = ()
    shm_size: int | None = None
    ulimits: tuple[Ulimit, ...] = ()
    epoch: int
    proxy: tuple[tuple[str, str], ...] = ()

    @property
    def definition(self) -> dict[str, Any]:
        return {
            "op": "exec",
            "arguments": self.arguments,
            "environment": self.environment,
            "directory": self.directory,
            "user": self.user,
            "network": self.network,
            "mounts": [[getattr(mount, field) for field in StepMount.__fields__] for mount in self.mounts],
            "script": self.script,
            "hosts": self.hosts,
            "shm_size": self.shm_size,
            "ulimits": [[limit.name, limit.soft, limit.hard] for limit in self.ulimits],
            "epoch": self.epoch,
        }

    def cache_map(self) -> CacheMap:
        selectors: list[Selector | None] = [None]
        for mount in self.mounts:
            if mount.input is not None:
                # A cache's content is nobody's business; what a bind mount shows is.
                counts = mount.kind == "bind"
                selectors.append(Selector(sources=(mount.source,)) if counts else None)
        return CacheMap(digest=Digest.of(jsonio.dumps(self.definition).encode()), selectors=tuple(selectors))

    def exec(self, worker: Worker, inputs: Sequence[Result], step: RunningStep, /) -> Tree:
        from contextlib import ExitStack

        from izba.build.stepmounts import StepMounts  # what a build with everything cached does without

        base = inputs[0]
        assert isinstance(base, Tree)
        with ExitStack() as stack:
            mounts = StepMounts(worker, inputs, stack)
            for mount in self.mounts:
                mounts.add(mount)
            change = stack.enter_context(worker.change(base))
            spec = self._spec(worker, base, mounts, change.key)
            rootfs, in_place = _with_mount_points(worker, change, base, spec, self.epoch)
            status, tail = worker.run(spec, rootfs, step)
            if status != 0:
                raise CommandFailed(self.arguments, status, tail)
            if in_place is not None:
                in_place.remove()
            change.clamp_times(self.epoch)
            return change.commit()

    def _spec(self, worker: Worker, base: Tree, mounts: StepMounts, id: str) -> Spec:
        """The container, as `izba run` would have it, with the network and the trust of the host."""
        from izba.build.network import network_files
        from izba.hosttrust import TARGET, lend
        from izba.runtime.specgen.generate import generate
        from izba.runtime.specgen.request import MountRequest, SpecRequest
        from izba.runtime.specgen.user import resolve_user

        host = worker.settings.host()
        root = worker.root_view(base)
        has_network = self.network != "none"
        trust = lend(
            worker.settings.environ,
            f"{worker.store.roots.data}/build/trust",
            root,
            trust=worker.settings.host_trust,
            single_id=host.single_id,
        )
        lent: list[MountRequest] = []
        if trust.source:
            lent.append(MountRequest(type="bind", target=TARGET, source=trust.source, read_only=True))
        if self.script is not None:
            path = mounts.file("script", self.script.encode("utf-8", "surrogateescape"), mode=0o755)
            lent.append(MountRequest(type="bind", target=self.arguments[0], source=path, read_only=True))
        request = SpecRequest(
            id=id,
            args=self.arguments,
            env=(*self.environment, *mounts.environment),
            defaults_env=(*trust.env, *(f"{key}={value}" for key, value in self.proxy), *self._epoch_variable()),
            cwd=self.directory,
            user=resolve_user(self.user, root),
            network="host" if has_network else "none",
            mounts=tuple(mounts.requests),
            network_files=network_files(mounts, self.hosts, has_network=has_network),
            engine_mounts=tuple(lent),
            ulimits=self.ulimits,
            shm_size=self.shm_size,
        )
        return generate(request, None, host)

    def _epoch_variable(self) -> tuple[str, ...]:
        # Python, man-db and others then write what does not depend on the time.
        return (f"SOURCE_DATE_EPOCH={self.epoch}",)


def _with_mount_points(
    worker: Worker, change: Change, base: Tree, spec: Spec, epoch: int
) -> tuple[tuple[Mount, ...], InPlace | None]:
    """The root's mounts, with mount points for all that the spec mounts."""
    from izba.build.stepmounts import is_directory
    from izba.build.stubs import InPlace, MountPoint, make_stubs

    points = [
        MountPoint(target=each["destination"], is_directory=each.get("type") != "bind" or is_directory(each["source"]))
        for each in spec["mounts"]
    ]
    points.append(MountPoint(target=spec["process"]["cwd"], is_directory=True, is_mounted=False))
    if not change.is_overlay:
        return change.mounts, InPlace(change.upper, points, worker.ops, epoch)
    directory = worker.scratch_directory("stubs")
    below = worker.view(base) if base.layers else None
    if not make_stubs(directory, below, points, worker.ops, epoch):
        return change.mounts, None
    return (change.mount_on(directory),), None
