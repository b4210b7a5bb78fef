"""Docker's two halves of a container (Engine API, ContainerCreate), for typing only.

They are how a container is asked for, how it is kept, and what `inspect` shows: one form, no translations. `config` is
what the image could have said as well; `host_config` is what only this host can mean.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from izba.oci.documents import Healthcheck


class ContainerConfig(TypedDict, total=False):
    Hostname: str
    Domainname: str
    User: str
    AttachStdin: bool
    AttachStdout: bool
    AttachStderr: bool
    ExposedPorts: dict[str, dict[str, Any]]
    Tty: bool
    OpenStdin: bool
    StdinOnce: bool
    Env: list[str]
    Cmd: list[str] | None
    Entrypoint: list[str] | None
    Healthcheck: Healthcheck
    Image: str
    Volumes: dict[str, dict[str, Any]]
    WorkingDir: str
    Labels: dict[str, str]
    StopSignal: str
    StopTimeout: int
    Shell: list[str]


class RestartPolicy(TypedDict):
    Name: str
    MaximumRetryCount: int


class LogConfig(TypedDict):
    Type: str
    Config: dict[str, str]


class Device(TypedDict):
    PathOnHost: str
    PathInContainer: str
    CgroupPermissions: str


class Ulimit(TypedDict):
    Name: str
    Soft: int
    Hard: int


class WeightDevice(TypedDict):
    Path: str
    Weight: int


class ThrottleDevice(TypedDict):
    Path: str
    Rate: int


class BindOptions(TypedDict, total=False):
    Propagation: str
    NonRecursive: bool
    CreateMountpoint: bool
    ReadOnlyNonRecursive: bool
    ReadOnlyForceRecursive: bool


class DriverConfig(TypedDict):
    Name: str
    Options: dict[str, str]


class VolumeOptions(TypedDict, total=False):
    NoCopy: bool
    DriverConfig: DriverConfig
    Labels: dict[str, str]
    Subpath: str


class TmpfsOptions(TypedDict, total=False):
    SizeBytes: int
    Mode: int


class ImageOptions(TypedDict, total=False):
    Subpath: str


class Mount(TypedDict):
    """What `--mount` asks for."""

    Type: str
    Source: str
    Target: str
    ReadOnly: NotRequired[bool]
    BindOptions: NotRequired[BindOptions]
    VolumeOptions: NotRequired[VolumeOptions]
    TmpfsOptions: NotRequired[TmpfsOptions]
    ImageOptions: NotRequired[ImageOptions]


class PortPlace(TypedDict):
    HostIp: str
    HostPort: str


class HostConfig(TypedDict, total=False):
    Binds: list[str]
    ContainerIDFile: str
    LogConfig: LogConfig
    NetworkMode: str
    PortBindings: dict[str, list[PortPlace]]
    PublishAllPorts: bool
    RestartPolicy: RestartPolicy
    AutoRemove: bool
    Mounts: list[Mount]
    CapAdd: list[str]
    CapDrop: list[str]
    CgroupnsMode: str
    Dns: list[str]
    DnsOptions: list[str]
    DnsSearch: list[str]
    ExtraHosts: list[str]
    GroupAdd: list[str]
    IpcMode: str
    OomScoreAdj: int
    PidMode: str
    Privileged: bool
    ReadonlyRootfs: bool
    SecurityOpt: list[str]
    UTSMode: str
    UsernsMode: str
    VolumesFrom: list[str]
    ShmSize: int
    Sysctls: dict[str, str]
    Runtime: str
    Tmpfs: dict[str, str]
    CpuShares: int
    Memory: int
    NanoCpus: int
    CgroupParent: str
    BlkioWeight: int
    BlkioWeightDevice: list[WeightDevice]
    BlkioDeviceReadBps: list[ThrottleDevice]
    BlkioDeviceWriteBps: list[ThrottleDevice]
    BlkioDeviceReadIOps: list[ThrottleDevice]
    BlkioDeviceWriteIOps: list[ThrottleDevice]
    CpuPeriod: int
    CpuQuota: int
    CpusetCpus: str
    CpusetMems: str
    Devices: list[Device]
    DeviceCgroupRules: list[str]
    MemoryReservation: int
    MemorySwap: int
    MemorySwappiness: int
    OomKillDisable: bool
    PidsLimit: int
    Ulimits: list[Ulimit]
    Init: bool
    HealthOnFailure: str
    Annotations: dict[str, str]


class MountPoint(TypedDict):
    """One mount as it was made of what was asked for; `Source` is a path of the host."""

    Type: str
    Name: NotRequired[str]
    Source: str
    Destination: str
    Driver: NotRequired[str]
    Mode: str
    RW: bool
    Propagation: str
    Anonymous: NotRequired[bool]
    Scratch: NotRequired[bool]
    NonRecursive: NotRequired[bool]
    Subpath: NotRequired[str]
    Options: NotRequired[list[str]]


class Kept(TypedDict):
    """The row's document: all that a container is, besides its names and its state."""

    ImageId: str
    Config: ContainerConfig
    HostConfig: HostConfig
    Mounts: list[MountPoint]
    Platform: str
    HostTrust: bool
