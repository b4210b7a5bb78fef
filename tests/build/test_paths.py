"""The pure parts under COPY: wildcards, links, modes, digests remembered by inode."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from izba.build import fingerprint, gopath
from izba.build.contenthash import StatCache, hash_file, hash_files
from izba.build.inroot import TooManyLinks, clean, resolve
from izba.build.modes import InvalidMode, change_mode, check_mode
from izba.build.upper import Upper, Wishes
from izba.layer.fsops import Privileged


# -- Go's filepath.Match: the cases of its own test (path/filepath/match_test.go)
@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("abc", "abc", True),
        ("*", "abc", True),
        ("*c", "abc", True),
        ("a*", "a", True),
        ("a*", "abc", True),
        ("a*", "ab/c", False),
        ("a*/b", "abc/b", True),
        ("a*/b", "a/c/b", False),
        ("a*b*c*d*e*/f", "axbxcxdxe/f", True),
        ("a*b*c*d*e*/f", "axbxcxdxexxx/f", True),
        ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", False),
        ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", False),
        ("a*b?c*x", "abxbbxdbxebxczzx", True),
        ("a*b?c*x", "abxbbxdbxebxczzy", False),
        ("ab[c]", "abc", True),
        ("ab[b-d]", "abc", True),
        ("ab[e-g]", "abc", False),
        ("ab[^c]", "abc", False),
        ("ab[^b-d]", "abc", False),
        ("ab[^e-g]", "abc", True),
        ("a\\*b", "a*b", True),
        ("a\\*b", "ab", False),
        ("a?b", "a☺b", True),
        ("a[^a]b", "a☺b", True),
        ("a???b", "a☺b", False),
        ("[a-ζ]*", "β", True),
        ("*[a-ζ]", "A", False),
        ("a?b", "a/b", False),
        ("a*b", "a/b", False),
        ("[\\]a]", "]", True),
        ("[\\-]", "-", True),
        ("[x\\-]", "x", True),
        ("[x\\-]", "z", False),
        ("*x", "xxx", True),
    ],
)
def test_wildcards_match_as_gos_do(pattern: str, name: str, expected: bool) -> None:
    assert gopath.match(pattern, name) is expected


@pytest.mark.parametrize("pattern", ["[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[", "[^", "[^bc", "a[", "\\", "a\\"])
def test_bad_patterns_are_errors_whatever_the_name(pattern: str) -> None:
    for name in ("", "a", "zzz"):
        with pytest.raises(gopath.BadPattern):
            gopath.match(pattern, name)


@given(st.text("ab*?/", max_size=12), st.text("ab/", max_size=12))
def test_matching_ends_and_stars_stop_at_slashes(pattern: str, name: str) -> None:
    if gopath.match(pattern, name):
        assert pattern.count("/") == name.count("/")


# -- links


def _root(links: dict[str, str]):
    return links.get


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b", "a/b"),
        ("/a//b/./c/..", "a/b"),
        ("../../a", "a"),
        ("link/x", "target/x"),
        ("abs/x", "etc/x"),
        ("up/x", "x"),
        ("chain/x", "etc/x"),
        ("d/rel", "d/file"),
        ("link/..", ""),
        ("missing/../a", "a"),
        ("", ""),
        ("/", ""),
    ],
)
def test_links_are_followed_inside_the_root(path: str, expected: str) -> None:
    links = {"link": "target", "abs": "/etc", "up": "../../..", "chain": "abs", "d/rel": "./file"}
    assert resolve(path, _root(links)) == expected


def test_the_last_link_is_followed_only_if_wanted() -> None:
    assert resolve("a", _root({"a": "b"}), follow_last=False) == "a"
    assert resolve("a/x", _root({"a": "b"}), follow_last=False) == "b/x"


def test_links_in_a_circle_are_an_error() -> None:
    with pytest.raises(TooManyLinks):
        resolve("a", _root({"a": "b", "b": "a"}))


@given(
    st.text("ab./", max_size=20), st.dictionaries(st.text("ab", min_size=1, max_size=2), st.text("ab./", max_size=8))
)
def test_no_path_leads_out_whatever_the_links_say(path: str, links: dict[str, str]) -> None:
    try:
        resolved = resolve(path, _root(links))
    except TooManyLinks:
        return
    assert ".." not in resolved.split("/")
    assert not resolved.startswith("/")
    assert clean(path).startswith("/")


# -- modes


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        ("0", 0o777, 0),
        ("644", 0o777, 0o644),
        ("7777", 0, 0o7777),
        ("u+x", 0o644, 0o744),
        ("+x", 0o644, 0o755),
        ("a=r", 0o777, 0o444),
        ("u=rwx,g=rx,o=", 0, 0o750),
        ("g=u", 0o640, 0o660),
        ("o=g", 0o640, 0o644),
        ("ug-w", 0o666, 0o446),
        ("+X", 0o644, 0o644),
        ("+X", 0o744, 0o755),
        ("u+s,g+s,+t", 0o755, 0o7755),
        ("u=rw-x+w", 0o777, 0o677),
    ],
)
def test_modes_change_as_chmod_changes_them(text: str, before: int, after: int, tmp_path: Path) -> None:
    import subprocess

    path = tmp_path / "f"
    path.touch()
    path.chmod(before)
    subprocess.run(["chmod", text, path], check=True, env={"PATH": os.environ["PATH"]}, umask=0)

    assert change_mode(text, before, is_directory=False) == after
    assert stat.S_IMODE(path.stat().st_mode) == after


@pytest.mark.parametrize("text", ["", "9", "10000", "x", "u", "u+q", "u+x,", "++x=", "rw", "u=rg"])
def test_what_is_no_mode(text: str) -> None:
    if text == "++x=":
        check_mode(text)  # chmod takes it too: add nothing, add x, set to nothing
        return
    with pytest.raises(InvalidMode):
        check_mode(text)


# -- remembered digests


def _settled(path: Path, content: str) -> os.stat_result:
    path.write_text(content)
    time.sleep(0.08)
    return path.stat()


def test_a_digest_is_remembered_across_processes_until_the_file_changes(tmp_path: Path) -> None:
    file, kept = tmp_path / "f", str(tmp_path / "cache")
    status = _settled(file, "one")
    cache = StatCache(kept)
    digest = hash_file(str(file), cache)
    cache.save()

    again = StatCache(kept)

    assert again.find(status) == digest
    assert again.find(_settled(file, "two")) is None


def test_a_file_that_was_just_written_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "SETTLED", 60_000_000_000)  # a busy machine may be longer about it than 50 ms
    (tmp_path / "f").write_text("fresh")
    cache = StatCache(None)
    hash_file(str(tmp_path / "f"), cache)

    assert cache.find((tmp_path / "f").stat()) is None


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: b"x" + data[1:], lambda data: b"", lambda data: data + b"x"]
)
def test_a_damaged_cache_is_not_believed(tmp_path: Path, damage) -> None:
    status = _settled(tmp_path / "f", "one")
    kept = tmp_path / "cache"
    cache = StatCache(str(kept))
    hash_file(str(tmp_path / "f"), cache)
    cache.save()
    kept.write_bytes(damage(kept.read_bytes()))

    assert StatCache(str(kept)).find(status) is None


def test_many_files_are_hashed_in_order_by_two_threads(tmp_path: Path) -> None:
    import hashlib

    paths = [tmp_path / str(number) for number in range(200)]
    for path in paths:
        path.write_text(path.name * 1000)

    digests = hash_files([(str(path), path.stat()) for path in paths], StatCache(None))

    assert digests == [hashlib.sha256((path.name * 1000).encode()).digest() for path in paths]


def test_a_file_that_became_a_fifo_hangs_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "f")
    with pytest.raises(OSError, match="no regular file"):
        hash_file(str(tmp_path / "f"), StatCache(None))


# -- the upper directory


@pytest.mark.root
def test_a_directory_below_is_copied_up_with_all_it_has(tmp_path: Path) -> None:
    below, upper = tmp_path / "below", tmp_path / "upper"
    (below / "a/b").mkdir(parents=True)
    upper.mkdir()
    os.chown(below / "a/b", 5, 6)
    (below / "a/b").chmod(0o2711)
    os.setxattr(below / "a/b", "user.note", b"kept")
    os.utime(below / "a/b", (1, 2))

    target = Upper(str(upper), str(below), Privileged(), 100)
    target.make_directories("a/b/new")
    target.write("a/b/new/f", b"x", Wishes())
    target.finish()

    status = (upper / "a/b").stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode), status.st_mtime) == (5, 6, 0o2711, 2)
    assert os.getxattr(upper / "a/b", "user.note") == b"kept"
    assert (upper / "a/b/new").stat().st_gid == 0
    assert (upper / "a/b/new/f").stat().st_mtime == 100
