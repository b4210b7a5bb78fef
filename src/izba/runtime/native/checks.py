"""What a spec may not say: settings that would change the host's namespaces instead of the container's."""

from __future__ import annotations

from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.oci.runtimespec import Spec

# Kernel parameters that belong to a namespace, by its type (namespaces(7), ipc_namespaces(7)).
_SYSCTLS = {
    "ipc": (
        "fs.mqueue.",
        "kernel.auto_msgmni",
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.msg_next_id",
        "kernel.sem",
        "kernel.sem_next_id",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_next_id",
        "kernel.shm_rmid_forced",
    ),
    "network": ("net.",),
    "uts": ("kernel.domainname", "kernel.hostname"),
}


def check(spec: Spec) -> None:
    """Raises `InvalidArgument`."""
    linux = spec.get("linux", {})
    kinds = {each["type"] for each in linux.get("namespaces", ())}
    for name in linux.get("sysctl", {}):
        _check_sysctl(name, kinds)
    if (spec.get("hostname") or spec.get("domainname")) and "uts" not in kinds:
        raise InvalidArgument("a hostname needs a uts namespace of the container's own")
    process = spec.get("process")
    if process is not None and not process["cwd"].startswith("/"):
        raise InvalidArgument(f"process.cwd: {process['cwd']!r} is not an absolute path")
    for mount in spec.get("mounts", ()):
        if mount.get("uidMappings") or {"idmap", "ridmap"} & set(mount.get("options", ())):
            raise InvalidArgument(f"mounts: {mount['destination']}: id-mapped mounts are not supported")


def _check_sysctl(name: str, kinds: set[str]) -> None:
    dotted = name.replace("/", ".")
    for kind, prefixes in _SYSCTLS.items():
        if any(dotted == prefix or (prefix.endswith(".") and dotted.startswith(prefix)) for prefix in prefixes):
            if kind in kinds:
                return
            raise InvalidArgument(f"sysctl {name}: needs a {kind} namespace of the container's own")
    raise InvalidArgument(f"sysctl {name}: is not one of a namespace and would change the host")
