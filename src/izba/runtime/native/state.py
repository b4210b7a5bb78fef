"""The containers of `izba-oci`: a directory each, with what their state is derived from.

state.json holds facts; whether the init lives is asked each time, and start.sock is there until the start.
"""

from __future__ import annotations

import os

from izba import jsonio
from izba._record import Record
from izba.errors import AlreadyExists, InvalidArgument, NotFound
from izba.linux import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from izba.oci.runtimespec import Spec, State

_ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.")


class OciContainerNotFound(NotFound):
    def __init__(self, id: str) -> None:
        super().__init__(f"container {id!r} does not exist")
        self.id = id


class Container(Record):
    """What `create` wrote."""

    id: str
    directory: str
    bundle: str
    pid: int
    start_time: int
    created: str
    cgroup: str
    spec: Spec

    @property
    def socket(self) -> str:
        return f"{self.directory}/start.sock"

    @property
    def status(self) -> str:
        """`created`, `running` or `stopped` (runtime.md, State)."""
        if not process.is_alive(self.pid, self.start_time):
            return "stopped"
        return "created" if os.path.exists(self.socket) else "running"

    def state(self) -> State:
        """The State document."""
        status = self.status
        state: State = {
            "ociVersion": self.spec["ociVersion"],
            "id": self.id,
            "status": status,
            "pid": 0 if status == "stopped" else self.pid,
            "bundle": self.bundle,
        }
        if "annotations" in self.spec:
            state["annotations"] = self.spec["annotations"]
        return state

    def save(self) -> None:
        facts = {field: getattr(self, field) for field in self.__fields__ if field not in {"id", "directory"}}
        jsonio.write(f"{self.directory}/state.json", facts, mode=0o600, durable=False)


def reserve(root: str, id: str) -> str:
    """The new directory of a container; it is the lock against another of the same id. Raises `AlreadyExists`."""
    if not id or not _ALPHABET.issuperset(id) or id in {".", ".."}:
        raise InvalidArgument(f"invalid container id: {id!r}")
    os.makedirs(root, mode=0o700, exist_ok=True)
    try:
        os.mkdir(f"{root}/{id}", 0o700)
    except FileExistsError:
        raise AlreadyExists(f"container {id!r} exists already") from None
    return f"{root}/{id}"


def load(root: str, id: str) -> Container:
    """The container `id`. Raises `OciContainerNotFound`."""
    if not _ALPHABET.issuperset(id):
        raise OciContainerNotFound(id)
    directory = f"{root}/{id}"
    try:
        facts = jsonio.read(f"{directory}/state.json")
    except (FileNotFoundError, NotADirectoryError):
        raise OciContainerNotFound(id) from None
    return Container(id=id, directory=directory, **facts)


def load_all(root: str) -> Iterator[Container]:
    """All containers, by id."""
    for id in sorted(os.listdir(root)) if os.path.isdir(root) else ():
        try:
            yield load(root, id)
        except OciContainerNotFound:  # being made or removed
            continue


def forget(directory: str) -> None:
    """Remove the directory."""
    for name in os.listdir(directory):
        os.unlink(f"{directory}/{name}")
    os.rmdir(directory)
