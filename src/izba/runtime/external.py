"""crun, runc and others as the runtime, by the command line they share.

The root is mounted in a mount namespace that only the program's process has, from which the container's is copied:
nothing of it is on the host, and nothing has to be unmounted. The program leaves the container's init behind; this
process becomes the reaper of such orphans.
"""

from __future__ import annotations

import _socket
import os

from izba import jsonio
from izba.errors import InvalidArgument
from izba.linux import flags as f
from izba.linux import mount, namespaces, process, pty
from izba.linux.process import set_subreaper
from izba.runtime import bundle as bundles
from izba.runtime.failures import CommandNotExecutable, CommandNotFound, ContainerGone, RuntimeFailed
from izba.runtime.launch import Launched, Stdio
from izba.runtime.native.plan import REAPER
from izba.runtime.native.rootfs import SUBPATHS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.cgroups.manager import CgroupManager
    from izba.linux.mount import Mount
    from izba.oci.runtimespec import Process, Spec


def find_program(name: str) -> str | None:
    """The program of a runtime's name, or the path itself."""
    if "/" in name:
        return name if os.access(name, os.X_OK) else None
    for directory in os.get_exec_path():
        path = f"{directory}/{name}"
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


class _Container(Launched):
    """What `start` needs to know again."""

    def __init__(self, pid: int, console: int | None, id: str, root: str, command: str) -> None:
        super().__init__(pid, process.pidfd_open(pid), process.start_time(pid), console)
        self.id = id
        self.root = root
        self.command = command


class External:
    """A runtime program. It makes and removes the container's cgroup itself, from `linux.cgroupsPath`."""

    def __init__(self, program: str) -> None:
        self.program = program
        self.name = os.path.basename(program)

    def create(
        self,
        spec: Spec,
        *,
        id: str,
        bundle: str,
        rootfs: Sequence[Mount] = (),
        stdio: Stdio,
        run_directory: str,
        cgroup: CgroupManager | None = None,
    ) -> Launched:
        del cgroup
        annotations = spec.get("annotations", {})
        own = {"--init": annotations.get(REAPER) == "true", "volume-subpath": SUBPATHS in annotations}
        for option in (name for name, is_asked in own.items() if is_asked):
            raise InvalidArgument(f"{option} is of izba's own runtime, not of {self.name}", hint="leave --runtime out")
        bundles.write(bundle, spec)
        set_subreaper()
        terminal = spec["process"].get("terminal", False)
        call = _Call(self, run_directory, id, stdio, terminal=terminal)
        call.without_cgroup = self.name == "crun" and not spec.get("linux", {}).get("cgroupsPath")
        try:
            call.run(["create", "--bundle", bundle], rootfs, spec["root"]["path"] if rootfs else "", bundle)
        except RuntimeFailed as error:
            raise _explained(error, spec["process"]) from None
        command = (spec["process"].get("args") or [""])[0]
        return _Container(call.pid(), call.console, id, call.root, command)

    def start(self, created: Launched) -> None:
        assert isinstance(created, _Container)
        try:
            self._call(created.root, "start", created.id)
        except RuntimeFailed as error:
            raise _explained(error, {"cwd": "/", "args": [created.command]}) from None

    def exec(
        self,
        spec: Spec,
        process: Process,
        *,
        id: str,
        pid: int,
        start_time: int,
        stdio: Stdio,
        run_directory: str,
        cgroup: CgroupManager | None = None,
    ) -> Launched:
        del spec, cgroup
        _require_alive(pid, start_time)
        set_subreaper()
        call = _Call(self, run_directory, id, stdio, terminal=process.get("terminal", False))
        call.joined = pid
        file = f"{call.directory}/process-{os.getpid()}.json"
        jsonio.write(file, process, mode=0o600, durable=False)
        try:
            call.run(["exec", "--detach", "--process", file])
        except RuntimeFailed as error:
            raise _explained(error, process) from None
        finally:
            os.unlink(file)
        return _Container(call.pid(), call.console, id, call.root, (process.get("args") or [""])[0])

    def delete(self, id: str, *, bundle: str, run_directory: str) -> None:
        del bundle
        root = f"{run_directory}/{self.name}"
        if os.path.exists(f"{root}/{id}"):
            self._call(root, "delete", "--force", id)

    def _call(self, root: str, *arguments: str) -> None:
        argv = [self.program, "--root", root, *arguments]
        said = os.memfd_create("stderr", os.MFD_CLOEXEC)
        try:
            pid = os.posix_spawn(
                argv[0],
                argv,
                os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, said, 1), (os.POSIX_SPAWN_DUP2, said, 2)],
            )
            code = process.wait(pid)
            if code != 0:
                raise RuntimeFailed(argv, code, _read_all(said))
        finally:
            os.close(said)


