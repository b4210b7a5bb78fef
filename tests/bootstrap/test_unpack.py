"""Packages become a root file system as `dpkg --unpack` would have left it."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest

from izba.bootstrap.debian.index import Package, PackageIndex
from izba.bootstrap.debian.unpack import Trim, Unpacking
from izba.bootstrap.errors import Corrupt
from izba.bootstrap.recipes.debian import SLIM
from izba.bootstrap.rootfs import File
from izba.errors import IzbaError
from izba.layer.apply import apply
from izba.layer.fsops import fsops
from tests.bootstrap.debs import NOW, Deb, Entry, directory, file, hard_link, symlink

MERGED = (
    File(name="usr/bin/", mode=0o755),
    File(name="usr/lib/", mode=0o755),
    File(name="bin", link="usr/bin"),
    File(name="lib", link="usr/lib"),
)


def unpack(tmp_path: Path, *debs: Deb, trim: Trim | None = None, **options: object) -> Path:
    """Unpack `debs` with the layer code into a directory, and return it."""
    index = PackageIndex()
    packages: list[tuple[Package, str]] = []
    for deb in debs:
        path = tmp_path / f"{deb.name}.deb"
        path.write_bytes(deb.build())
        index.add(deb.paragraph, "http://m", archive="m")
        package = index.newest(deb.name)
        assert package is not None
        packages.append((package, str(path)))
    root = tmp_path / "root"
    root.mkdir()
    unpacking = Unpacking(packages, trim=trim or Trim(), **options)  # type: ignore[arg-type]
    apply(unpacking.stream, str(root), ops=fsops(), overlay=None)
    return root


def names(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir() or path.is_symlink()}


def test_files_links_modes_and_times_arrive(tmp_path: Path) -> None:
    root = unpack(
        tmp_path,
        Deb(
            "x",
            data=[
                directory("."),
                directory("usr"),
                file("usr/program", b"code", mode=0o4755, mtime=NOW - 5),
                hard_link("usr/again", "usr/program"),
                symlink("usr/link", "program"),
            ],
        ),
    )
    program = (root / "usr/program").stat()

    assert stat.S_IMODE(program.st_mode) == 0o4755
    assert program.st_mtime == NOW - 5
    assert (root / "usr/again").samefile(root / "usr/program")
    assert os.readlink(root / "usr/link") == "program"


def test_what_lies_below_the_merged_directories_goes_to_usr(tmp_path: Path) -> None:
    root = unpack(
        tmp_path,
        Deb(
            "x",
            data=[
                directory("bin"),
                file("bin/sh", b"shell", mode=0o755),
                hard_link("bin/rsh", "bin/sh"),
                directory("lib"),
                directory("lib/x86_64-linux-gnu"),
                file("lib/x86_64-linux-gnu/libc.so.6", b"libc"),
                directory("library"),
                file("library/book"),
            ],
        ),
        before=MERGED,
    )
    assert (root / "bin").is_symlink()
    assert (root / "usr/bin/sh").samefile(root / "usr/bin/rsh")
    assert (root / "usr/lib/x86_64-linux-gnu/libc.so.6").read_bytes() == b"libc"
    assert (root / "library/book").exists()
    # dpkg remembers the names that the package itself uses.
    listed = (root / "var/lib/dpkg/info/x.list").read_text().splitlines()
    assert "/bin/sh" in listed
    assert "/lib/x86_64-linux-gnu/libc.so.6" in listed


def test_dpkgs_database_says_what_dpkg_would_have_said(tmp_path: Path) -> None:
    conffile = b"key=value\n"
    root = unpack(
        tmp_path,
        Deb(
            "x",
            fields={"Depends": "y"},
            data=[directory("."), directory("etc"), file("etc/x.conf", conffile)],
            control={
                "conffiles": "/etc/x.conf\n",
                "postinst": "#!/bin/sh\n",
                "triggers": "# comment\ninterest-noawait /usr/share/x\nactivate-noawait ldconfig\n",
            },
        ),
        Deb("y", fields={"Multi-Arch": "same"}, control={"triggers": "interest-await ldconfig\n"}),
    )
    info = root / "var/lib/dpkg/info"

    assert (info / "x.list").read_text() == "/.\n/etc\n/etc/x.conf\n"
    assert stat.S_IMODE((info / "x.postinst").stat().st_mode) == 0o755
    assert (info / "y:amd64.list").exists()
    assert not (info / "x.control").exists()
    status = (root / "var/lib/dpkg/status.izba").read_text().split("\n\n")
    assert "Package: x\n" in status[0]
    assert "Status: install ok unpacked\n" in status[0]
    assert f"Conffiles:\n /etc/x.conf {hashlib.md5(conffile).hexdigest()}" in status[0]
    assert "Conffiles" not in status[1]
    triggers = (root / "var/lib/dpkg/triggers.izba").read_text()
    assert triggers == "/usr/share/x x/noawait\nldconfig y:amd64\n"


def test_slim_leaves_out_documentation_but_licences(tmp_path: Path) -> None:
    root = unpack(
        tmp_path,
        Deb(
            "x",
            data=[
                file("usr/share/doc/x/copyright"),
                file("usr/share/doc/x/changelog.gz"),
                file("usr/share/doc/x/examples/copyright.txt"),
                file("usr/share/locale/de/LC_MESSAGES/x.mo"),
                file("usr/share/locale/locale.alias"),
                file("usr/share/man/man1/x.1.gz"),
                hard_link("usr/share/man/man1/y.1.gz", "usr/share/man/man1/x.1.gz"),
                file("usr/share/manners"),
            ],
        ),
        trim=SLIM,
    )
    assert {name for name in names(root) if name.startswith("usr")} == {
        "usr/share/doc/x/copyright",
        "usr/share/locale/locale.alias",
        "usr/share/manners",
    }


def test_the_newest_file_dates_the_layer(tmp_path: Path) -> None:
    path = tmp_path / "x.deb"
    deb = Deb("x", data=[file("a", mtime=NOW - 100), file("b", mtime=NOW + 7), file("c", mtime=NOW)])
    path.write_bytes(deb.build())
    index = PackageIndex()
    index.add(deb.paragraph, "m", archive="m")
    package = index.newest("x")
    assert package is not None

    unpacking = Unpacking([(package, str(path))], trim=Trim(), after=(File(name="d"),), oldest=NOW - 1000)
    (tmp_path / "root").mkdir()
    apply(unpacking.stream, str(tmp_path / "root"), ops=fsops(), overlay=None)

    assert unpacking.newest == NOW + 7
    assert (tmp_path / "root/d").stat().st_mtime == NOW + 7


def test_many_packages_come_in_order_whatever_their_size(tmp_path: Path) -> None:
    debs = [Deb(f"p{n}", data=[file("which", str(n).encode()), file(f"f{n}", bytes(n * 1000))]) for n in range(12)]

    root = unpack(tmp_path, *debs)

    assert (root / "which").read_bytes() == b"11"
    assert len([name for name in names(root) if name.startswith("f")]) == 12


@pytest.mark.parametrize(
    "entry",
    [
        file("../canary"),
        file("a/../../canary"),
        Entry(name="/tmp/canary"),
        file(".wh.etc"),
        file("etc/.wh..wh..opq"),
        hard_link("inside", "../canary"),
        hard_link("inside", "/etc/passwd"),
    ],
    ids=lambda entry: entry.name + entry.link,
)
def test_a_hostile_name_is_refused_and_named(tmp_path: Path, entry: Entry) -> None:
    """A1, A3, A4."""
    (tmp_path / "canary").write_text("unchanged")

    with pytest.raises(IzbaError) as caught:
        unpack(tmp_path, Deb("x", data=[entry]))

    assert isinstance(caught.value, Corrupt) or "inside" in str(caught.value)
    assert (tmp_path / "canary").read_text() == "unchanged"


def test_a_link_out_of_the_root_leads_nowhere(tmp_path: Path) -> None:
    """A2: a package's link to a directory of the host, and a file of another package through it."""
    outside = tmp_path / "outside"
    outside.mkdir()

    try:
        unpack(tmp_path, Deb("x", data=[symlink("etc", str(outside))]), Deb("y", data=[file("etc/passwd", b"evil")]))
    except IzbaError:
        pass

    assert list(outside.iterdir()) == []


def test_a_package_that_is_another_one_is_refused(tmp_path: Path) -> None:
    index = PackageIndex()
    index.add(Deb("wanted").paragraph, "m", archive="m")
    package = index.newest("wanted")
    assert package is not None
    path = tmp_path / "x.deb"
    path.write_bytes(Deb("other").build())
    (tmp_path / "root").mkdir()

    with pytest.raises(Corrupt, match="package wanted: its control file is of another package"):
        apply(Unpacking([(package, str(path))], trim=Trim()).stream, str(tmp_path / "root"), ops=fsops(), overlay=None)
