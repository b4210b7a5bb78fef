"""What builds keep beside images: its size, and letting go of it."""

from __future__ import annotations

import os
import time

from izba._record import Record
from izba.build.cache import BuildCache, CacheRecord
from izba.build.stepmounts import CacheLock
from izba.store.snapshots.trees import remove_tree, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from izba.store.store import Store


class Kept(Record):
    """One thing that builds keep. `kind` is a step, a cache mount, or files of izba's own that save time, such as the
    packages that base images were made of.

    `in_use`: an image or a container stands on it, so that dropping the record frees nothing.
    """

    id: str
    kind: str
    description: str
    size: int
    created: int
    used: int
    uses: int
    in_use: bool


class Pruned(Record):
    """What was let go, and the bytes that this freed."""

    removed: tuple[Kept, ...]
    size: int


def kept(store: Store) -> list[Kept]:
    """All that builds keep, the least recently used first."""
    used = _used_chains(store)
    counted: set[tuple[int, int]] = set()
    # What layers share is counted where it stays longest.
    records = sorted(BuildCache(store).records(), key=lambda record: (record.chain not in used, -record.used))
    steps = [_step(store, record, counted, in_use=record.chain in used) for record in records]
    return sorted([*steps, *_directories(store), *_packages(store)], key=lambda each: each.used)


def prune(
    store: Store, *, all: bool = False, before: int | None = None, keep_bytes: int = 0, wanted: Callable[[Kept], bool]
) -> Pruned:
    """Let go of what is `wanted`, was last used `before` (nanoseconds), and is more than `keep_bytes`.

    Without `all`, what images are made of stays: it costs nothing beside them; and so do packages, which may not be had
    again everywhere. Cache mounts that a build is using stay, and packages while an image is made of some.
    """
    cache = BuildCache(store)
    everything = kept(store)
    total = sum(each.size for each in everything if not each.in_use)
    removed: list[Kept] = []
    freed = 0
    for each in everything:
        is_spared = (each.in_use or each.id == _PACKAGES) and not all
        if is_spared or (before is not None and each.used >= before) or not wanted(each):
            continue
        if keep_bytes and total <= keep_bytes:
            break
        if each.kind == "step":
            cache.forget_id(each.id)
        elif not _remove_directory(store.roots.data, each.id):
            continue
        else:
            freed += each.size
        total -= 0 if each.in_use else each.size
        removed.append(each)
    cache.drop_orphans()
    _drop_notes(store, cache)
    return Pruned(removed=tuple(removed), size=freed + store.collect().size)


def _step(store: Store, record: CacheRecord, counted: set[tuple[int, int]], *, in_use: bool) -> Kept:
    size = 0
    if record.diff_id is not None and record.chain is not None and store.snapshots.has(record.chain):
        size = store.snapshots.usage(record.chain, counted=counted).size
    return Kept(
        id=record.key.hex,
        kind="step",
        description=record.description,
        size=size,
        created=record.created,
        used=record.used,
        uses=record.uses,
        in_use=in_use,
    )


def _used_chains(store: Store) -> set[str]:
    """The snapshots that images and containers stand on."""
    rows = store.db.rows(
        "WITH RECURSIVE used(id) AS ("
        " SELECT id FROM snapshots WHERE key IN (SELECT chain_id FROM images UNION SELECT snapshot FROM containers)"
        " UNION SELECT parent FROM snapshots JOIN used USING (id) WHERE parent IS NOT NULL)"
        " SELECT key FROM snapshots JOIN used USING (id)"
    )
    return {key for (key,) in rows}


_KINDS = {
    "mounts": "cache mount",
    "downloads": "download",
    "contexts": "context index",
    "outcomes": "build outcome",
    "trust": "host trust",
}


def _directories(store: Store) -> list[Kept]:
    found: list[Kept] = []
    for name, kind in _KINDS.items():
        parent = f"{store.roots.data}/build/{name}"
        if not os.path.isdir(parent):
            continue
        for entry in os.scandir(parent):
            if entry.name.endswith((".lock", ".tmp")):
                continue
            status = entry.stat(follow_symlinks=False)
            size = usage(entry.path).size if entry.is_dir(follow_symlinks=False) else status.st_blocks * 512
            times = (status.st_ctime_ns, max(status.st_atime_ns, status.st_mtime_ns))
            found.append(
                Kept(
                    id=f"{name}/{entry.name}",
                    kind=kind,
                    description=entry.name[:12],
                    size=size,
                    created=times[0],
                    used=times[1],
                    uses=0,
                    in_use=False,
                )
            )
    return found


_PACKAGES = "bootstrap"
"""What `izba image bootstrap` downloaded (`bootstrap.fetch.cache`): one thing, in a directory of that name."""


def _packages(store: Store) -> list[Kept]:
    path = f"{store.roots.data}/cache/{_PACKAGES}"
    if not os.path.isdir(path):
        return []
    changes = [entry.stat().st_mtime_ns for entry in os.scandir(path)]
    return [
        Kept(
            id=_PACKAGES,
            kind="packages",
            description="packages that base images are made of",
            size=usage(path).size,
            created=min(changes, default=0),
            used=max(changes, default=0),
            uses=0,
            in_use=False,
        )
    ]


def _remove_directory(data: str, id: str) -> bool:
    """Remove a directory or file of `_directories` or `_packages`; False where somebody is using it."""
    path = f"{data}/cache/{id}" if id == _PACKAGES else f"{data}/build/{id}"
    if id != _PACKAGES and not id.startswith("mounts/"):
        if os.path.isdir(path):
            remove_tree(path)
        else:
            os.unlink(path)
        return True
    with CacheLock(f"{path}.lock", shared=False) as lock:
        if not lock.try_acquire():
            return False
        doomed = f"{path}.{time.time_ns()}.tmp"
        os.rename(path, doomed)
    remove_tree(doomed)
    return True


def _drop_notes(store: Store, cache: BuildCache) -> None:
    """What is noted of layers that nobody remembers."""
    directory = f"{store.roots.data}/build/copied"
    if os.path.isdir(directory):
        known = {record.chain.hex for record in cache.records() if record.chain is not None}
        for name in os.listdir(directory):
            if name not in known:
                os.unlink(f"{directory}/{name}")
