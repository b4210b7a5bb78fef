"""A layer from packages: unpack, configure in a container, commit; or the one that was made from the same before."""

from __future__ import annotations

import os
import stat

from izba import __version__, jsonio
from izba._record import Record
from izba.bootstrap.debian.configure import configure
from izba.bootstrap.debian.unpack import Trim, Unpacking
from izba.bootstrap.progress import Step
from izba.errors import IzbaError
from izba.ids import new_id
from izba.layer.diff import clamp_times
from izba.layer.fsops import fsops
from izba.layer.streams import Discard
from izba.linux import rootpath
from izba.oci.chain import next_chain_id
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from izba.bootstrap.debian.index import Package
    from izba.bootstrap.rootfs import File
    from izba.bootstrap.workshop import Workshop
    from izba.store.leases import Lease


class Plan(Record):
    """All that a layer follows from: the same plan gives the same layer.

    parent    the layer below
    packages  what is installed, in the order of `resolve`, with the paths of the files
    trim      what is left out
    before    files put there before the packages, and `after` them
    others    more tar, made when it is asked for; `identity` tells it apart
    script    what is run in a container after all is unpacked; None: nothing is
    owners    paths that `script` gives to others, with uid and gid: where one id is all there is, that was pretended
    oldest    the least that the layer's `newest` is
    """

    parent: Layer | None = None
    packages: tuple[tuple[Package, str], ...] = ()
    trim: Trim = Trim()
    before: tuple[File, ...] = ()
    after: tuple[File, ...] = ()
    others: Callable[[], Iterable[bytes]] | None = None
    identity: tuple[str, ...] = ()
    script: str | None = None
    owners: tuple[tuple[str, int, int], ...] = ()
    oldest: int = 0

    def digest(self) -> Digest:
        """The digest of everything here."""
        return Digest.of(
            jsonio.dumps(
                [
                    __version__,
                    self.parent.chain_id if self.parent else "",
                    [[package.identity, package.promise.hex] for package, _ in self.packages],
                    repr((self.trim, self.before, self.after)),
                    list(self.identity),
                    self.script or "",
                ]
            ).encode()
        )


class Layer(Record):
    """A committed layer. `newest` is the time, in seconds, of the newest file that it or one below it came with."""

    diff_id: Digest
    size: int
    chain_id: Digest
    newest: int
    parent: Layer | None = None

    def stack(self) -> list[Layer]:
        """This layer and those below, lowest first."""
        return [*(self.parent.stack() if self.parent else []), self]


def make_layer(workshop: Workshop, plan: Plan, lease: Lease, *, what: str) -> Layer:
    """The layer of `plan`, in the store and pinned by `lease`."""
    record = f"{workshop.cache.directory}/layers/{plan.digest().hex}.json"
    layer = _recorded(plan, record)
    if layer is None or not lease.pin_snapshot(layer.chain_id):
        layer = _made(workshop, plan, record, what)
    workshop.store.layers.record(layer.diff_id, layer.size)
    return layer


def _recorded(plan: Plan, record: str) -> Layer | None:
    """The layer that a plan like this gave before; it may be gone by now."""
    try:
        values = jsonio.read(record)
        diff_id, size, newest = Digest.parse(values["diff_id"]), int(values["size"]), int(values["newest"])
    except (OSError, IzbaError, KeyError, TypeError, ValueError):
        return None
    return _layer(plan, diff_id, size, newest)


def _made(workshop: Workshop, plan: Plan, record: str, what: str) -> Layer:
    snapshots = workshop.store.snapshots
    key = f"bootstrap-{new_id()}"
    snapshots.prepare(key, plan.parent.chain_id if plan.parent else None)
    try:
        newest = _fill(workshop, plan, key, what)
        clamp_times(snapshots.upper(key), newest=newest)
        written = snapshots.write_layer(key, Discard())
        layer = _layer(plan, written.diff_id, written.size, newest)
        snapshots.commit(layer.chain_id, key, diff_id=layer.diff_id, size=layer.size)
    except BaseException:
        snapshots.remove(key)
        raise
    os.makedirs(os.path.dirname(record), exist_ok=True)
    jsonio.write(record, {"diff_id": layer.diff_id, "size": layer.size, "newest": layer.newest}, durable=False)
    return layer


def _fill(workshop: Workshop, plan: Plan, key: str, what: str) -> int:
    workshop.progress(Step(text=f"Unpacking {what}"))
    unpacking = Unpacking(
        plan.packages,
        trim=plan.trim,
        before=plan.before,
        after=plan.after,
        others=plan.others() if plan.others else (),
        oldest=max(plan.oldest, plan.parent.newest if plan.parent else 0),
    )
    workshop.store.snapshots.apply(key, unpacking.stream)
    if plan.script is not None:
        workshop.progress(Step(text=f"Configuring {what}"))
        configure(workshop, key, plan.script, epoch=unpacking.newest, what=what)
        if workshop.host.single_id:
            _give_away(workshop.store.snapshots.upper(key), plan.owners)
    return unpacking.newest


def _give_away(directory: str, owners: Iterable[tuple[str, int, int]]) -> None:
    """Record the owners that the container could not give, so that the layer is the one that root would have made."""
    ops = fsops()
    root = rootpath.open_root(directory)
    try:
        for path, uid, gid in owners:
            try:
                fd = rootpath.open_in_root(root, path, os.O_RDONLY | os.O_NOFOLLOW)
            except FileNotFoundError:  # this layer did not touch it
                continue
            ops.settle(fd, uid, gid, stat.S_IMODE(os.fstat(fd).st_mode))
            os.close(fd)
    finally:
        os.close(root)


def _layer(plan: Plan, diff_id: Digest, size: int, newest: int) -> Layer:
    chain = next_chain_id(plan.parent.chain_id if plan.parent else None, diff_id)
    return Layer(diff_id=diff_id, size=size, chain_id=chain, newest=newest, parent=plan.parent)
