"""From a container's documents to what its spec is generated from. It reads the host, and decides nothing."""

from __future__ import annotations

import os

from izba.engine.containers import mounts
from izba.engine.containers.keepid import keep_id
from izba.engine.containers.networkfiles import NAMES, hostname_of, sharing
from izba.errors import InvalidArgument
from izba.runtime.specgen.request import DeviceRate, MountRequest, ResourceLimits, SpecRequest, Ulimit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from izba.engine.containers.documents import HostConfig, ThrottleDevice
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine
    from izba.runtime.specgen.request import DeviceNode
    from izba.runtime.specgen.rootview import RootView


def spec_request(engine: Engine, container: Container, root: RootView) -> SpecRequest:
    """The request. `root` is where names of users are looked up. Raises `InvalidArgument`."""
    from izba.runtime.specgen import security
    from izba.runtime.specgen.user import resolve_groups, resolve_user

    config, host = container.config, container.host_config
    options = security.parse(host.get("SecurityOpt") or (), _no_file)
    trust = _host_trust(engine, container, root)
    kept = keep_id(host.get("UsernsMode", ""), rootless=engine.roots.rootless)
    lender = sharing(container)
    return SpecRequest(
        id=container.id,
        args=container.command,
        env=tuple(config.get("Env") or ()),
        defaults_env=trust[0],
        cwd=config.get("WorkingDir") or None,
        user=resolve_user(config.get("User", ""), root),
        tty=config.get("Tty", False),
        hostname=config.get("Hostname") or (hostname_of(lender) if lender else None) or None,
        domainname=(lender or container).config.get("Domainname") or None,
        network=_namespace(engine, "net", host.get("NetworkMode", "host"), default="host"),
        pid=_namespace(engine, "pid", host.get("PidMode", ""), default="private"),
        ipc=_namespace(engine, "ipc", host.get("IpcMode", ""), default="private"),
        uts=_namespace(engine, "uts", host.get("UTSMode", ""), default="private"),
        cgroupns=host.get("CgroupnsMode", ""),
        mounts=mounts.requests(container.mounts),
        network_files=network_files(lender or container),
        engine_mounts=trust[1],
        read_only=host.get("ReadonlyRootfs", False),
        privileged=host.get("Privileged", False),
        cap_add=tuple(host.get("CapAdd") or ()),
        cap_drop=tuple(host.get("CapDrop") or ()),
        no_new_privileges=options.no_new_privileges,
        seccomp=options.seccomp,
        apparmor=options.apparmor,
        systempaths_unconfined=options.systempaths_unconfined,
        devices=_devices(host),
        device_cgroup_rules=tuple(host.get("DeviceCgroupRules") or ()),
        ulimits=tuple(
            Ulimit(name=each["Name"], soft=each["Soft"], hard=each["Hard"]) for each in host.get("Ulimits") or ()
        ),
        sysctls=tuple((host.get("Sysctls") or {}).items()),
        resources=limits(host),
        cgroup_parent=host.get("CgroupParent") or None,
        oom_score_adj=host.get("OomScoreAdj") or None,
        group_add=resolve_groups(host.get("GroupAdd") or (), root),
        init=host.get("Init", False),
        shm_size=host.get("ShmSize") or None,
        uid_map=kept.uid_map if kept else (),
        gid_map=kept.gid_map if kept else (),
        annotations=tuple((host.get("Annotations") or {}).items()),
    )


def limits(host: HostConfig) -> ResourceLimits:
    """The resource limits of a container; Docker's 0 is "not asked for"."""
    return ResourceLimits(
        memory=host.get("Memory") or None,
        memory_swap=host.get("MemorySwap") or None,
        memory_reservation=host.get("MemoryReservation") or None,
        memory_swappiness=host.get("MemorySwappiness"),
        oom_kill_disable=host.get("OomKillDisable", False),
        nano_cpus=host.get("NanoCpus") or None,
        cpu_shares=host.get("CpuShares") or None,
        cpu_period=host.get("CpuPeriod") or None,
        cpu_quota=host.get("CpuQuota") or None,
        cpuset_cpus=host.get("CpusetCpus") or None,
        cpuset_mems=host.get("CpusetMems") or None,
        pids_limit=host.get("PidsLimit") or None,
        blkio_weight=host.get("BlkioWeight") or None,
        blkio_weight_device=tuple(
            DeviceRate(path=each["Path"], rate=each["Weight"]) for each in host.get("BlkioWeightDevice") or ()
        ),
        device_read_bps=_rates(host.get("BlkioDeviceReadBps")),
        device_write_bps=_rates(host.get("BlkioDeviceWriteBps")),
        device_read_iops=_rates(host.get("BlkioDeviceReadIOps")),
        device_write_iops=_rates(host.get("BlkioDeviceWriteIOps")),
    )


def network_files(container: Container) -> tuple[MountRequest, ...]:
    """The binds of a container's, its own or those of whose network it has."""
    return tuple(
        MountRequest(type="bind", source=f"{container.directory}/{name}", target=f"/etc/{name}") for name in NAMES
    )


def _host_trust(
    engine: Engine, container: Container, root: RootView
) -> tuple[tuple[str, ...], tuple[MountRequest, ...]]:
    # Without a network there is nothing to trust; what a single uid needs is lent all the same.
    trust = container.kept["HostTrust"] and container.host_config.get("NetworkMode") != "none"
    if not trust and not engine.host.single_id:
        return (), ()
    from izba import hosttrust

    lent = hosttrust.lend(
        os.environ,
        f"{engine.roots.data}/hosttrust",
        root,
        host_network=container.host_config.get("NetworkMode", "host") == "host",
        trust=trust,
        single_id=engine.host.single_id,
    )
    if lent.source is None:
        return lent.env, ()
    mount = MountRequest(type="bind", source=lent.source, target=hosttrust.TARGET, read_only=True)
    return lent.env, (mount,)


def _namespace(engine: Engine, kind: str, mode: str, *, default: str) -> str:
    """A mode in the spec generator's words; `container:NAME` becomes the path of that one's namespace."""
    if mode.startswith("container:"):
        from izba.engine.containers import lifecycle, model

        other = model.require(engine, mode.removeprefix("container:"))
        return f"path:/proc/{lifecycle.require_running(other).pid}/ns/{kind}"
    if mode in {"", "default", "private", "shareable"} and kind != "ipc":
        return default
    if kind == "net" and mode not in {"none", "host"}:
        return "private"
    return mode or default


def _devices(host: HostConfig) -> tuple[DeviceNode, ...]:
    if not host.get("Devices"):
        return ()
    from izba.runtime.specgen.devices import find

    return tuple(
        node
        for each in host["Devices"]
        for node in find(f"{each['PathOnHost']}:{each['PathInContainer']}:{each['CgroupPermissions']}")
    )


def _rates(devices: Iterable[ThrottleDevice] | None) -> tuple[DeviceRate, ...]:
    return tuple(DeviceRate(path=each["Path"], rate=each["Rate"]) for each in devices or ())


def _no_file(_path: str) -> str:
    raise InvalidArgument("a seccomp profile is kept as its text, not as a path")
