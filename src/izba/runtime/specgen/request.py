"""What a spec is generated from: the wishes of one container, and the facts of its host.

`SpecRequest` holds what `izba run`'s flags (or a build step) ask, already read into values: nothing in it is a flag's
raw text. `HostFacts` holds what Docker's defaults depend on; `hostfacts.host_facts()` gathers it once per process.
"""

from __future__ import annotations

from izba._record import Record


class User(Record):
    """A process's ids, resolved in the image (see `user.resolve_user`); `additional_gids` includes the primary gid."""

    uid: int = 0
    gid: int = 0
    additional_gids: tuple[int, ...] = (0,)
    home: str = "/"


class MountRequest(Record):
    """A mount the user asked for, or the engine needs. Relative targets are an error of the caller.

    type          bind (volumes too: they are directories by now), tmpfs
    source        an absolute host path; for tmpfs unused
    propagation   rprivate (the default), private, rshared, shared, rslave, slave
    options       for tmpfs: size=…, mode=… and mount flags in the words of mount(8)
    subpath       of a volume: what of `source` is bound, found when it is mounted, without leaving it
    recursive     bind what is mounted below the source too, and make all of it read-only when `read_only`
    """

    type: str
    target: str
    source: str = ""
    read_only: bool = False
    propagation: str = "rprivate"
    options: tuple[str, ...] = ()
    recursive: bool = True
    subpath: str = ""


class DeviceNode(Record):
    """A device of the host that the container gets at `path`; `devices.find` makes these from `--device` texts."""

    source: str
    path: str
    type: str
    major: int
    minor: int
    mode: int = 0o666
    uid: int = 0
    gid: int = 0
    permissions: str = "rwm"


class Ulimit(Record):
    """`name` as in ulimit flags (`nofile`); -1 is unlimited."""

    name: str
    soft: int
    hard: int


class DeviceRate(Record):
    """A weight, or bytes or operations per second, of one block device."""

    path: str
    rate: int


class ResourceLimits(Record):
    """Limits in the units and with the meanings of Docker's HostConfig. `None` is "not asked for"."""

    memory: int | None = None
    memory_swap: int | None = None  # memory and swap together; -1 is unlimited
    memory_reservation: int | None = None
    memory_swappiness: int | None = None
    oom_kill_disable: bool = False
    nano_cpus: int | None = None  # --cpus, times 10^9
    cpu_shares: int | None = None
    cpu_period: int | None = None
    cpu_quota: int | None = None
    cpuset_cpus: str | None = None
    cpuset_mems: str | None = None
    pids_limit: int | None = None  # 0 and -1 are unlimited
    blkio_weight: int | None = None
    blkio_weight_device: tuple[DeviceRate, ...] = ()
    device_read_bps: tuple[DeviceRate, ...] = ()
    device_write_bps: tuple[DeviceRate, ...] = ()
    device_read_iops: tuple[DeviceRate, ...] = ()
    device_write_iops: tuple[DeviceRate, ...] = ()


class SpecRequest(Record):
    """One container, or one step of a build.

    args           the whole command line (`process.command_line` composes it from image and flags)
    env            the user's KEY=VALUE; they win over the image's, which win over the defaults
    defaults_env   KEY=VALUE that lose against the image's and the user's (what `hosttrust` lends)
    cwd            None: the image's WorkingDir, else /
    hostname       None: the short id; or, with the host's network, the host's name
    network, pid, ipc, uts, cgroupns
                   `private`, `host`, or `path:/proc/<pid>/ns/…` to join one; network also `none` (a private namespace
                   nobody connects); ipc also `none` (no /dev/shm) and `shareable`; cgroupns also "" (Docker's default:
                   the host's on cgroup v1, private on v2)
    mounts         the user's; one with the target of a default mount replaces that
    network_files  binds over /etc/hosts, /etc/hostname, /etc/resolv.conf; a user's mount at such a target wins
    engine_mounts  what the engine lends (`hosttrust`), at targets on the container's own /dev
    seccomp        None: izba's default; "unconfined"; or the text of a profile in Docker's or the OCI's form
    device_cgroup_rules  as `--device-cgroup-rule` has them: `c 13:* rwm`
    """

    id: str
    args: tuple[str, ...]
    rootfs: str = "rootfs"
    env: tuple[str, ...] = ()
    defaults_env: tuple[str, ...] = ()
    cwd: str | None = None
    user: User = User()
    tty: bool = False
    hostname: str | None = None
    domainname: str | None = None
    network: str = "none"
    pid: str = "private"
    ipc: str = "private"
    uts: str = "private"
    cgroupns: str = ""
    mounts: tuple[MountRequest, ...] = ()
    network_files: tuple[MountRequest, ...] = ()
    engine_mounts: tuple[MountRequest, ...] = ()
    read_only: bool = False
    privileged: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    no_new_privileges: bool = False
    seccomp: str | None = None
    apparmor: str | None = None
    systempaths_unconfined: bool = False
    devices: tuple[DeviceNode, ...] = ()
    device_cgroup_rules: tuple[str, ...] = ()
    ulimits: tuple[Ulimit, ...] = ()
    sysctls: tuple[tuple[str, str], ...] = ()
    resources: ResourceLimits = ResourceLimits()
    cgroup_parent: str | None = None
    oom_score_adj: int | None = None
    group_add: tuple[int, ...] = ()
    init: bool = False
    shm_size: int | None = None
    uid_map: tuple[tuple[int, int, int], ...] = ()
    gid_map: tuple[tuple[int, int, int], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()


class Rlimit(Record):
    """A resource limit of this process: what its children start with."""

    name: str
    soft: int
    hard: int


class HostFacts(Record):
    """What Docker's defaults depend on. In a user namespace of izba's, the facts are those inside it.

    rootless            the engine runs in a user namespace of its own
    single_id           only one uid is mapped there: owners cannot be changed
    cgroup_version      2, 1 (also with the hybrid layout), or 0 where nothing may be written
    cgroup_controllers  those izba can set limits with
    throttled_cpus      those whose thermal_throttle directory a container must not read
    capabilities        the bounding set: what a container can get at most
    devices             all devices of the host, gathered for privileged containers only
    message_queues      the host has /dev/mqueue, which a container with the host's IPC may share
    """

    rootless: bool
    single_id: bool
    architecture: str
    kernel: tuple[int, int]
    hostname: str
    cgroup_version: int
    cgroup_controllers: tuple[str, ...]
    seccomp: bool
    apparmor: bool
    capabilities: tuple[str, ...]
    cpus: int
    memory: int
    throttled_cpus: tuple[int, ...] = ()
    rlimits: tuple[Rlimit, ...] = ()
    devices: tuple[DeviceNode, ...] = ()
    message_queues: bool = True
