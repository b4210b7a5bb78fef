"""`.dockerignore`: what moby's patternmatcher leaves out, and how fast."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from izba.build.definition import ignore_candidates
from izba.build.dockerfile.ignore import BadIgnorePattern, Ignore, load, parse, patterns
from izba.errors import InvalidArgument


@pytest.mark.parametrize(
    ("pattern", "path", "excluded"),
    [
        ("file", "file", True),
        ("file", "dir/file", False),
        ("dir", "dir/file", True),
        ("dir", "dir/sub/file", True),
        ("dir", "directory", False),
        ("dir/", "dir/file", True),
        ("/dir", "dir/file", True),
        ("./dir/../dir", "dir/file", True),
        ("*", "a", True),
        ("*", "a/b", True),
        ("*.md", "README.md", True),
        ("*.md", "docs/README.md", False),
        ("*/*.md", "docs/README.md", True),
        ("?", "a", True),
        ("?", "ab", False),
        ("a?c", "a/c", False),
        ("[a-c]x", "bx", True),
        ("[a-c]x", "dx", False),
        ("[^a-c]x", "dx", True),
        (r"a\*", "a*", True),
        (r"a\*", "ab", False),
        (r"[\]]", "]", True),
        ("a.b", "axb", False),
        ("a+(b)|{c}$^", "a+(b)|{c}$^", True),
        ("**", "a/b/c", True),
        ("**/", "a", True),
        ("**/x", "x", True),
        ("**/x", "a/b/x", True),
        ("**/x", "a/b/x/y", True),
        ("**/x", "a/bx", False),
        ("**x", "a/bx", True),
        ("**/*.pyc", "a/b.pyc", True),
        ("**/*.pyc", "b.pyc", True),
        ("a/**", "a", False),
        ("a/**", "a/b", True),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a/**/b", "ab", False),
        ("a**", "abc/d", True),
        ("**/a/**/b", "x/a/y/b", True),
        ("**/a/**/b", "a/b", True),
        ("a**/*.txt", "a/dir/file.txt", True),
        ("**/**/*.txt", "file.txt", True),
        ("dir/*/x*z", "dir/a/xyz", True),
        ("dir/*/x*z", "dir/a/b/xyz", False),
        ("\u4e2d*", "\u4e2d\u6587", True),
    ],
)
def test_a_pattern_leaves_out(pattern: str, path: str, excluded: bool) -> None:
    assert parse(pattern).excludes(path) is excluded


@pytest.mark.parametrize(
    ("lines", "path", "excluded"),
    [
        ("*\n!keep", "keep", False),
        ("*\n!keep", "keep/below", False),
        ("*\n!keep", "other", True),
        ("!keep\n*", "keep", True),
        ("*.md\n!README.md\nREADME.md", "README.md", True),
        ("a\n!a/b\na/b/c", "a/b/d", False),
        ("a\n!a/b\na/b/c", "a/b/c", True),
        ("a\n!**/x", "a/b/x", False),
        ("*\n! spaced ", "spaced", False),
        ("*\n!/rooted", "rooted", False),
    ],
)
def test_the_last_word_counts(lines: str, path: str, excluded: bool) -> None:
    assert parse(lines).excludes(path) is excluded


def test_comments_blanks_and_line_ends() -> None:
    text = "\ufeff# comment\r\n\r\n  a/  \r\n #not-a-comment\nb\\ \n/\n//c\n"

    assert patterns(text) == ["a", "#not-a-comment", "b\\", "/", "c"]


@pytest.mark.parametrize("pattern", ["!", "[", "[a", "[]a]", "a\\", "[a-]", "[z-a]", "*\n!["])
def test_a_malformed_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(BadIgnorePattern):
        parse(pattern)


@pytest.mark.parametrize(
    ("lines", "directory", "prunes"),
    [
        ("node_modules", "node_modules", True),
        ("node_modules", "src", False),
        ("*\n!src", "node_modules", True),
        ("*\n!src/lib", "src", False),
        ("*\n!src/lib", "src/other", True),
        ("*\n!src/*/x", "src/other", False),
        ("*\n!src/*/x", "src/other/deep", True),
        ("*\n!**/x", "anything", False),
        ("*\n!a/**/x", "a/b", False),
        ("*\n!a/**/x", "b", True),
        ("*\n!a**b", "abc", False),
        ("*\n!src\nsrc/gone", "src/gone", True),
        ("*\n!s?c/x", "src", False),
    ],
)
def test_a_directory_is_pruned_only_if_nothing_under_it_can_come_back(lines: str, directory: str, prunes: bool) -> None:
    assert parse(lines).prunes(directory) is prunes


COMPONENTS = st.sampled_from(["a", "b", "ab", "a.b", "*", "?", "**", "a*", "*b", "[ab]", "a**"])
PATTERNS = st.lists(st.tuples(st.sampled_from(["", "!"]), st.lists(COMPONENTS, min_size=1, max_size=3)), max_size=4)
PATHS = st.lists(st.sampled_from(["a", "b", "ab", "a.b", "c"]), min_size=1, max_size=4)


@settings(max_examples=500, deadline=None)
@given(PATTERNS, PATHS)
def test_what_is_under_a_pruned_directory_is_left_out(lines: list[tuple[str, list[str]]], path: list[str]) -> None:
    ignore = parse("\n".join(sign + "/".join(components) for sign, components in lines))

    for depth in range(1, len(path)):
        if ignore.prunes("/".join(path[:depth])):
            assert ignore.excludes("/".join(path))


@settings(max_examples=300, deadline=None)
@given(PATTERNS, PATHS)
def test_patterns_one_by_one_say_the_same_as_all_together(
    lines: list[tuple[str, list[str]]], components: list[str]
) -> None:
    """The rule as moby states it: each pattern in turn, on the path and on every directory above it."""
    path = "/".join(components)
    excluded = False
    for sign, each in lines:
        single = Ignore(["/".join(each)])
        if any(single.excludes("/".join(components[: depth + 1])) for depth in range(len(components))):
            excluded = sign == ""

    assert parse("\n".join(sign + "/".join(each) for sign, each in lines)).excludes(path) is excluded


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40), st.text(min_size=1, max_size=20))
def test_any_text_is_an_ignore_file_or_refused(text: str, path: str) -> None:
    try:
        parse(text).excludes(path)
    except BadIgnorePattern:
        pass


@pytest.mark.parametrize("pattern", ["*a" * 60 + "b", "**/*a/" * 60 + "b", "a*/" * 60 + "b", "**/" * 60 + "b"])
def test_a_pattern_of_many_stars_takes_no_time(pattern: str) -> None:
    """attacks.md D12: an ignore file must not be able to hang a build."""
    ignore = parse(pattern)

    assert not ignore.excludes("a" * 4000)
    assert not ignore.excludes("a/" * 2000 + "a")


def test_a_large_context_is_decided_in_a_moment() -> None:
    ignore = parse(".git\n**/node_modules\n**/*.pyc\n**/.DS_Store\ndist/**\n*.md\n!README.md")
    paths = [f"src/package{number % 90}/module{number % 7}/file{number}.py" for number in range(20_000)]

    assert not any(map(ignore.excludes, paths))


def test_the_dockerfiles_own_ignore_file_comes_first_and_containerignore_last(tmp_path: Path) -> None:
    dockerfile = tmp_path / "build" / "X.Dockerfile"
    dockerfile.parent.mkdir()
    own, docker, container = ignore_candidates(str(tmp_path), str(dockerfile))
    assert not load(str(tmp_path), str(dockerfile)).patterns

    Path(container).write_text("container")
    assert load(str(tmp_path), str(dockerfile)).patterns == ("container",)
    Path(docker).write_text("docker")
    assert load(str(tmp_path), str(dockerfile)).patterns == ("docker",)
    Path(own).write_text("own")
    assert load(str(tmp_path), str(dockerfile)).patterns == ("own",)
    assert own.endswith("X.Dockerfile.dockerignore")


def test_an_ignore_file_that_is_no_file_is_refused(tmp_path: Path) -> None:
    """attacks.md D12: a FIFO in a context is not waited for."""
    os.mkfifo(tmp_path / ".dockerignore")

    with pytest.raises(InvalidArgument, match="is no regular file"):
        load(str(tmp_path), str(tmp_path / "Dockerfile"))


@settings(max_examples=300)
@given(
    st.lists(st.text(alphabet="ab*?/\\.!", min_size=1, max_size=6), min_size=1, max_size=4),
    st.lists(st.text(alphabet="ab/.\n", min_size=1, max_size=6), min_size=1, max_size=8),
)
def test_the_first_paths_are_judged_as_all_later_ones(texts: list[str], paths: list[str]) -> None:
    try:
        ignore = Ignore(texts)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("izba.build.dockerfile.ignore._FEW", 0)
            expressions = Ignore(texts)
            late = [expressions.excludes(path) for path in (paths[0], *paths)][1:]
    except BadIgnorePattern:
        return

    assert [ignore.excludes(path) for path in paths] == late
