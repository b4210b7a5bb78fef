"""`--userns keep-id`: in the container the user has the ids that the host knows it by, or those that were asked for.

As an ordinary user izba is root of a user namespace in which the user's own ids are 0, and those of /etc/subuid follow.
Without more the container shares it: what belongs to its root belongs to the user, outside. With keep-id it gets a
namespace of its own below that one, in which the user's ids have another place:

    izba's namespace      0 (the user)   1 … uid    uid + 1 …
    the container         uid            0 … uid-1  uid + 1 …

The image's files have to follow. They are copied once, with the owners that the container is to see, as a snapshot that
stays as long as a container needs it. With a single id there is nothing to copy: all files are the user's.
"""

from __future__ import annotations

from izba._record import Record
from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from izba.engine.engine import Engine
    from izba.layer.fsops import FsOps, Node
    from izba.oci.digest import Digest

    Map = tuple[int, int, int]


class KeepId(Record):
    """The user's ids in the container; `uids` and `gids` are how many izba's own namespace has."""

    uid: int
    gid: int
    uids: int
    gids: int

    @property
    def uid_map(self) -> tuple[Map, ...]:
        """As (in the container, in izba's namespace, how many)."""
        return _map(self.uid, self.uids)

    @property
    def gid_map(self) -> tuple[Map, ...]:
        return _map(self.gid, self.gids)

    @property
    def moves_files(self) -> bool:
        """Whether the image's files need other owners."""
        return self.uids > 1 and (self.uid, self.gid) != (0, 0)


def keep_id(mode: str, *, rootless: bool) -> KeepId | None:
    """What a `UsernsMode` asks for, inside izba's user namespace. Raises `InvalidArgument`."""
    check(mode)
    kind, _, options = mode.partition(":")
    if kind != "keep-id":
        return None
    asked = _options(options)
    (own_uid, uids), (own_gid, gids) = _namespace("uid"), _namespace("gid")
    uid, gid = asked.get("uid", own_uid), asked.get("gid", own_gid)
    if not rootless:
        if uid or gid:
            raise InvalidArgument(
                "--userns keep-id: root's ids are those of the host; only an ordinary user has others"
            )
        return None
    return KeepId(uid=uid, gid=gid, uids=uids, gids=gids) if uid or gid else None


def check(mode: str) -> None:
    """Raises `InvalidArgument` for what is no user namespace that izba has."""
    kind, _, options = mode.partition(":")
    if kind == "keep-id":
        _options(options)
    elif mode not in {"", "host"}:
        raise InvalidArgument(f"--userns: invalid USER mode: {mode!r}", hint="host and keep-id[:uid=N,gid=N] are")


def _options(text: str) -> dict[str, int]:
    found = {}
    for word in text.split(",") if text else ():
        name, _, value = word.partition("=")
        if name not in {"uid", "gid"} or not value.isdecimal() or int(value) >= 1 << 31:
            raise InvalidArgument(f"--userns keep-id: {word!r} is neither uid=N nor gid=N")
        found[name] = int(value)
    return found


def _namespace(kind: str) -> tuple[int, int]:
    """The user's own id outside of this namespace, and how many ids it has."""
    own, count = 0, 0
    with open(f"/proc/self/{kind}_map", encoding="utf-8") as file:
        for line in file:
            inside, outside, size = map(int, line.split())
            own = outside if inside == 0 else own
            count += size
    return own, count


def _map(id: int, count: int) -> tuple[Map, ...]:
    below = min(id, count - 1)
    above = count - 1 - below
    return tuple(each for each in ((0, 1, below), (id, 0, 1), (id + 1, below + 1, above)) if each[2] > 0)


def owner(id: int, map: tuple[Map, ...]) -> int:
    """The id of izba's namespace that is `id` in the container; its own where the container has none of this number."""
    for inside, outside, size in map:
        if inside <= id < inside + size:
            return outside + id - inside
    return id


class _Moved:
    """File operations that give each file the owner which the container is to see."""

    def __init__(self, ops: FsOps, keep: KeepId) -> None:
        self._ops = ops
        self._uids, self._gids = keep.uid_map, keep.gid_map

    def settle(self, fd: int, uid: int, gid: int, mode: int) -> None:
        self._ops.settle(fd, owner(uid, self._uids), owner(gid, self._gids), mode)

    def settle_link(self, name: bytes, directory: int, uid: int, gid: int) -> None:
        self._ops.settle_link(name, directory, owner(uid, self._uids), owner(gid, self._gids))

    def make_node(self, name: bytes, directory: int, node: Node) -> None:
        moved = node.replace(uid=owner(node.uid, self._uids), gid=owner(node.gid, self._gids))
        self._ops.make_node(name, directory, moved)

    def told(self, status: os.stat_result, xattrs: Mapping[str, bytes]) -> Node:
        return self._ops.told(status, xattrs)


def with_owners(engine: Engine, chain: Digest | None, keep: KeepId | None) -> Digest | None:
    """The snapshot for a container of the image with this chain id: itself, or its copy with other owners."""
    if chain is None or keep is None or not keep.moves_files:
        return chain
    from izba.oci.digest import Digest

    store = engine.store
    name = Digest.of(f"keep-id:{keep.uid}:{keep.gid}:{keep.uids}:{keep.gids}:{chain}".encode())
    with store.lock(f"unpack-{name.hex}", what=f"owners of {chain}", timeout=1800.0):
        if not store.snapshots.has(name):
            _copy(engine, chain, keep, name)
    return name


def _copy(engine: Engine, chain: Digest, keep: KeepId, name: Digest) -> None:
    import os

    from izba import log
    from izba.ids import new_id
    from izba.image.merged import open_committed
    from izba.layer.fsops import fsops
    from izba.layer.streams import Discard
    from izba.volume.copyup import copy_tree

    log.warning(f"the image's files are copied once, with owners for {keep.uid}:{keep.gid} (--userns keep-id)")
    snapshots = engine.store.snapshots
    key = f"keep-id-{new_id()}"
    snapshots.prepare(key, None)
    try:
        tree = open_committed(engine.store, chain)
        try:
            copy_tree(tree, snapshots.upper(key), write=fsops(), apply=_Moved(fsops(), keep))
        finally:
            os.close(tree)
        written = snapshots.write_layer(key, Discard())
        snapshots.commit(name, key, diff_id=written.diff_id, size=written.size)
        snapshots.sync()
    except BaseException:
        snapshots.remove(key)
        raise
