"""What every child does that becomes a process of a container: its init, and a command executed in it later.

Nothing here may import: after pivot_root or setns the files that an import would find are the container's.
"""

from __future__ import annotations

import _signal
import fcntl
import gc
import os
import stat
import sys

from izba.linux import process, seccomp
from izba.runtime.launch import Stdio
from izba.runtime.native import channel as messages
from izba.runtime.native import command_lookup, hooks, identity
from izba.runtime.native.channel import Channel, Ended, Failed, failed
from izba.runtime.native.trampoline import NAME, Trampoline

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from izba.oci.runtimespec import Hook, State
    from izba.runtime.native.identity import Identity
    from izba.runtime.native.plan import CommandPlan


class Child:
    """The child's own state, changed by its steps."""

    def __init__(self, command: CommandPlan, channel: Channel, stdio: Stdio) -> None:
        self.channel = channel
        if command.terminal:  # opened here and now, where /dev/null is the host's
            null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
            stdio = Stdio(stdin=null, stdout=null, stderr=null)
        self.listener: _socket.socket | None = None
        self.stdio = stdio
        self.command = command
        self.slave = -1
        self.profile_fd = -1
        self.sysfs = -1
        self.proc_fd = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) if command.profile else -1
        self.identity: Identity
        self.can_set_groups = True
        self.executable = ""

    def run(self, steps: Sequence[tuple[str, Callable[[], None]]]) -> NoReturn:
        """Do the steps, the last of which executes the command. What fails is told to the creator, by stage."""
        stage = ""
        try:
            for name, step in steps:
                stage = name
                step()
        except Ended:  # the creator died: so do we
            os._exit(1)
        except BaseException as error:  # the last frame of this process
            self._tell(failed(stage, error))
        finally:
            os._exit(1)

    def _tell(self, message: Failed) -> None:
        try:
            self.channel.send(message)
        except Ended:
            pass

    def warn(self, text: str) -> None:
        """Let the creator's user know."""
        self.channel.send(messages.Warning(text=text))

    # -- the steps, in the order in which both kinds of children take them

    def separate(self) -> None:
        """Let go of what belongs to the creator: descriptors, signal handlers, session, keyring, name."""
        # Garbage of the creator, collected after its descriptors were closed here, would close what has their numbers.
        gc.disable()
        _reset_signals()
        self._arrange_descriptors()
        os.setsid()
        process.join_new_session_keyring()
        process.set_name(f"{NAME}:init")
        # From the container's own files nothing may be imported.
        sys.path.clear()
        sys.meta_path.clear()

    def _arrange_descriptors(self) -> None:
        """Standard input, output and error to 0, 1 and 2; everything else but the channel is closed."""
        given = (self.stdio.stdin, self.stdio.stdout, self.stdio.stderr)
        wanted = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3) for fd in given]
        self.channel = Channel(_above_stdio(self.channel.socket))
        for number, fd in enumerate(wanted):
            os.dup2(fd, number, inheritable=True)
        self.close_descriptors()

    def close_descriptors(self) -> None:
        """Close all but the standard three and those still needed here."""
        keep = {0, 1, 2, self.channel.fileno()}
        if self.listener is not None:
            keep.add(self.listener.fileno())
        keep |= {fd for fd in (self.slave, self.profile_fd, self.proc_fd, self.sysfs) if fd >= 0}
        process.close_all_but(keep)

    def set_oom_score(self) -> None:
        """How readily the kernel kills it when memory is short."""
        score = self.command.process.get("oomScoreAdj")
        if score is None:
            return
        try:
            with open("/proc/self/oom_score_adj", "wb", buffering=0) as file:
                file.write(str(score).encode())
        except PermissionError:
            self.warn(f"oomScoreAdj {score} is below what this user may set and stays as it is")

    def open_profile(self) -> None:
        """The file that takes the AppArmor profile, from the host's /proc."""
        if self.command.profile:
            self.profile_fd = os.open("self/attr/apparmor/exec", os.O_WRONLY | os.O_CLOEXEC, dir_fd=self.proc_fd)
            os.close(self.proc_fd)
            self.proc_fd = -1

    def give_stdio(self) -> None:
        """Pipes become the user's own, so that it can open /dev/stdout; files of the host's stay whose they are."""
        for fd in (0, 1, 2):
            status = os.fstat(fd)
            if stat.S_IFMT(status.st_mode) in {stat.S_IFIFO, stat.S_IFSOCK} and status.st_uid != self.identity.uid:
                try:
                    os.fchown(fd, self.identity.uid, -1)
                except OSError:
                    pass

    def enter_directory(self) -> None:
        """Change to the command's directory, as root or else as the user, and see that it is one of the container's."""
        cwd = self.command.process["cwd"]
        try:
            os.chdir(cwd)
        except PermissionError:
            with self._access():
                os.chdir(cwd)
        # A directory outside the root has no path in it; "/proc/self/fd/7" led runc there (CVE-2024-21626).
        if not os.getcwd().startswith("/"):
            raise PermissionError(13, "is outside the container", cwd)

    def find_command(self) -> None:
        """Find what to execute, with the eyes of the user who will."""
        with self._access():
            self.executable = command_lookup.find(self.command.args[0], self.command.env)

    def _access(self) -> identity.FileAccessAs:
        return identity.FileAccessAs(self.identity, can_set_groups=self.can_set_groups)

    def become(self, start_hooks: Sequence[Hook] = (), state: State | None = None) -> None:
        """Give up everything that the command is not to have, and execute it."""
        self.close_descriptors()
        trampoline = Trampoline(self.channel.fileno(), reaper=self.command.reaper)
        for limit in identity.set_limits(self.command.process.get("rlimits", [])):
            self.warn(limit)
        if self.profile_fd >= 0:
            os.write(self.profile_fd, f"exec {self.command.profile}".encode())
        if self.identity.no_new_privileges:
            identity.forbid_new_privileges()
            identity.assume(self.identity, can_set_groups=self.can_set_groups)
            self._load_filters()
        else:
            # A filter needs CAP_SYS_ADMIN (seccomp(2)), which goes then. Where a filter fakes capset(2), exec brings
            # root's capabilities down to the bounding set, which it does not fake.
            self._load_filters()
            identity.assume(self.identity, can_set_groups=self.can_set_groups)
        if self.command.die_with_parent:
            process.set_parent_death_signal(_signal.SIGKILL)  # a change of ids clears it
            if self.channel.is_closed():  # it died before
                raise Ended
        hooks.run_all(start_hooks, state)  # the container's own programs, so not before
        trampoline.execute(self.executable, self.command.args, self.command.env)

    def _load_filters(self) -> None:
        for each in self.command.filters:
            seccomp.load(each.program, each.flags)


def _reset_signals() -> None:
    """Handlers and ignored signals as a program expects them: Python ignores SIGPIPE, and exec keeps that."""
    for number in range(1, _signal.NSIG):
        try:
            if _signal.getsignal(number) is not _signal.SIG_DFL:
                _signal.signal(number, _signal.SIG_DFL)
        except (OSError, ValueError):  # SIGKILL and SIGSTOP, and those the C library keeps
            continue
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def _above_stdio(socket: _socket.socket) -> _socket.socket:
    if socket.fileno() > 2:
        return socket
    return type(socket)(fileno=fcntl.fcntl(socket.fileno(), fcntl.F_DUPFD_CLOEXEC, 3))
