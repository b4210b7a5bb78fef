"""Paths inside a root, by openat2 and by the walk that stands in for it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from izba.linux import flags, rootpath


@pytest.fixture(params=["openat2", "walk"], autouse=True)
def method(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "openat2" and not rootpath.has_openat2():
        pytest.skip("a kernel without openat2")
    monkeypatch.setattr(rootpath, "_openat2_works", request.param == "openat2")
    return str(request.param)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "root"
    (top / "etc").mkdir(parents=True)
    (top / "etc/passwd").write_text("inside")
    (top / "absolute").symlink_to("/etc")
    (top / "upwards").symlink_to("../../../../etc")
    (top / "dangling").symlink_to("/not/there")
    (top / "loop").symlink_to("loop")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("outside")
    return top


@pytest.fixture
def root_fd(tree: Path) -> Iterator[int]:
    fd = rootpath.open_root(str(tree))
    yield fd
    os.close(fd)


def content(root_fd: int, path: str) -> str:
    with open(rootpath.open_in_root(root_fd, path, os.O_RDONLY)) as file:
        return file.read()


@pytest.mark.parametrize(
    "path",
    [
        "etc/passwd",
        "/etc/passwd",
        "absolute/passwd",
        "upwards/passwd",
        "../etc/passwd",
        "/../../etc/passwd",
        "etc/../etc/./passwd",
    ],
)
def test_every_way_leads_to_the_file_inside(root_fd: int, path: str) -> None:
    assert content(root_fd, path) == "inside"


@pytest.mark.parametrize(
    ("path", "reason"),
    [("nothing", errno.ENOENT), ("dangling", errno.ENOENT), ("loop", errno.ELOOP), ("etc/passwd/x", errno.ENOTDIR)],
)
def test_what_cannot_be_opened_is_named(root_fd: int, path: str, reason: int) -> None:
    with pytest.raises(OSError, match="openat2") as caught:
        rootpath.open_in_root(root_fd, path)

    assert (caught.value.errno, caught.value.filename) == (reason, path)


def test_links_can_be_refused(root_fd: int) -> None:
    with pytest.raises(OSError, match="openat2") as caught:
        rootpath.open_in_root(root_fd, "absolute/passwd", resolve=flags.RESOLVE_NO_SYMLINKS)

    assert caught.value.errno == errno.ELOOP


def test_the_last_link_can_be_opened_itself(root_fd: int) -> None:
    fd = rootpath.open_in_root(root_fd, "absolute", os.O_PATH | os.O_NOFOLLOW)

    assert os.readlink("", dir_fd=fd) == "/etc"
    os.close(fd)


def test_magic_links_are_not_followed() -> None:
    fd = rootpath.open_root("/proc")
    with pytest.raises(OSError, match="openat2") as caught:
        rootpath.open_in_root(fd, "self/root/etc/passwd")
    os.close(fd)

    assert caught.value.errno == errno.ELOOP


def test_ordinary_links_of_proc_are_followed() -> None:
    fd = rootpath.open_root("/proc")
    os.close(rootpath.open_in_root(fd, "mounts", os.O_RDONLY))
    os.close(fd)


def test_directories_are_made_with_their_parents(tree: Path, root_fd: int) -> None:
    os.close(rootpath.make_directories(root_fd, "/a/b/../c/d", 0o700))

    assert (tree / "a/c/d").stat().st_mode & 0o777 == 0o700
    assert (tree / "a/b").is_dir()


def test_directories_behind_a_dangling_link_are_made_inside(tree: Path, root_fd: int, tmp_path: Path) -> None:
    os.close(rootpath.make_directories(root_fd, "dangling/x"))

    assert (tree / "not/there/x").is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["etc", "root"]


def test_a_file_in_the_way_of_a_directory_is_an_error(root_fd: int) -> None:
    with pytest.raises(NotADirectoryError):
        rootpath.make_directories(root_fd, "etc/passwd/x")


def test_a_file_is_made_or_what_is_there_is_given(tree: Path, root_fd: int) -> None:
    os.close(rootpath.make_file(root_fd, "new/file", 0o600))
    fd = rootpath.make_file(root_fd, "etc/passwd")

    assert (tree / "new/file").stat().st_size == 0
    assert os.fstat(fd).st_size == len("inside")
    os.close(fd)


def test_creating_through_a_link_stays_inside(tree: Path, root_fd: int) -> None:
    os.close(rootpath.open_in_root(root_fd, "upwards/made", os.O_WRONLY | os.O_CREAT, mode=0o600))

    assert (tree / "etc/made").exists()


def test_nothing_leaks_a_descriptor(root_fd: int) -> None:
    before = os.listdir("/proc/self/fd")
    for path in ("etc", "nothing/x", "loop", "dangling", "upwards/passwd"):
        for call in (rootpath.open_in_root, rootpath.make_directories, rootpath.make_file):
            try:
                os.close(call(root_fd, path))
            except OSError:
                continue

    assert os.listdir("/proc/self/fd") == before


PARTS = st.sampled_from(["a", "b", "..", ".", "", "link", "loop", "file"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    links=st.dictionaries(st.sampled_from(["a/link", "link", "b/link"]), st.lists(PARTS, max_size=4), max_size=3),
    absolute=st.booleans(),
    path=st.lists(PARTS, min_size=1, max_size=6),
)
def test_the_walk_answers_as_openat2(
    tmp_path_factory: pytest.TempPathFactory, links: dict[str, list[str]], absolute: bool, path: list[str]
) -> None:
    top = tmp_path_factory.mktemp("tree")
    (top / "a/b").mkdir(parents=True)
    (top / "b").mkdir()
    (top / "a/file").touch()
    (top / "loop").symlink_to("loop")
    for name, target in links.items():
        text = "/".join(target)
        (top / name).symlink_to(("/" if absolute else "") + text or ".")
    fd = rootpath.open_root(str(top))
    answers = []
    for works in (True, False):
        rootpath._openat2_works = works
        try:
            found = rootpath.open_in_root(fd, "/".join(path) or ".")
        except OSError as error:
            answers.append(errno.errorcode[error.errno or 0])
        else:
            answers.append(rootpath.path_of(found))
            os.close(found)
    os.close(fd)

    assert answers[0] == answers[1]
