"""pasta(1) and slirp4netns(1) in the place of izba's own relay, for an ordinary user who asks for them.

    container               keeper              pasta or slirp4netns        host
    eth0 10.0.2.100 (tap) ─────────────────────▶ sockets of the host ─────▶ world
                            starts it, ends it

Each container has one of its own, and a *keeper*: a process that ends the program as soon as the container's monitor
lets go of it, killed or not, and that dies along with it (PR_SET_PDEATHSIG). Both programs are told the same addresses.
"""

from __future__ import annotations

import _signal
import _socket
import os
import select
import time

from izba import jsonio
from izba.errors import InvalidArgument, Unavailable
from izba.linux import flags as f
from izba.linux import interfaces, namespaces, wire
from izba.linux import process as processes
from izba.linux.netlink import RouteSocket
from izba.network.errors import NetworksUnavailable
from izba.network.plan import HELPER_ADDRESS, HELPER_GATEWAY, HELPER_RESOLVER
from izba.network.sysctl import write_sysctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.network.plan import NetworkPlan, PortBinding

_PATIENCE = 10.0
_NETNS, _DIRECTORY = 3, 4
_READ = 4096
_DEVICE = "/dev/net/tun"
_CLOSED = f"it needs {_DEVICE}, which this user cannot open; `sudo chmod 666 {_DEVICE}` opens it to all"
"""Each program says so in words of its own, among others that have nothing to do with it."""


class HelperUnavailable(Unavailable):
    """The program is not here, or it ended at once."""

    def __init__(self, program: str, reason: str) -> None:
        super().__init__(
            f"--network {program}: {reason}",
            hint="without it, izba carries the container's traffic itself and needs neither program nor device",
        )
        self.program = program


def check(program: str, bindings: Sequence[PortBinding], *, rootless: bool) -> None:
    """Raises `InvalidArgument` for what neither program can do."""
    if not rootless:
        raise InvalidArgument(
            f"--network {program} is for ordinary users: root has bridges", hint="leave it out, or --network bridge"
        )
    for binding in bindings:
        if ":" in binding.host_ip:
            raise InvalidArgument(f"cannot publish on {binding.host_ip}: with --network {program}, IPv4 only")


class Helper:
    """The connection that keeps the program running, as long as it is open, here or in the container's monitor."""

    def __init__(self, connected: _socket.socket) -> None:
        self._socket = connected

    def fileno(self) -> int:
        """The descriptor, to be passed on."""
        return self._socket.fileno()

    def close(self) -> None:
        """Let go of it here."""
        self._socket.close()


def start(plan: NetworkPlan, netns: int | None = None) -> tuple[Helper, int]:
    """Have the plan's program serve a network namespace, that open as `netns` or a new one; it does when this returns.

    Gives the namespace, too. The process has a single thread, is in the host's network namespace, which it could not
    come back to, and is root in the user namespace that owns the other one. Raises `HelperUnavailable`.
    """
    executable = _find(plan.helper)
    os.makedirs(plan.run, mode=0o700, exist_ok=True)
    netns, container = _look_into(netns)
    ours, theirs = wire.pair()
    child = os.fork()
    if child == 0:
        try:
            if os.fork() == 0:
                _keep(plan, executable, netns, container, theirs)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    theirs.close()
    container.close()
    try:
        value, _ = wire.receive(ours)
    except EOFError:
        value = {"error": "the process that starts it was killed"}
    if "error" in value:
        ours.close()
        os.close(netns)
        raise HelperUnavailable(plan.helper, value["error"] if os.access(_DEVICE, os.R_OK | os.W_OK) else _CLOSED)
    return Helper(ours), netns


def _look_into(netns: int | None) -> tuple[int, RouteSocket]:
    """A network namespace, the given or a new one, without IPv6, and a netlink socket of it: made by a child."""
    ours, theirs = wire.pair()
    child = os.fork()
    if child == 0:
        try:
            if netns is None:
                namespaces.unshare(f.CLONE_NEWNET)
            else:
                namespaces.setns(netns, f.CLONE_NEWNET)
            interfaces.set_up("lo")
            write_sysctl("ipv6/conf/all/disable_ipv6", "1")  # neither program is asked to carry it
            with RouteSocket() as made:
                opened = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
                wire.send(theirs, {}, fds=(opened, made.fileno()))
        finally:
            os._exit(0)
    theirs.close()
    try:
        _, fds = wire.receive(ours)
    except EOFError:
        raise NetworksUnavailable("this machine lets its users make no network namespace") from None
    finally:
        ours.close()
        os.waitpid(child, 0)
    return fds[0], RouteSocket(fds[1])


def _find(program: str) -> str:
    for directory in os.get_exec_path():
        if os.access(path := f"{directory}/{program}", os.X_OK):
            return path
    package = "passt" if program == "pasta" else program
    raise HelperUnavailable(program, f"there is no such program here; Debian has it in the package {package}")


