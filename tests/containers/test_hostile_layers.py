"""Hostile layers as they come: in an archive that somebody loads, or that a build unpacks (attacks.md A).

`layer/test_hostile_layers.py` has each case in full, against the code that unpacks. Here they come by the command line,
to root and to both kinds of ordinary user, beside files that whoever loads them could change.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from izba.jsonio import dumps
from izba.oci.platform import host
from tests.containers.conftest import Izba
from tests.layer.tars import END, directory, hardlink, member, symlink, tree

pytestmark = pytest.mark.root

Make = Callable[[str], bytes]
"""Makes a layer that aims at the directory of this name."""

XATTRS = {f"SCHILY.xattr.{name}": b"y" for name in ("trusted.overlay.opaque", "user.overlay.redirect")}

REFUSED: dict[str, tuple[Make, str]] = {
    "A1 a name that leads up": (lambda _: member("../../../escaped", b"x"), "leads out of the layer"),
    "A1 a name that leads up behind ./": (lambda _: member("./../escaped", b"x"), "leads out of the layer"),
    "A1 no name": (lambda _: member("", b"x"), "no name"),
    "A1 a root that is a link": (lambda aim: symlink(".", aim), "root"),
    "A2 links in a circle": (
        lambda _: symlink("a", "b") + symlink("b", "a") + member("a/x"),
        "too many symbolic links",
    ),
    "A3 a hard link out": (lambda aim: hardlink("x", "../" * 12 + aim[1:] + "/canary"), "leads out of the layer"),
    "A3 a hard link through a link": (
        lambda aim: symlink("a", aim) + hardlink("x", "a/canary"),
        "no file of this layer",
    ),
    "A4 a whiteout of a parent": (lambda _: member("a/.wh..."), "delete"),
    "A4 a whiteout outside": (lambda _: member("../.wh.fs"), "leads out of the layer"),
    "A4 an opaque mark outside": (lambda _: member("../../.wh..wh..opq"), "leads out of the layer"),
    "A5 the device of a deletion": (lambda _: member("x", type=b"3"), "takes for a deletion"),
    "A6 a deep path": (lambda _: member("x", pax={"path": b"d/" * 100_000 + b"f"}), "more than 4095 bytes"),
    "A6 a long name": (lambda _: member("x", pax={"path": b"n" * 65536}), "more than 4095 bytes"),
    "A6 an endless header": (lambda _: member("pax", bytes(2 << 20), type=b"x") + member("x"), "extended headers"),
    "A8 an owner below zero": (lambda _: member("x", uid=b"\xff" * 8), "is not an id"),
    "A8 a NUL": (lambda _: member("x", pax={"path": b"a\0b"}), "NUL"),
    "A8 escape codes": (lambda _: member(b"../\x1b]0;owned\x07\xff\n"), "leads out of the layer"),
}
HARMLESS: dict[str, Make] = {
    "A1 absolute names": lambda aim: member(f"{aim}/canary", b"hit"),
    "A2 a file through a link": lambda aim: symlink("a", aim) + member("a/canary", b"hit") + member("a/more", b"hit"),
    "A2 a file through a link up": lambda aim: symlink("a", "../" * 20 + aim[1:]) + member("a/canary", b"hit"),
    "A2 a directory that becomes a link": lambda aim: (
        directory("a") + member("a/b", b"1") + symlink("a", aim) + member("a/canary", b"hit")
    ),
    "A3 a file over a hard link to a link": lambda aim: (
        symlink("a", f"{aim}/canary") + hardlink("x", "a") + member("x", b"hit")
    ),
    "A4 whiteouts through a link": lambda aim: symlink("a", aim) + member("a/.wh.canary") + member("a/.wh..wh..opq"),
    "A4 a whiteout of a link": lambda aim: symlink("a", aim) + member(".wh.a"),
    "A5 attributes of overlayfs": lambda _: directory("d", pax=XATTRS) + member("d/f", pax=XATTRS),
    "A5 devices, pipes, setuid": lambda _: (
        member("disk", type=b"4", device=(8, 0)) + member("pipe", type=b"6") + member("su", b"#!", mode=0o4755)
    ),
    "A6 duplicates": lambda _: (
        member("a", b"1") + directory("a") + member("a/b") + symlink("a", "x") + member("a", b"2")
    ),
    "A6 data behind the end": lambda _: member("a") + END + member("../escaped", b"x"),
    "A8 far times": lambda _: member("x", mtime=b"\x80" + b"\xff" * 11) + member("y", mtime=b"\xff" + bytes(11)),
    "A8 names that are no text": lambda _: member(b"\xff\xfe") + member(b"a\nb\x1b[31m"),
}


@pytest.fixture(scope="module")
def met() -> Iterator[list[Izba]]:
    """Every izba that met a hostile layer here: its store is whole after all of them."""
    izbas: list[Izba] = []
    yield izbas
    for each in izbas:
        assert each.ok("system", "check", "--verify") == "no problem found"


@pytest.fixture
def aim(place: Path, any_izba: Izba, met: list[Izba]) -> Iterator[str]:
    """The directory that layers aim at: whoever runs izba could change it. It is as it was at the end."""
    path = place / "aim"
    path.mkdir()
    (path / "canary").write_text("unharmed")
    for each in (path, path / "canary"):
        any_izba.own(each)
    if any_izba not in met:
        met.append(any_izba)
    before = tree(path)
    yield str(path)
    assert tree(path) == before
    assert [str(found) for found in place.parent.rglob("escaped*")] == []


@pytest.mark.parametrize("case", list(REFUSED))
def test_a_layer_that_is_refused_leaves_nothing(any_izba: Izba, place: Path, aim: str, case: str) -> None:
    """And the error says what was wrong, in letters that a terminal shows."""
    make, reason = REFUSED[case]
    layer = make(aim) + END
    images = any_izba.ok("images", "-aq")

    loaded = any_izba("load", "-i", str(_archive(any_izba, place, layer)))
    added = any_izba("build", str(_context(any_izba, place, layer)))

    assert (loaded.returncode, added.returncode) == (1, 1)
    assert loaded.stderr.startswith("error: ")
    for said in (loaded.stderr, added.stderr):
        assert reason in said
        assert all(line.isprintable() for line in said.splitlines())
    assert any_izba.ok("images", "-aq") == images


@pytest.mark.parametrize("case", list(HARMLESS))
def test_a_layer_that_is_taken_stays_in_its_image(any_izba: Izba, place: Path, aim: str, case: str) -> None:
    layer = HARMLESS[case](aim) + END

    any_izba.ok("load", "-i", str(_archive(any_izba, place, layer)))
    any_izba.ok("build", "-q", "-t", "hostile:added", str(_context(any_izba, place, layer)))

    any_izba.ok("rmi", "hostile:loaded", "hostile:added")


def test_layers_that_lie_about_themselves_leave_nothing(any_izba: Izba, place: Path, aim: str) -> None:
    """A9: another tar than was promised, bytes behind the right ones, damage in the compressed stream."""
    layer = member("a", b"honest") + END
    packed = gzip.compress(layer)
    lies = (
        (member("a", b"others") + END, _digest(layer)),
        (layer + bytes(512), _digest(layer)),
        (packed[:-6] + b"......", _digest(layer)),
        (packed[: len(packed) // 2], _digest(layer)),
    )
    for data, promised in lies:
        loaded = any_izba("load", "-i", str(_archive(any_izba, place, data, diff_id=promised)))
        assert loaded.returncode == 1
        assert loaded.stderr.startswith("error: ")
    assert any_izba("image", "inspect", "hostile:loaded").returncode == 1


def test_a_bomb_costs_no_memory(any_izba: Izba, place: Path, aim: str) -> None:
    """A6: half a gigabyte in half a megabyte, in many members of gzip."""
    zeros = gzip.compress(bytes(1 << 24))
    packed = gzip.compress(member("zeros", size=1 << 29)) + zeros * 32 + gzip.compress(END)
    archive = _archive(any_izba, place, packed, diff_id="sha256:" + "0" * 64)
    # What a process has at most counts what it was forked from, so it is forked from one that has little.
    watch = (
        "import resource, subprocess, sys\n"
        "code = subprocess.call(sys.argv[1:])\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
        "sys.exit(code)\n"
    )
    command = [any_izba.command[0], "-c", watch, *any_izba.command, "load", "-i", str(archive)]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **any_izba.options())

    assert done.returncode == 1
    assert "sha256:0000" in done.stderr
    assert int(done.stdout.splitlines()[-1]) < 100_000, "kilobytes"


def test_no_decompressor_is_looked_up(any_izba: Izba, place: Path, aim: str) -> None:
    """A7 (CVE-2026-41567): programs of these names are first on PATH, and in the image itself."""
    programs = place / "programs"
    programs.mkdir()
    for name in ("gzip", "unpigz", "pigz", "xz", "zstd", "bzip2", "tar"):
        (programs / name).write_text(f"#!/bin/sh\ntouch {aim}/canary-ran\n")
        (programs / name).chmod(0o755)
    command = ["env", f"PATH={programs}:{os.environ['PATH']}", *any_izba.command]
    layer = member("a", b"1") + END
    for packed in (gzip.compress(layer), bz2.compress(layer), lzma.compress(layer)):
        for args in (
            ("load", "-i", str(_archive(any_izba, place, packed, diff_id=_digest(layer)))),
            ("build", "-q", str(_context(any_izba, place, packed))),
        ):
            subprocess.run([*command, *args], check=True, capture_output=True, timeout=60, **any_izba.options())
    any_izba.ok("rmi", "hostile:loaded")


def _archive(izba: Izba, place: Path, layer: bytes, *, diff_id: str | None = None) -> Path:
    """An archive as `docker save` writes it, with one image of this layer: `hostile:loaded`."""
    config = dumps(
        {
            "architecture": host().architecture,
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [diff_id or _digest(layer)]},
        }
    ).encode()
    manifest = dumps([{"Config": "config.json", "RepoTags": ["hostile:loaded"], "Layers": ["layer.tar"]}]).encode()
    path = place / "hostile.tar"
    with tarfile.open(path, "w") as archive:
        for name, data in (("manifest.json", manifest), ("config.json", config), ("layer.tar", layer)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return izba.own(path)


def _context(izba: Izba, place: Path, layer: bytes) -> Path:
    """A context whose ADD unpacks this layer."""
    path = place / "context"
    path.mkdir(exist_ok=True)
    (path / "Dockerfile").write_text("FROM scratch\nADD layer.tar /\n")
    (path / "layer.tar").write_bytes(layer)
    for each in (path, *path.iterdir()):
        izba.own(each)
    return path


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
