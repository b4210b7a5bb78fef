"""config.json of the runtime-spec, for typing only: `config.md`, `config-linux.md`, `runtime.md`.

The names are those of the specification's Go types.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class Root(TypedDict):
    path: str
    readonly: NotRequired[bool]


class LinuxIDMapping(TypedDict):
    containerID: int
    hostID: int
    size: int


class Mount(TypedDict):
    destination: str
    type: NotRequired[str]
    source: NotRequired[str]
    options: NotRequired[list[str]]
    uidMappings: NotRequired[list[LinuxIDMapping]]
    gidMappings: NotRequired[list[LinuxIDMapping]]


class ConsoleSize(TypedDict):
    height: int
    width: int


class User(TypedDict, total=False):
    uid: int
    gid: int
    umask: int
    additionalGids: list[int]


class LinuxCapabilities(TypedDict, total=False):
    bounding: list[str]
    effective: list[str]
    inheritable: list[str]
    permitted: list[str]
    ambient: list[str]


class Rlimit(TypedDict):
    type: str
    soft: int
    hard: int


class Process(TypedDict):
    cwd: str
    args: NotRequired[list[str]]
    env: NotRequired[list[str]]
    terminal: NotRequired[bool]
    consoleSize: NotRequired[ConsoleSize]
    user: NotRequired[User]
    capabilities: NotRequired[LinuxCapabilities]
    noNewPrivileges: NotRequired[bool]
    rlimits: NotRequired[list[Rlimit]]
    oomScoreAdj: NotRequired[int]
    apparmorProfile: NotRequired[str]
    selinuxLabel: NotRequired[str]


class Hook(TypedDict):
    path: str
    args: NotRequired[list[str]]
    env: NotRequired[list[str]]
    timeout: NotRequired[int]


class Hooks(TypedDict, total=False):
    prestart: list[Hook]
    createRuntime: list[Hook]
    createContainer: list[Hook]
    startContainer: list[Hook]
    poststart: list[Hook]
    poststop: list[Hook]


class LinuxNamespace(TypedDict):
    type: str
    path: NotRequired[str]


class LinuxDevice(TypedDict):
    path: str
    type: str
    major: NotRequired[int]
    minor: NotRequired[int]
    fileMode: NotRequired[int]
    uid: NotRequired[int]
    gid: NotRequired[int]


class LinuxDeviceCgroup(TypedDict):
    allow: bool
    type: NotRequired[str]
    major: NotRequired[int]
    minor: NotRequired[int]
    access: NotRequired[str]


class LinuxMemory(TypedDict, total=False):
    limit: int
    reservation: int
    swap: int
    kernel: int
    kernelTCP: int
    swappiness: int
    disableOOMKiller: bool
    useHierarchy: bool
    checkBeforeUpdate: bool


class LinuxCPU(TypedDict, total=False):
    shares: int
    quota: int
    burst: int
    period: int
    realtimeRuntime: int
    realtimePeriod: int
    cpus: str
    mems: str
    idle: int


class LinuxPids(TypedDict):
    limit: int


class LinuxWeightDevice(TypedDict):
    major: int
    minor: int
    weight: NotRequired[int]
    leafWeight: NotRequired[int]


class LinuxThrottleDevice(TypedDict):
    major: int
    minor: int
    rate: int


class LinuxBlockIO(TypedDict, total=False):
    weight: int
    leafWeight: int
    weightDevice: list[LinuxWeightDevice]
    throttleReadBpsDevice: list[LinuxThrottleDevice]
    throttleWriteBpsDevice: list[LinuxThrottleDevice]
    throttleReadIOPSDevice: list[LinuxThrottleDevice]
    throttleWriteIOPSDevice: list[LinuxThrottleDevice]


class LinuxHugepageLimit(TypedDict):
    pageSize: str
    limit: int


class LinuxInterfacePriority(TypedDict):
    name: str
    priority: int


class LinuxNetwork(TypedDict, total=False):
    classID: int
    priorities: list[LinuxInterfacePriority]


class LinuxResources(TypedDict, total=False):
    devices: list[LinuxDeviceCgroup]
    memory: LinuxMemory
    cpu: LinuxCPU
    pids: LinuxPids
    blockIO: LinuxBlockIO
    hugepageLimits: list[LinuxHugepageLimit]
    network: LinuxNetwork
    unified: dict[str, str]


class LinuxSeccompArg(TypedDict):
    index: int
    value: int
    op: str
    valueTwo: NotRequired[int]


class LinuxSyscall(TypedDict):
    names: list[str]
    action: str
    errnoRet: NotRequired[int]
    args: NotRequired[list[LinuxSeccompArg]]


class LinuxSeccomp(TypedDict):
    defaultAction: str
    defaultErrnoRet: NotRequired[int]
    architectures: NotRequired[list[str]]
    flags: NotRequired[list[str]]
    listenerPath: NotRequired[str]
    listenerMetadata: NotRequired[str]
    syscalls: NotRequired[list[LinuxSyscall]]


class Linux(TypedDict, total=False):
    namespaces: list[LinuxNamespace]
    uidMappings: list[LinuxIDMapping]
    gidMappings: list[LinuxIDMapping]
    devices: list[LinuxDevice]
    cgroupsPath: str
    resources: LinuxResources
    rootfsPropagation: str
    seccomp: LinuxSeccomp
    sysctl: dict[str, str]
    maskedPaths: list[str]
    readonlyPaths: list[str]
    mountLabel: str
    timeOffsets: dict[str, Any]


class Spec(TypedDict):
    ociVersion: str
    root: Root
    process: NotRequired[Process]
    hostname: NotRequired[str]
    domainname: NotRequired[str]
    mounts: NotRequired[list[Mount]]
    hooks: NotRequired[Hooks]
    annotations: NotRequired[dict[str, str]]
    linux: NotRequired[Linux]


class State(TypedDict):
    """What `state` prints and hooks read (runtime.md, State)."""

    ociVersion: str
    id: str
    status: str
    pid: NotRequired[int]
    bundle: str
    annotations: NotRequired[dict[str, str]]