def command(plan: NetworkPlan, executable: str) -> list[str]:
    """Its command line. Descriptor 3 is the network namespace, 4 the directory of slirp4netns's socket."""
    if plan.helper == "slirp4netns":
        options = ["--configure", "--mtu=65520", "--disable-host-loopback", "--netns-type=path"]
        if plan.ports:
            options.append(f"--api-socket=/proc/self/fd/{_DIRECTORY}/{_socket_name(plan)}")
        return [executable, *options, f"/proc/self/fd/{_NETNS}", "eth0"]
    options = ["--foreground", "--quiet", "--config-net", "--ipv4-only", "--ns-ifname", "eth0", "--no-map-gw"]
    options += ["--address", HELPER_ADDRESS, "--netmask", "255.255.255.0", "--gateway", HELPER_GATEWAY]
    options += ["--dns-forward", HELPER_RESOLVER, "--tcp-ns", "none", "--udp-ns", "none"]
    for protocol, option in (("tcp", "--tcp-ports"), ("udp", "--udp-ports")):
        places = [
            f"{each.host_ip}/{each.host_port}:{each.container_port}" for each in plan.ports if each.protocol == protocol
        ]
        for place in places or ["none"]:
            options += [option, place]
    return [executable, *options, "--netns-only", "--netns", f"/proc/self/fd/{_NETNS}"]


def _socket_name(plan: NetworkPlan) -> str:
    return f"{plan.container[:12]}.sock"


# -- the keeper


def _keep(plan: NetworkPlan, executable: str, netns: int, container: RouteSocket, channel: _socket.socket) -> None:
    os.setsid()
    processes.set_name("izba-keeper")
    directory = os.open(plan.run, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    said, their_stderr = os.pipe2(os.O_CLOEXEC)
    program = os.fork()
    if program == 0:
        _execute(command(plan, executable), {_NETNS: netns, _DIRECTORY: directory, 2: their_stderr})
    os.close(their_stderr)
    pidfd = os.pidfd_open(program)
    try:
        processes.close_all_but({channel.fileno(), netns, directory, said, pidfd, container.fileno()})
        _await_route(container, pidfd, said)
        container.close()
        if plan.helper == "slirp4netns" and plan.ports:
            _forward(plan, directory, pidfd)
    except OSError as error:
        _end(program)
        wire.send(channel, {"error": error.strerror or str(error)})
        return
    os.close(netns)
    wire.send(channel, {"ok": True})
    _wait(channel, pidfd, said)
    _end(program)


def _end(program: int) -> None:
    """Whoever waits for the keeper's end finds the program's ports free."""
    os.kill(program, _signal.SIGKILL)  # our child: the number is its own until it is waited for
    os.waitpid(program, 0)


def _execute(command: list[str], fds: dict[int, int]) -> None:
    """Become the program, with these descriptors under these numbers."""
    try:
        processes.set_parent_death_signal(_signal.SIGKILL)
        for number in (_signal.SIGCHLD, _signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP, _signal.SIGPIPE):
            _signal.signal(number, _signal.SIG_DFL)
        import fcntl

        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        # Out of the way of the numbers first: one descriptor's number may be another one's wish.
        high = {wish: fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 64) for wish, fd in ({0: null, 1: null} | fds).items()}
        for wish, fd in high.items():
            os.dup2(fd, wish)
        processes.close_range(max(high) + 1)
        os.execv(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def _await_route(container: RouteSocket, pidfd: int, said: int) -> None:
    """Wait until the container has its default route, which both programs set last. Raises `OSError`."""
    deadline = time.monotonic() + _PATIENCE
    while not any(route.prefix == 0 for route in container.routes()):
        if processes.has_ended(pidfd, 2):
            words = os.read(said, _READ).decode(errors="replace").split("\n")
            raise OSError("; ".join(word for line in words if (word := line.strip())) or "it ended without a word")
        if time.monotonic() > deadline:
            raise OSError(f"it did not set up the container's network in {_PATIENCE:.0f} seconds")


def _forward(plan: NetworkPlan, directory: int, pidfd: int) -> None:
    """Publish the ports by slirp4netns's own protocol: one request and one answer for each connection."""
    path = f"/proc/self/fd/{directory}/{_socket_name(plan)}"
    try:
        for each in plan.ports:
            places = {"proto": each.protocol, "host_addr": each.host_ip, "host_port": each.host_port}
            request = {"execute": "add_hostfwd", "arguments": places | {"guest_port": each.container_port}}
            connection = _connected(path, pidfd)
            connection.sendall(jsonio.dumps(request).encode())
            connection.shutdown(_socket.SHUT_WR)
            answer = jsonio.loads(connection.recv(_READ))
            connection.close()
            if "error" in answer:
                reason = answer["error"].get("desc", "no reason given")
                raise OSError(f"cannot publish {each.host_ip}:{each.host_port}/{each.protocol}: {reason}")
    finally:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass


def _connected(path: str, pidfd: int) -> _socket.socket:
    """slirp4netns makes its socket after the route; it has ended, or is about to have it."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        connection.settimeout(_PATIENCE)
        try:
            connection.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            if processes.has_ended(pidfd, 2) or time.monotonic() > deadline:
                raise
            continue
        return connection


def _wait(channel: _socket.socket, pidfd: int, said: int) -> None:
    """Until the monitor has let go, or the program ended. What it says goes nowhere."""
    poll = select.poll()
    for fd in (channel.fileno(), pidfd, said):
        poll.register(fd, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd != said:
                return
            if not os.read(said, _READ):
                poll.unregister(said)
