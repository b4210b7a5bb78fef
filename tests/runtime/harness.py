"""Containers for tests: a root made of busybox, a config to change one field of, and somebody to run it as.

Everything runs in a forked child, so that a user namespace, a subreaper or a crash is the child's own.
"""

from __future__ import annotations

import os
import pickle
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from izba.linux import flags, idmaps, mount, namespaces, process
from izba.oci.runtimespec import Spec
from izba.runtime.driver import runtime
from izba.runtime.launch import Launched, Stdio
from tests.support.users import User

if TYPE_CHECKING:
    from izba.runtime.driver import Runtime

BUSYBOX = "/usr/bin/busybox"

DOCKER_CAPABILITIES = [
    f"CAP_{name}"
    for name in (
        "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL "
        "AUDIT_WRITE"
    ).split()
]


def base_config(*args: str) -> Any:
    """What Docker's defaults come to, running `args`."""
    plain = ["nosuid", "noexec", "nodev"]
    return {
        "ociVersion": "1.0.2",
        "root": {"path": "rootfs"},
        "hostname": "box",
        "process": {
            "cwd": "/",
            "args": list(args),
            "env": ["PATH=/bin"],
            "user": {"uid": 0, "gid": 0},
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), DOCKER_CAPABILITIES),
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc", "options": plain},
            {
                "destination": "/dev",
                "type": "tmpfs",
                "source": "tmpfs",
                "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
            },
            {
                "destination": "/dev/pts",
                "type": "devpts",
                "source": "devpts",
                "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
            },
            {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": [*plain, "ro"]},
            {
                "destination": "/dev/shm",
                "type": "tmpfs",
                "source": "shm",
                "options": [*plain, "mode=1777", "size=65536k"],
            },
            {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": plain},
        ],
        "linux": {
            "namespaces": [{"type": kind} for kind in ("mount", "network", "uts", "pid", "ipc")],
            "maskedPaths": (
                "/proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list "
                "/proc/timer_stats /proc/sched_debug /proc/scsi /sys/firmware /sys/devices/virtual/powercap"
            ).split(),
            "readonlyPaths": "/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger".split(),
        },
    }


