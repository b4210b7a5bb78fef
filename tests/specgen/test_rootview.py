"""The merged view of layers, against what overlayfs itself shows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from izba.linux.mount import Mount, umount
from izba.runtime.specgen.rootview import RootView

LIMIT = 1 << 16


@pytest.fixture
def layers(tmp_path: Path) -> tuple[Path, Path]:
    upper, lower = tmp_path / "upper", tmp_path / "lower"
    for layer in (upper, lower):
        (layer / "etc").mkdir(parents=True)
    return upper, lower


def view(layers: tuple[Path, Path]) -> RootView:
    return RootView([str(layer) for layer in layers])


def test_the_topmost_file_wins_and_lower_ones_shine_through(layers: tuple[Path, Path]) -> None:
    upper, lower = layers
    (lower / "etc/passwd").write_bytes(b"old")
    (lower / "etc/group").write_bytes(b"below")
    (upper / "etc/passwd").write_bytes(b"new")
    assert view(layers).read("/etc/passwd", limit=LIMIT) == b"new"
    assert view(layers).read("etc/group", limit=LIMIT) == b"below"
    assert view(layers).read("/etc/shadow", limit=LIMIT) is None


def test_a_link_of_one_layer_leads_to_a_file_of_another(layers: tuple[Path, Path]) -> None:
    upper, lower = layers
    (lower / "usr/etc").mkdir(parents=True)
    (lower / "usr/etc/passwd").write_bytes(b"data")
    (upper / "etc/passwd").symlink_to("../usr/./etc/passwd")
    (lower / "lnk").symlink_to("/etc")
    assert view(layers).read("/lnk/passwd", limit=LIMIT) == b"data"


def test_a_file_in_the_way_of_a_directory_hides_it(layers: tuple[Path, Path]) -> None:
    upper, lower = layers
    (upper / "etc").rmdir()
    (upper / "etc").write_bytes(b"")
    (lower / "etc/passwd").write_bytes(b"hidden")
    assert view(layers).read("/etc/passwd", limit=LIMIT) is None


@pytest.mark.root
@pytest.mark.parametrize("form", ["device", "attribute"])
def test_a_whiteout_hides_what_is_below(layers: tuple[Path, Path], form: str) -> None:
    upper, lower = layers
    (lower / "etc/passwd").write_bytes(b"deleted")
    if form == "device":
        os.mknod(upper / "etc/passwd", 0o20000, 0)
    else:
        (upper / "etc/passwd").touch()
        os.setxattr(upper / "etc/passwd", "user.overlay.whiteout", b"y")
    assert view(layers).read("/etc/passwd", limit=LIMIT) is None


@pytest.mark.root
@pytest.mark.parametrize("namespace", ["trusted", "user"])
def test_an_opaque_directory_hides_what_is_below(layers: tuple[Path, Path], namespace: str) -> None:
    upper, lower = layers
    (lower / "etc/passwd").write_bytes(b"deleted")
    os.setxattr(upper / "etc", f"{namespace}.overlay.opaque", b"y")
    assert view(layers).read("/etc/passwd", limit=LIMIT) is None


def test_no_descriptor_stays_open(layers: tuple[Path, Path]) -> None:
    (layers[1] / "etc/a").symlink_to("/etc/../etc/b")
    (layers[1] / "etc/b").write_bytes(b"x")
    before = os.listdir("/proc/self/fd")
    assert view(layers).read("/etc/a", limit=LIMIT) == b"x"
    assert view(layers).read("/none/at/all", limit=LIMIT) is None
    assert os.listdir("/proc/self/fd") == before


@pytest.fixture
def overlay(layers: tuple[Path, Path], tmp_path: Path) -> Iterator[Path]:
    upper, lower = layers
    merged = tmp_path / "merged"
    work = tmp_path / "work"
    merged.mkdir()
    work.mkdir()
    for name in ("kept", "deleted", "replaced"):
        (lower / f"etc/{name}").write_text(f"lower {name}")
    (lower / "gone").mkdir()
    (lower / "gone/file").write_text("x")
    layer = Mount(
        type="overlay", source="overlay", options=(f"lowerdir={lower}", f"upperdir={upper}", f"workdir={work}")
    )
    layer.attach(str(merged))
    yield merged
    umount(str(merged))


@pytest.mark.root
def test_it_shows_what_overlayfs_shows(layers: tuple[Path, Path], overlay: Path) -> None:
    (overlay / "etc/deleted").unlink()
    (overlay / "etc/replaced").write_text("upper")
    (overlay / "gone/file").unlink()
    (overlay / "gone").rmdir()
    (overlay / "gone").mkdir()
    (overlay / "gone/other").write_text("y")
    for path in ("etc/kept", "etc/deleted", "etc/replaced", "gone/file", "gone/other"):
        real = (overlay / path).read_bytes() if (overlay / path).exists() else None
        assert view(layers).read(path, limit=LIMIT) == real, path
