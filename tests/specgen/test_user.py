"""Users and groups of the image, and what hostile images put in their place (B3)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from izba.errors import InvalidArgument
from izba.runtime.specgen.request import User
from izba.runtime.specgen.rootview import RootView
from izba.runtime.specgen.user import MAX_FILE, resolve_groups, resolve_user

PASSWD = """\
root:x:0:0:root:/root:/bin/sh
# comment
www:x:33:33:web:/var/www:/usr/sbin/nologin
web2:x:34:33:web:/srv:/bin/sh
broken:x:notanumber:33::/:
short:x:5
12345:x:0:0:looks numeric:/root:/bin/sh
huge:x:4294967296:0::/:/bin/sh
nohome:x:40:40:::/bin/sh
"""
GROUP = """\
root:x:0:
www:x:33:
staff:x:50:www,web2
adm:x:4:root,www
777:x:0:
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(PASSWD)
    (tmp_path / "etc/group").write_text(GROUP)
    return tmp_path


def resolve(text: str, root: Path) -> User:
    return resolve_user(text, RootView([str(root)]))


@pytest.mark.parametrize(
    ("text", "uid", "gid", "groups", "home"),
    [
        ("", 0, 0, (0, 4), "/root"),
        ("root", 0, 0, (0, 4), "/root"),
        ("0", 0, 0, (0, 4), "/root"),
        ("www", 33, 33, (33, 50, 4), "/var/www"),
        ("33", 33, 33, (33, 50, 4), "/var/www"),
        ("www:staff", 33, 50, (50,), "/var/www"),
        ("www:1000", 33, 1000, (1000,), "/var/www"),
        ("1000", 1000, 0, (0,), "/"),
        ("1000:staff", 1000, 50, (50,), "/"),
        ("1000:1000", 1000, 1000, (1000,), "/"),
        (":staff", 0, 50, (50,), "/root"),
        ("nohome", 40, 40, (40,), "/"),
    ],
)
def test_a_user_is_found_by_name_or_number(
    root: Path, text: str, uid: int, gid: int, groups: tuple[int, ...], home: str
) -> None:
    assert resolve(text, root) == User(uid=uid, gid=gid, additional_gids=groups, home=home)


@pytest.mark.parametrize("name", ["nobody", "broken", "short", "huge", "١٢"])
def test_a_name_that_is_not_there_is_dockers_error(root: Path, name: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        resolve(name, root)
    assert str(caught.value) == f"unable to find user {name}: no matching entries in passwd file"


def test_a_group_that_is_not_there_is_dockers_error(root: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"^unable to find group crew: no matching entries in group file$"):
        resolve("www:crew", root)


@pytest.mark.parametrize(
    "text", ["-1", "2147483648", "4294967296", "99999999999999999999999999", "0:-5", "0:4294967295"]
)
def test_a_number_out_of_range_is_refused_and_never_wraps_to_root(root: Path, text: str) -> None:
    """B3, CVE-2024-40635"""
    with pytest.raises(InvalidArgument, match="uids and gids must be in range 0-2147483647"):
        resolve(text, root)


def test_a_name_that_looks_numeric_is_a_number(root: Path) -> None:
    """B3, CVE-2026-46680: the image calls its root 12345, and its root group 777."""
    assert resolve("12345", root).uid == 12345
    assert resolve("1:777", root).gid == 777


def test_without_files_numbers_work_and_names_do_not(tmp_path: Path) -> None:
    assert resolve("1000:50", tmp_path) == User(uid=1000, gid=50, additional_gids=(50,), home="/")
    assert resolve("", tmp_path) == User()
    with pytest.raises(InvalidArgument, match="unable to find user www"):
        resolve("www", tmp_path)


def test_links_are_resolved_inside_the_image(root: Path) -> None:
    """B3: /etc/passwd → /../../../etc/passwd is the image's own."""
    (root / "usr").mkdir()
    (root / "etc/passwd").rename(root / "usr/passwd")
    (root / "etc/passwd").symlink_to("/../../../../usr/passwd")
    assert resolve("www", root).uid == 33


def test_a_link_to_a_file_of_the_host_does_not_reach_it(tmp_path: Path) -> None:
    """B3"""
    canary = tmp_path / "canary"
    canary.write_text("secret:x:1234:1234::/:\n")
    image = tmp_path / "image"
    (image / "etc").mkdir(parents=True)
    (image / "etc/passwd").symlink_to(canary)
    with pytest.raises(InvalidArgument, match="unable to find user secret"):
        resolve("secret", image)


@pytest.mark.parametrize("link", ["/etc/passwd", "passwd", "/proc/self/root/etc/passwd"])
def test_a_link_to_itself_is_an_error(tmp_path: Path, link: str) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").symlink_to(link)
    if link.startswith("/proc"):
        assert resolve("", tmp_path) == User()
        return
    with pytest.raises(InvalidArgument, match="cannot be read: too many levels of symbolic links"):
        resolve("www", tmp_path)


@pytest.mark.timeout(10)
def test_a_fifo_does_not_hang(tmp_path: Path) -> None:
    """B3, CVE-2026-47262"""
    (tmp_path / "etc").mkdir()
    os.mkfifo(tmp_path / "etc/passwd")
    with pytest.raises(InvalidArgument, match="/etc/passwd in the image is not a regular file"):
        resolve("www", tmp_path)


@pytest.mark.root
@pytest.mark.timeout(10)
def test_an_endless_device_is_not_read(tmp_path: Path) -> None:
    """B3: mknod etc/passwd c 1 5"""
    (tmp_path / "etc").mkdir()
    os.mknod(tmp_path / "etc/passwd", 0o20666, os.makedev(1, 5))
    with pytest.raises(InvalidArgument, match="is not a regular file"):
        resolve("www", tmp_path)


def test_a_directory_is_not_a_passwd_file(tmp_path: Path) -> None:
    (tmp_path / "etc/passwd").mkdir(parents=True)
    with pytest.raises(InvalidArgument, match="/etc/passwd in the image cannot be read: is a directory"):
        resolve("www", tmp_path)


def test_a_huge_file_is_refused(root: Path) -> None:
    """B3: a sparse group file of 1 TiB costs neither time nor memory."""
    with (root / "etc/group").open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(InvalidArgument, match=f"/etc/group in the image is larger than {MAX_FILE} bytes"):
        resolve("www", root)


def test_names_that_are_not_utf8_are_names_like_others(root: Path) -> None:
    (root / "etc/passwd").write_bytes(b"w\xe9b:x:7:7::/h:\n")
    assert resolve(os.fsdecode(b"w\xe9b"), root).uid == 7


def test_groups_to_add_are_names_or_numbers(root: Path) -> None:
    assert resolve_groups(["staff", "4", "999"], RootView([str(root)])) == (50, 4, 999)
    with pytest.raises(InvalidArgument, match="unable to find group crew"):
        resolve_groups(["crew"], RootView([str(root)]))
