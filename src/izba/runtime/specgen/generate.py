"""From what is asked, what the image says and what the host has, to the spec of one container. Pure: it reads no file.

The one exception is `--device-read-bps` and its like, whose device numbers are looked up here.
"""

from __future__ import annotations

from izba.errors import InvalidArgument
from izba.runtime.specgen import devices, mounts, resources, seccomp
from izba.runtime.specgen import process as processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from izba.oci.documents import ImageConfig
    from izba.oci.runtimespec import Linux, LinuxIDMapping, LinuxNamespace, LinuxSeccomp, Spec
    from izba.runtime.specgen.request import HostFacts, SpecRequest

VERSION = "1.1.0"

INIT = "izba.init"
"""Annotation: the runtime's own init is process 1; it forwards signals and reaps."""

FAKE_OWNERSHIP = "izba.fake-ownership"
"""Annotation: one uid is all there is; changes of owner and identity are answered with success, and not made."""


def generate(request: SpecRequest, image: ImageConfig | None, host: HostFacts) -> Spec:
    """The spec, with Docker's defaults. Raises `InvalidArgument` for what no container can have."""
    hostname = _hostname(request, host)
    has_cgroup = wants_cgroup(request, host)
    process = processes.process(request, image, host, hostname=hostname)
    masked, read_only = mounts.masked_paths(request, host)
    linux: Linux = {
        "namespaces": _namespaces(request, host),
        "resources": resources.resources(request),
        "devices": devices.nodes(request, host.devices),
        "sysctl": _sysctls(request, host),
        "maskedPaths": masked,
        "readonlyPaths": read_only,
        "rootfsPropagation": _root_propagation(request),
    }
    if request.uid_map:
        linux["uidMappings"], linux["gidMappings"] = _id_map(request.uid_map), _id_map(request.gid_map)
    if has_cgroup:
        linux["cgroupsPath"] = f"{request.cgroup_parent or '/izba'}/{request.id}"
    if profile := _seccomp(request, host, process["capabilities"]["bounding"]):
        linux["seccomp"] = profile
    spec: Spec = {
        "ociVersion": VERSION,
        "root": {"path": request.rootfs, "readonly": request.read_only},
        "process": process,
        "mounts": mounts.mounts(request, host, has_cgroup=has_cgroup),
        "linux": linux,
        "annotations": _annotations(request, host),
    }
    if request.uts == "private":
        spec["hostname"] = hostname
        if request.domainname:
            spec["domainname"] = request.domainname
    return spec


def wants_cgroup(request: SpecRequest, host: HostFacts) -> bool:
    """Whether the container gets a cgroup: always on v2, where it is free; on v1, which takes milliseconds, at need."""
    if host.cgroup_version != 1:
        return host.cgroup_version == 2
    return bool(resources.wanted(request.resources) or request.cgroup_parent or devices.beyond_default(request))


def _hostname(request: SpecRequest, host: HostFacts) -> str:
    if request.hostname is not None and request.uts == "private":
        return request.hostname
    return host.hostname if "host" in {request.uts, request.network} else request.id[:12]


def _namespaces(request: SpecRequest, host: HostFacts) -> list[LinuxNamespace]:
    cgroupns = request.cgroupns or ("private" if host.cgroup_version == 2 and not request.privileged else "host")
    chosen = [("mount", "private"), ("network", request.network), ("uts", request.uts), ("pid", request.pid)]
    chosen += [("ipc", request.ipc), ("cgroup", cgroupns)]
    chosen += [("user", "private")] if request.uid_map else []
    return [
        _namespace(kind, mode) for kind, mode in chosen if mode != "host" and (kind != "cgroup" or host.cgroup_version)
    ]


def _id_map(ranges: Iterable[tuple[int, int, int]]) -> list[LinuxIDMapping]:
    return [{"containerID": inside, "hostID": outside, "size": size} for inside, outside, size in ranges]


def _namespace(kind: str, mode: str) -> LinuxNamespace:
    if mode.startswith("path:/"):
        return {"type": kind, "path": mode.removeprefix("path:")}
    if mode not in {"private", "none", "shareable"}:
        raise InvalidArgument(f"invalid {kind} mode: {mode}")
    return {"type": kind}


def _sysctls(request: SpecRequest, host: HostFacts) -> dict[str, str]:
    result = {}
    # With a user namespace of its own the container may not set those of a network namespace that was made for it.
    if request.network == "none" or (request.network == "private" and not request.uid_map):
        if not host.rootless:  # the range must be of mapped groups, and a namespace has but few
            result["net.ipv4.ping_group_range"] = "0 2147483647"
        result["net.ipv4.ip_unprivileged_port_start"] = "0"
    for key, value in request.sysctls:
        _check_sysctl(key, request)
        result[key] = value
    return result


_IPC_SYSCTLS = frozenset(
    "kernel.msgmax kernel.msgmnb kernel.msgmni kernel.sem kernel.shmall kernel.shmmax kernel.shmmni "
    "kernel.shm_rmid_forced".split()
)


def _check_sysctl(key: str, request: SpecRequest) -> None:
    """Only what belongs to a namespace of the container's own may be set: the rest is the host's."""
    name = key.replace("/", ".")
    if ".." in name or "\0" in name:
        raise InvalidArgument(f"sysctl '{key}' is not a name")
    if name in _IPC_SYSCTLS or name.startswith("fs.mqueue."):
        namespace, mode = "ipc", request.ipc
    elif name.startswith("net."):
        namespace, mode = "network", request.network
    elif name == "kernel.domainname":
        namespace, mode = "uts", request.uts
    else:
        raise InvalidArgument(f"sysctl '{key}' is not whitelisted", hint="it is not kept per container by the kernel")
    if mode == "host":
        raise InvalidArgument(f"sysctl '{key}' not allowed in host {namespace} namespace")


def _seccomp(request: SpecRequest, host: HostFacts, capabilities: list[str]) -> LinuxSeccomp | None:
    if request.seccomp == "unconfined" or (request.privileged and request.seccomp is None):
        return None
    if request.seccomp is not None:
        if not host.seccomp:
            raise InvalidArgument("seccomp is not enabled in your kernel, cannot run a custom seccomp profile")
        return seccomp.custom_profile(request.seccomp, capabilities, host.architecture, host.kernel)
    return seccomp.default_profile(capabilities, host.architecture) if host.seccomp else None


def _root_propagation(request: SpecRequest) -> str:
    """What the host mounts later arrives in a shared or slave bind only if the container's root lets it through."""
    asked = {mount.propagation.removeprefix("r") for mount in request.mounts if mount.type == "bind"}
    return "rshared" if "shared" in asked else "rslave" if "slave" in asked else "rprivate"


def _annotations(request: SpecRequest, host: HostFacts) -> dict[str, str]:
    result = dict(request.annotations)
    if request.init and request.pid == "private":
        result[INIT] = "true"
    if host.single_id:
        result[FAKE_OWNERSHIP] = "true"
    if below := {mount.target: mount.subpath for mount in request.mounts if mount.subpath}:
        from izba import jsonio
        from izba.runtime.native.rootfs import SUBPATHS

        result[SUBPATHS] = jsonio.dumps(below)
    return result
