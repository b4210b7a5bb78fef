"""Images made in a store as a build makes them: files in a snapshot, committed under what its tar digests to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from izba.image.mutate import create_image
from izba.image.stored import StoredImage
from izba.layer.streams import Discard
from izba.oci.chain import next_chain_id
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest
from izba.oci.platform import host
from izba.oci.reference import Reference
from izba.paths import Roots
from izba.store.store import Store

Fill = Callable[[Path], None]


def open_store(path: Path) -> Store:
    return Store.open(Roots(data=str(path), run=f"{path}/run", config=f"{path}/config", rootless=False))


def files(contents: Mapping[str, str | bytes]) -> Fill:
    """Writes these files, with fixed times."""

    def fill(root: Path) -> None:
        for name, data in contents.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.encode() if isinstance(data, str) else data)
        for path in root.rglob("*"):
            os.utime(path, (1_600_000_000, 1_600_000_000), follow_symlinks=False)

    return fill


def build(store: Store, name: str | None, *layers: Fill, config: Mapping[str, object] | None = None) -> StoredImage:
    """An image of one layer for each of `layers`."""
    descriptors: list[Descriptor] = []
    chain: Digest | None = None
    with store.lease("test"):
        for number, fill in enumerate(layers):
            key = f"step-{number}"
            store.snapshots.prepare(key, chain)
            fill(Path(store.snapshots.upper(key)))
            written = store.snapshots.write_layer(key, Discard())
            chain = next_chain_id(chain, written.diff_id)
            store.layers.record(written.diff_id, written.size)
            store.snapshots.commit(chain, key, diff_id=written.diff_id, size=written.size)
            descriptors.append(store.layers.descriptor(written.diff_id))
        return create_image(
            store,
            config={  # type: ignore[arg-type]
                "created": "2020-09-13T12:26:40Z",
                "architecture": host().architecture,
                "os": "linux",
                "config": {"Cmd": ["/bin/true"], "Env": ["A=1"], **(config or {})},
                "rootfs": {"type": "layers", "diff_ids": [one.digest for one in descriptors]},
                "history": [{"created_by": "test"} for _ in descriptors],
            },
            layers=descriptors,
            name=None if name is None else Reference.parse(name),
        )


@contextmanager
def store_at(path: Path) -> Iterator[Store]:
    with open_store(path) as store:
        yield store
