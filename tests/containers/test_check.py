"""`system check`: each kind of damage, told and mended as root and as both kinds of ordinary user."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.containers.conftest import Izba

pytestmark = pytest.mark.root


def _config(izba: Izba, name: str) -> Path:
    return (
        izba.root / "content/blobs/sha256" / izba.ok("image", "inspect", "-f", "{{.Id}}", name).removeprefix("sha256:")
    )


def _layer(izba: Izba, name: str) -> Path:
    """The snapshot of the layer that the image has for itself."""
    (own,) = izba.root.glob(f"snapshots/*/*/fs/{name}")
    return own.parent.parent


def _remove_blob(izba: Izba, name: str) -> None:
    _config(izba, name).unlink()


def _flip_a_bit(izba: Izba, name: str) -> None:
    path = _config(izba, name)
    data = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])


def _plant_a_blob(izba: Izba, name: str) -> None:
    izba.own(Path(shutil.copy(_config(izba, name), _config(izba, name).with_name("0" * 64))))


def _remove_a_layer(izba: Izba, name: str) -> None:
    shutil.rmtree(_layer(izba, name))


def _change_a_layer(izba: Izba, name: str) -> None:
    (_layer(izba, name) / "fs" / name).write_text("changed\n")


def _plant_a_layer(izba: Izba, name: str) -> None:
    path = _layer(izba, name).with_name("99999999")
    (path / "fs").mkdir(parents=True)
    for each in (path, path / "fs"):
        izba.own(each)


DAMAGE: dict[str, tuple[Callable[[Izba, str], None], str, bool]] = {
    "blob-missing": (_remove_blob, "a blob's file is gone", True),
    "blob-corrupt": (_flip_a_bit, "a blob's bytes are not those of its digest", True),
    "blob-orphaned": (_plant_a_blob, "a file among the blobs belongs to nothing", False),
    "snapshot-missing": (_remove_a_layer, "a snapshot's directory is gone", True),
    "snapshot-corrupt": (_change_a_layer, "a snapshot's files no longer give the layer", True),
    "snapshot-orphaned": (_plant_a_layer, "a snapshot's directory belongs to nothing", False),
}
"""What is done, what is said of it, and whether an image is lost by it."""


@pytest.mark.parametrize("kind", list(DAMAGE))
def test_what_is_damaged_is_told_and_mended(any_izba: Izba, kind: str) -> None:
    damage, said, costs_the_image = DAMAGE[kind]
    build = ("build", "-q", "--network", "none", "-t", kind, "-")
    text = f"FROM busybox\nRUN echo whole > /{kind}\n"
    any_izba.ok(*build, input=text)
    id = any_izba.ok("image", "inspect", "-f", "{{.Id}}", kind)

    damage(any_izba, kind)
    found = any_izba("system", "check", "--verify")
    repaired = any_izba("system", "check", "--verify", "--repair")

    assert (found.returncode, repaired.returncode) == (1, 0), found.stderr + repaired.stderr
    assert [said in line for line in found.stdout.splitlines()] == [True, False]
    assert (f"needed by {id}" in found.stdout) == costs_the_image
    assert repaired.stdout.splitlines()[-1] == "repaired 1 of 1 problem"
    assert any_izba.ok("system", "check", "--verify") == "no problem found"
    assert (any_izba("image", "inspect", kind).returncode == 1) == costs_the_image
    any_izba.ok("image", "inspect", "busybox")

    any_izba.ok(*build, input=text)
    assert any_izba.ok("run", "--rm", "--network", "none", kind, "cat", f"/{kind}") == "whole"
    any_izba.ok("rmi", kind)
