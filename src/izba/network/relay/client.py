"""Finding the relay of an izba, or starting it; and what a container's starter says to it."""

from __future__ import annotations

import _socket
import fcntl
import os

from izba.errors import Unavailable
from izba.linux import process as processes
from izba.linux import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from izba.network.plan import LinkPlan, NetworkPlan, PortBinding

SOCKET = "relay.sock"
_LOG = "relay.log"
_TRIES = 5
_MOST = 200


class RelayUnavailable(Unavailable):
    """The networks' own process cannot be started, or ends at once."""

    def __init__(self, run: str) -> None:
        super().__init__(
            f"the process that serves this izba's networks ended again and again: {_last_words(run)}",
            hint="--network host shares the host's network; `izba doctor` says what this machine allows",
        )


class Connection:
    """A connection to the relay; the container it registers counts as running while it is open, here or elsewhere."""

    def __init__(self, connected: _socket.socket) -> None:
        self._socket = connected

    def fileno(self) -> int:
        """The descriptor, to be passed on to the container's monitor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Let go of it here."""
        self._socket.close()

    def namespaces(self) -> tuple[int, int]:
        """The user's own user and network namespace (rootless)."""
        user, net = self._ask({"verb": "namespaces"})
        return user, net

    def names(self, container: str, servers: Sequence[str], sockets: Sequence[_socket.socket]) -> None:
        """Let the container's questions be answered, and its names be found."""
        value = {"verb": "names", "container": container, "servers": list(servers)}
        self._ask(value, [each.fileno() for each in sockets])

    def ports(self, target: LinkPlan, places: Sequence[PortBinding], sockets: Sequence[int]) -> None:
        """Let what comes by the sockets be carried to the container at the link's address."""
        address, subnet = target.address, f"{target.gateway}/{target.prefix}"
        for first in range(0, len(places), _MOST):
            part = places[first : first + _MOST]
            listed = [[each.protocol, address, each.container_port] for each in part]
            value = {"verb": "ports", "subnet": subnet, "places": listed}
            self._ask(value, sockets[first : first + _MOST])

    def hello(self) -> None:
        """Raises `EOFError` where the relay is about to end."""
        self._ask({"verb": "hello"})

    def _ask(self, value: dict[str, Any], fds: Sequence[int] = ()) -> list[int]:
        wire.send(self._socket, value, fds=fds)
        return wire.receive(self._socket)[1]


def connect(plan: NetworkPlan, namespaces: Sequence[int] = ()) -> Connection:
    """A connection to the relay of the plan's izba, which is started if it is not there.

    A new one takes over `namespaces`, where given: those that an earlier one made, and containers still are in.
    To be called as the user is (not in a user namespace), with a single thread. Raises `RelayUnavailable`.
    """
    for _ in range(_TRIES):
        connection = Connection(_connect(plan, namespaces))
        try:
            connection.hello()
        except EOFError:  # it was about to end
            connection.close()
            continue
        return connection
    raise RelayUnavailable(plan.run)


def _last_words(run: str) -> str:
    try:
        with open(f"{run}/{_LOG}", encoding="utf-8", errors="replace") as file:
            return (file.read().splitlines() or ["it said nothing"])[-1]
    except OSError:
        return "it said nothing"


def is_running(run: str) -> bool:
    """Whether a relay serves in this run directory."""
    try:
        _connected(run).close()
    except OSError:
        return False
    return True


def _connect(plan: NetworkPlan, namespaces: Sequence[int]) -> _socket.socket:
    try:
        return _connected(plan.run)
    except OSError:  # not there, or of one that was killed
        os.makedirs(plan.run, mode=0o700, exist_ok=True)
    lock = os.open(f"{plan.run}/relay.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return _connected(plan.run)
        except OSError:
            _start(plan, namespaces or (held_by_monitors(plan.owner) if plan.rootless else ()))
            return _connected(plan.run)
    finally:
        os.close(lock)


def held_by_monitors(owner: str) -> tuple[int, ...]:
    """The user and network namespace that containers of this izba are in, of a relay that was killed a moment ago.

    Their monitors have them open, along with the container's directory, by which they are known. A container's process
    may look the same, but never in a user namespace that is ours.
    """
    ours = os.readlink("/proc/self/ns/user")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii", errors="replace") as file:
                if file.read() != "izba-monitor\n":
                    continue
            if os.readlink(f"/proc/{pid}/ns/user") != ours:
                continue
            links = {os.readlink(f"/proc/{pid}/fd/{fd}"): fd for fd in os.listdir(f"/proc/{pid}/fd")}
            if not any(target.startswith(f"{owner}/containers/") for target in links):
                continue
            held = {
                target.partition(":")[0]: fd for target, fd in links.items() if target.startswith(("user:", "net:"))
            }
            if len(held) == 2:
                return tuple(os.open(f"/proc/{pid}/fd/{held[name]}", os.O_RDONLY) for name in ("user", "net"))
        except OSError:  # ended meanwhile, or another user's
            continue
    return ()


def _connected(run: str) -> _socket.socket:
    made = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    try:
        _by_directory(run, made.connect)
    except BaseException:
        made.close()
        raise
    return made


def _start(plan: NetworkPlan, namespaces: Sequence[int]) -> None:
    """Fork it, as nobody's child, with a socket that takes connections before it runs."""
    path = f"{plan.run}/{SOCKET}"
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    try:
        _by_directory(plan.run, listener.bind)
        os.chmod(path, 0o600)
        listener.listen(128)
        child = os.fork()
        if child == 0:
            try:
                if os.fork() == 0:
                    _become(listener, plan, path, tuple(namespaces))
            finally:
                os._exit(0)
        os.waitpid(child, 0)
    finally:
        listener.close()


def _become(listener: _socket.socket, plan: NetworkPlan, path: str, namespaces: tuple[int, ...]) -> None:
    import _signal
    import gc

    os.setsid()
    _signal.set_wakeup_fd(-1)
    for number in (_signal.SIGCHLD, _signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP, _signal.SIGQUIT):
        _signal.signal(number, _signal.SIG_DFL)
    _signal.signal(_signal.SIGPIPE, _signal.SIG_IGN)
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1):
        os.dup2(null, fd)
    log = os.open(f"{plan.run}/{_LOG}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 2)
    processes.close_all_but({0, 1, 2, listener.fileno(), *namespaces})
    os.chdir("/")
    os.umask(0o077)
    gc.collect()
    gc.freeze()
    from izba.network.relay.process import main

    try:
        main(listener, plan.owner, path, namespaces, rootless=plan.rootless)
    except Exception:  # the last frame of this process
        import traceback

        traceback.print_exc()


def _by_directory(directory: str, call: Any) -> None:
    # A socket's address holds 107 bytes; a path by way of a descriptor is always short enough (unix(7)).
    fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        call(f"/proc/self/fd/{fd}/{SOCKET}")
    finally:
        os.close(fd)