class _Call:
    """One run of the program that leaves a process behind: its stdio, pid file and console socket."""

    def __init__(self, runtime: External, run_directory: str, id: str, stdio: Stdio, *, terminal: bool) -> None:
        self.runtime = runtime
        self.root = f"{run_directory}/{runtime.name}"
        self.directory = f"{run_directory}/{runtime.name}-io"
        self.id = id
        self.stdio = stdio
        self.terminal = terminal
        self.without_cgroup = False
        self.joined = 0
        """The process whose user namespace the program has to be in, if not ours."""
        self.console: int | None = None
        self._pid_file = f"{self.directory}/{os.getpid()}.pid"
        self._socket_path = f"{self.directory}/{os.getpid()}.sock"
        for path in (self.root, self.directory):
            os.makedirs(path, mode=0o700, exist_ok=True)

    def run(self, arguments: list[str], rootfs: Sequence[Mount] = (), root_path: str = "", bundle: str = "") -> None:
        """Run it to its end. Raises `RuntimeFailed` with the last it said."""
        argv = [*arguments, "--pid-file", self._pid_file]
        listener = None
        if self.terminal:
            listener = self._listen()
            argv += ["--console-socket", self._socket_path]
        argv.append(self.id)
        log = os.memfd_create("log", 0)  # inherited: a program in another user namespace may not look into us
        options = ["--root", self.root, "--log", f"/proc/self/fd/{log}"]
        if self.without_cgroup:
            options.append("--cgroup-manager=disabled")  # crun would make one all the same, where it can't too
        argv = [self.runtime.program, *options, *argv]
        child = os.fork()
        if child == 0:
            self._become(argv, rootfs, f"{bundle}/{root_path}" if not root_path.startswith("/") else root_path)
        try:
            code = process.wait(child)
            if code != 0:
                raise RuntimeFailed(argv, code, _read_all(log))
            if listener is not None:
                fd, _ = listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001 - see native.init
                self.console = _received(fd)
        finally:
            os.close(log)
            if listener is not None:
                listener.close()
                os.unlink(self._socket_path)

    def pid(self) -> int:
        """The process that was left behind."""
        with open(self._pid_file, "rb") as file:
            pid = int(file.read())
        os.unlink(self._pid_file)
        return pid

    def _listen(self) -> _socket.socket:
        """A listening socket, bound by a short path: sun_path has 108 bytes (unix(7))."""
        listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        directory_fd = os.open(self.directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            listener.bind(f"/proc/self/fd/{directory_fd}/{os.path.basename(self._socket_path)}")
        finally:
            os.close(directory_fd)
        listener.listen(1)
        return listener

    def _become(self, argv: list[str], rootfs: Sequence[Mount], root_path: str) -> None:
        """In the forked child: mount the root where only we see it, and become the program."""
        try:
            if self.joined:
                _join_user_namespace(self.joined)
            hidden = self.runtime.name == "crun" and _has_both_versions()
            if rootfs or hidden:
                namespaces.unshare(f.CLONE_NEWNS)
                mount.set_propagation("/", f.MS_SLAVE | f.MS_REC)
            if hidden:
                mount.mount("tmpfs", _UNIFIED, "tmpfs")
            if rootfs:
                mount.attach_all(rootfs, root_path)
            fds = [os.dup(fd) for fd in (self.stdio.stdin, self.stdio.stdout, self.stdio.stderr)]
            for number, fd in enumerate(fds):
                os.dup2(fd, number, inheritable=True)
            os.execv(argv[0], argv)
        except BaseException as error:  # the last frame of this process
            os.write(2, f"izba: {error}\n".encode())
        finally:
            os._exit(1)


_UNIFIED = "/sys/fs/cgroup/unified"


def _has_both_versions() -> bool:
    """Whether this host has controllers in both versions of cgroups, which crun refuses, though it needs but one."""
    try:
        with open(f"{_UNIFIED}/cgroup.controllers", "rb") as file:
            return bool(file.read().strip())
    except OSError:
        return False


def _join_user_namespace(pid: int) -> None:
    """Become root in the user namespace of `pid`, as an ordinary user's containers have one."""
    path = f"/proc/{pid}/ns/user"
    if os.readlink(path) == os.readlink("/proc/self/ns/user"):
        return
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    namespaces.setns(fd, f.CLONE_NEWUSER, path)
    os.close(fd)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)


def _received(fd: int) -> int:
    socket = _socket.socket(fileno=fd)
    try:
        return pty.receive_descriptor(socket)[0]
    finally:
        socket.close()


def _read_all(fd: int) -> str:
    return os.pread(fd, 1 << 16, 0).decode(errors="replace")


def _require_alive(pid: int, start_time: int) -> None:
    if not process.is_alive(pid, start_time):
        raise ContainerGone("the container")


def _explained(error: RuntimeFailed, process: Process) -> RuntimeFailed | CommandNotFound | CommandNotExecutable:
    """The command's fault or the runtime's: the programs tell only by their words, as Docker knows too."""
    command = (process.get("args") or [""])[0]
    said = error.stderr.lower()
    if command not in error.stderr:
        return error
    if "not found in $path" in said:
        return CommandNotFound(command)
    if "no such file or directory" in said:
        return CommandNotFound(command, "no such file or directory")
    if "permission denied" in said or "is a directory" in said:
        return CommandNotExecutable(command, "permission denied")
    return error
