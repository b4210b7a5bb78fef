"""What a check of the store finds, and how it is mended."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from izba.image.stored import find, require
from izba.oci.digest import Digest
from izba.store.check import Problem, check, repair
from izba.store.store import Store
from tests.store.conftest import roots_at
from tests.support.children import in_child
from tests.support.layers import build_own_layer, insert_container, load, tar

pytestmark = pytest.mark.root

ONE = tar({"one": b"1"})
TWO = tar({"two": b"2"})


def test_a_healthy_store_has_no_problem(store: Store) -> None:
    load(store, [ONE, TWO], "app")
    insert_container(store, "app")

    assert check(store, verify=True) == []


def _damage_blob_missing(store: Store) -> None:
    os.unlink(store.content.path(require(store, "app").id))


def _damage_layer_blob_missing(store: Store) -> None:
    os.unlink(store.content.path(require(store, "app").layers[0].digest))


def _damage_blob_cut(store: Store) -> None:
    os.truncate(store.content.path(require(store, "app").id), 3)


def _damage_snapshot_missing(store: Store) -> None:
    from izba.store.snapshots.trees import remove_tree

    remove_tree(store.snapshots.directory(1))


def _damage_container_row(store: Store) -> None:
    store.snapshots.remove("c" * 64)


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        (_damage_blob_missing, "blob-missing"),
        (_damage_layer_blob_missing, "blob-missing"),
        (_damage_blob_cut, "blob-corrupt"),
        (_damage_snapshot_missing, "snapshot-missing"),
        (_damage_container_row, "container-broken"),
    ],
)
def test_damage_is_found_and_mended_so_that_all_can_be_had_again(damage: object, kind: str, store: Store) -> None:
    image = load(store, [ONE, TWO], "app")
    insert_container(store, "app")
    damage(store)  # type: ignore[operator]

    problems = check(store)
    assert [problem.kind for problem in problems] == [kind]
    if kind != "container-broken":
        assert problems[0].images == (image.id,)

    repair(store, problems)
    assert check(store, verify=True) == []
    load(store, [ONE, TWO], "app")
    assert require(store, "app").chain_id is not None
    assert check(store, verify=True) == []


def test_rot_is_found_by_reading_everything(store: Store) -> None:
    load(store, [ONE], "app")
    (layer,) = require(store, "app").layers
    with open(store.content.path(layer.digest), "r+b") as file:
        file.write(b"?")

    assert check(store) == []
    problems = check(store, verify=True)
    assert [(problem.kind, problem.subject) for problem in problems] == [("blob-corrupt", layer.digest)]

    repair(store, problems)
    assert check(store, verify=True) == []


def test_an_own_layer_that_was_changed_is_found_by_reading_everything(store: Store) -> None:
    build_own_layer(store)
    key = next(snapshot.key for snapshot in store.snapshots.walk() if snapshot.parent is not None)
    Path(store.snapshots.upper(key), "smuggled").write_text("in")

    problems = check(store, verify=True)
    assert [(problem.kind, problem.subject) for problem in problems] == [("snapshot-corrupt", key)]

    repair(store, problems)
    assert check(store, verify=True) == []
    assert find(store, "built") is None
    assert find(store, "base") is not None


def test_orphans_are_found_and_removed(store: Store) -> None:
    load(store, [ONE], "app")
    Path(store.content.path(Digest.of(b"orphan"))).write_bytes(b"orphan")
    os.makedirs(store.snapshots.directory(99) + "/fs")
    in_child(lambda: store.lease("killed").__enter__() and None)

    problems = check(store)
    assert sorted(problem.kind for problem in problems) == ["blob-orphaned", "lease-dead", "snapshot-orphaned"]

    repair(store, problems)
    assert check(store) == []


def test_what_another_process_is_removing_is_no_orphan_and_what_it_left_is(store: Store) -> None:
    load(store, [ONE], "app")
    chain = require(store, "app").chain_id

    def remove(key: str, *, when: Callable[[], None]) -> None:
        store.snapshots.prepare(key, chain)
        with store.db.transaction():
            store.db.after(when)  # before the directory goes, since it comes first
            store.snapshots.remove(key)

    def look() -> None:
        with Store.open(store.roots) as other:
            found.append(check(other))

    found: list[list[Problem]] = []
    remove("one", when=look)
    in_child(lambda: remove("two", when=lambda: os._exit(0)))
    look()

    assert [[problem.kind for problem in problems] for problems in found] == [[], ["snapshot-orphaned"]]


def test_a_check_of_an_empty_root_decides_nothing(tmp_path: Path) -> None:
    with Store.open(roots_at(tmp_path / "fresh")) as store:
        assert check(store, verify=True) == []
        assert store.db.rows("SELECT * FROM settings") == []
