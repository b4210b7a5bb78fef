"""The config.json that `izba-oci spec` writes: a shell in a container of its own, to be edited."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.oci.runtimespec import Mount, Spec

_CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]


def _mount(destination: str, type: str, *options: str) -> Mount:
    return {"destination": destination, "type": type, "source": type, "options": list(options)}


def default_spec() -> Spec:
    """A new one."""
    plain = ("nosuid", "noexec", "nodev")
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": True,
            "user": {"uid": 0, "gid": 0},
            "args": ["sh"],
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": {
                "bounding": list(_CAPABILITIES),
                "effective": list(_CAPABILITIES),
                "permitted": list(_CAPABILITIES),
            },
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "izba",
        "mounts": [
            _mount("/proc", "proc", *plain),
            _mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
            _mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
            _mount("/dev/shm", "tmpfs", *plain, "mode=1777", "size=65536k"),
            _mount("/dev/mqueue", "mqueue", *plain),
            _mount("/sys", "sysfs", *plain, "ro"),
            _mount("/sys/fs/cgroup", "cgroup", *plain, "relatime", "ro"),
        ],
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")],
            "maskedPaths": (
                "/proc/acpi /proc/asound /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/timer_stats "
                "/proc/sched_debug /sys/firmware /proc/scsi"
            ).split(),
            "readonlyPaths": "/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger".split(),
        },
    }