def make_bundle(directory: Path, owner: tuple[int, int] = (0, 0)) -> Path:
    """A bundle without config.json: `rootfs` with busybox and its links."""
    rootfs = directory / "rootfs"
    for name in ("bin", "etc", "tmp", "proc", "sys", "dev", "root"):
        (rootfs / name).mkdir(parents=True)
    shutil.copy(BUSYBOX, rootfs / "bin/busybox")
    for name in _APPLETS:
        (rootfs / "bin" / name).symlink_to("busybox")
    (rootfs / "tmp").chmod(0o1777)
    (rootfs / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n")
    for path in (directory, *directory.rglob("*")):
        os.chown(path, *owner, follow_symlinks=False)
    return directory


_APPLETS = (
    "cat chmod chown dd df echo env false grep head hostname id ip kill ls mkdir mkfifo mknod mount mv nc ping ps pwd "
    "readlink rm sed seq sh sleep sort stat stty su test touch tr true tty ulimit umask umount unshare wc"
).split()


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


class Failure(Exception):
    """What was raised in the child, by the name of its type and its attributes."""

    def __init__(self, kind: str, message: str, facts: dict[str, Any]) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message
        self.facts = facts


@dataclass
class Runner:
    """Runs containers of a bundle: as root, or as a user in a user namespace of its own, by a runtime."""

    bundle: Path
    run_directory: Path
    user: User | None = None
    runtime_name: str = "native"
    ids: Iterable[int] = field(default_factory=lambda: iter(range(10**9)))

    @property
    def rootfs(self) -> Path:
        return self.bundle / "rootfs"

    def run(self, config: Spec, *, stdin: bytes = b"", **options: Any) -> Result:
        """Create, start and wait; raises `Failure`."""
        return self.inside(lambda stdio: self._run(config, stdio, options), stdin=stdin)

    def out(self, config: Spec, **options: Any) -> str:
        """What the command printed; it must succeed."""
        result = self.run(config, **options)
        assert result.code == 0, result
        return result.out.strip()

    def _run(self, config: Spec, stdio: Stdio, options: dict[str, Any]) -> int:
        driver = runtime(self.runtime_name)
        launched, id = self.launch(driver, config, stdio, options)
        try:
            driver.start(launched)
            return process.wait(launched.pid)
        finally:
            driver.delete(id, bundle=str(self.bundle), run_directory=str(self.run_directory))

    def launch(
        self, driver: Runtime, config: Spec, stdio: Stdio, options: dict[str, Any] | None = None
    ) -> tuple[Launched, str]:
        """Create in this very process (inside `inside`)."""
        id = f"izba-test-{os.getpid()}-{time.monotonic_ns()}"
        launched = driver.create(
            config,
            id=id,
            bundle=str(self.bundle),
            stdio=stdio,
            run_directory=str(self.run_directory),
            **(options or {}),
        )
        return launched, id

    def exec_in(self, config: Any, *args: str, stdin: bytes = b"", **changes: Any) -> Result:
        """Execute `args` in a fresh container of `config` that is running by then."""

        def both(stdio: Stdio) -> int:
            driver = runtime(self.runtime_name)
            launched, id = self.launch(driver, config, stdio)
            driver.start(launched)
            try:
                guest = driver.exec(
                    config,
                    config["process"] | {"args": list(args)} | changes,
                    id=id,
                    pid=launched.pid,
                    start_time=launched.start_time,
                    stdio=stdio,
                    run_directory=str(self.run_directory),
                )
                return process.wait(guest.pid)
            finally:
                process.send_signal(launched.pidfd, 9)
                process.wait(launched.pid)
                driver.delete(id, bundle=str(self.bundle), run_directory=str(self.run_directory))

        return self.inside(both, stdin=stdin)

    def inside_own_mounts(self, body: Callable[[Stdio], int]) -> Result:
        """The same in a mount namespace of its own."""

        def separated(stdio: Stdio) -> int:
            namespaces.unshare(flags.CLONE_NEWNS)
            mount.set_propagation("/", flags.MS_PRIVATE | flags.MS_REC)
            return body(stdio)

        return self.inside(separated)

    def inside(self, body: Callable[[Stdio], int], *, stdin: bytes = b"") -> Result:
        """Call `body` in a child that is this runner's user, with files as its containers' stdio."""
        files = [os.memfd_create(name) for name in ("stdin", "stdout", "stderr", "outcome")]
        os.write(files[0], stdin)
        os.lseek(files[0], 0, os.SEEK_SET)
        child = os.fork()
        if child == 0:
            outcome: Any
            try:
                if self.runtime_name == "crun":
                    hide_unified_hierarchy()
                if self.user is not None:
                    become(self.user)
                outcome = body(Stdio(stdin=files[0], stdout=files[1], stderr=files[2]))
            except BaseException as error:
                outcome = (type(error).__name__, str(error), _facts(error))
            os.pwrite(files[3], pickle.dumps(outcome), 0)
            os._exit(0)
        os.waitpid(child, 0)
        try:
            out, err, pickled = (os.pread(fd, 1 << 22, 0) for fd in files[1:])
        finally:
            for fd in files:
                os.close(fd)
        assert pickled, "the child died"
        outcome = pickle.loads(pickled)
        if isinstance(outcome, tuple):
            raise Failure(*outcome)
        return Result(outcome, out.decode(errors="replace"), err.decode(errors="replace"))


def become(user: User) -> None:
    """Turn this process into the user, root in a user namespace of its own."""
    drop_to(user)
    namespaces.enter_user_namespace(idmaps.plan(user.uid, user.gid, user.name))


def drop_to(user: User) -> None:
    """Turn this process into the user."""
    os.setgroups([])
    os.setresgid(user.gid, user.gid, user.gid)
    os.setresuid(user.uid, user.uid, user.uid)
    process.set_dumpable(True)  # a change of ids takes it, and with it the ownership of /proc/self
    os.environ["HOME"] = str(user.home)


def hide_unified_hierarchy() -> None:
    """crun refuses a host that has controllers in both versions of cgroups, also where it is to make no cgroup."""
    unified = "/sys/fs/cgroup/unified"
    if os.path.ismount(unified):
        namespaces.unshare(flags.CLONE_NEWNS)
        mount.set_propagation("/", flags.MS_PRIVATE | flags.MS_REC)
        mount.umount(unified, flags.MNT_DETACH)


def _facts(error: BaseException) -> dict[str, Any]:
    plain = (int, str, type(None))
    return {name: value for name, value in vars(error).items() if isinstance(value, plain)}
