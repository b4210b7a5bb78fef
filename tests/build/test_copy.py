"""COPY, with every flag: what is taken, where it goes, whose it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from izba.build.dockerfile.source import DockerfileError
from izba.engine.builds import StepFailed
from tests.build import busybox
from tests.build.builder import Builder

pytestmark = pytest.mark.root


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("a.txt /x", "x"),
        ("a.txt /x/", "x/a.txt"),
        ("a.txt /tmp", "tmp/a.txt"),
        ("a.txt .", "work/a.txt"),
        ("a.txt sub/b", "work/sub/b"),
        ("a.txt /new/deep/name", "new/deep/name"),
        ("d /x", "x/in.txt"),
        ("d/ /x/", "x/in.txt"),
        ("d/in.txt /x/", "x/in.txt"),
        ("./d/../a.txt /x", "x"),
        ("../../a.txt /x", "x"),
        ("*.txt /x/", "x/a.txt"),
        ("d/i?.tx[t] /x/", "x/in.txt"),
        ('["a.txt", "/with space"]', "with space"),
    ],
)
def test_a_source_goes_where_dockers_rules_say(build: Builder, words: str, expected: str) -> None:
    done = build(f"FROM busybox\nWORKDIR /work\nCOPY {words}\n", {"a.txt": "a", "d/in.txt": "in"})

    assert done.exists(expected)
    assert done.read(expected) in {"a", "in"}


def test_a_directory_is_copied_with_modes_and_links_and_belongs_to_root(build: Builder) -> None:
    context = build.context(
        "FROM busybox\nCOPY src /dst\n", {"src/run.sh": "x", "src/sub/secret": "y", "src/empty/": None}
    )
    (context / "src/run.sh").chmod(0o755)
    (context / "src/sub").chmod(0o700)
    os.symlink("../run.sh", context / "src/sub/link")
    for path in [context / "src", *(context / "src").rglob("*")]:
        os.chown(path, 4242, 4243, follow_symlinks=False)
    (context / "src/sub/secret").chmod(0o4640)

    done = build.build(context)

    assert done.mode("dst/run.sh") == 0o755
    assert done.mode("dst/sub") == 0o700
    assert done.mode("dst/sub/secret") == 0o4640
    assert os.readlink(done.path("dst/sub/link")) == "../run.sh"
    assert done.path("dst/empty").is_dir()
    assert {done.owner(f"dst/{name}") for name in ("run.sh", "sub", "sub/secret", "sub/link")} == {(0, 0)}


def test_a_directory_merges_into_one_that_is_there(build: Builder) -> None:
    done = build("FROM busybox\nRUN mkdir -m 711 /etc/x && echo old > /etc/x/old\nCOPY e /etc\n", {"e/x/new": "new"})

    assert done.read("etc/x/new") == "new"
    assert done.read("etc/x/old") == "old\n"
    assert done.exists("etc/passwd")
    assert done.mode("etc/x") == 0o755  # as in the source


def test_a_file_replaces_a_file_and_a_link_but_no_directory(build: Builder) -> None:
    prepare = "FROM busybox\nRUN mkdir /d && echo old > /d/f && ln -s /etc/passwd /d/l\n"

    done = build(f"{prepare}COPY f l /d/\n", {"f": "new", "l": "no link"})

    assert done.read("d/f") == "new"
    assert done.read("d/l") == "no link"
    assert "root:" in done.read("etc/passwd")
    with pytest.raises(StepFailed, match="cannot replace to directory /d/f with file"):
        build("FROM busybox\nRUN mkdir -p /d/f\nCOPY f /d/\n", {"f": "file"})
    with pytest.raises(StepFailed, match="cannot copy to non-directory: /d/f"):
        build("FROM busybox\nRUN mkdir /d && touch /d/f\nCOPY s /d\n", {"s/f/inner": ""})


def test_what_a_wildcard_does_not_match_is_no_error_but_a_missing_name_is_one(build: Builder) -> None:
    done = build("FROM busybox\nCOPY nothing* /x/\nCOPY a.txt /y\n", {"a.txt": "a"})
    assert not done.exists("x/nothing")

    with pytest.raises(StepFailed, match='"/missing": not found') as caught:
        build("FROM busybox\n\nCOPY missing /x\n")
    assert caught.value.place.start == 3


def test_several_sources_need_a_directory(build: Builder) -> None:
    with pytest.raises(DockerfileError, match="more than one source file"):
        build("FROM busybox\nCOPY a b /c\n", {"a": "", "b": ""})


def test_a_link_named_as_the_source_is_followed_inside_the_context(build: Builder) -> None:
    context = build.context("FROM busybox\nCOPY link /file\nCOPY dirlink /dir\n", {"real/f": "content"})
    os.symlink("/real/f", context / "link")
    os.symlink("real", context / "dirlink")

    done = build.build(context)

    assert done.read("file") == "content"
    assert done.read("dir/f") == "content"


# -- flags


@pytest.mark.parametrize(
    ("chown", "owner"),
    [
        ("12:34", (12, 34)),
        ("12", (12, 12)),
        ("app", (1000, 1001)),
        ("app:staff", (1000, 50)),
        ("1000:staff", (1000, 50)),
        ("$WHO", (7, 8)),
    ],
)
def test_chown_takes_numbers_and_the_images_names(build: Builder, chown: str, owner: tuple[int, int]) -> None:
    done = build(f"FROM busybox\nARG WHO=7:8\nCOPY --chown={chown} d /new/d\n", {"d/f": ""})

    assert done.owner("new/d/f") == owner
    assert done.owner("new/d") == owner
    assert done.owner("new") == owner


def test_chown_to_a_name_that_the_image_lacks_says_so(build: Builder) -> None:
    with pytest.raises(StepFailed, match="unable to find user nobody-here"):
        build("FROM busybox\nCOPY --chown=nobody-here f /f\n", {"f": ""})


@pytest.mark.parametrize(
    ("chmod", "file", "directory"),
    [
        ("755", 0o755, 0o755),
        ("0600", 0o600, 0o600),
        ("4711", 0o4711, 0o4711),
        ("u=rwX,go=rX", 0o644, 0o755),
        ("a+x", 0o755, 0o755),
        ("go-rwx", 0o600, 0o700),
        ("g=u", 0o664, 0o775),
    ],
)
def test_chmod_is_octal_or_symbolic(build: Builder, chmod: str, file: int, directory: int) -> None:
    context = build.context(f"FROM busybox\nCOPY --chmod={chmod} d /d\n", {"d/s/f": ""})
    (context / "d/s").chmod(0o755)
    (context / "d/s/f").chmod(0o644)

    done = build.build(context)

    assert done.mode("d/s/f") == file
    assert done.mode("d/s") == directory


@pytest.mark.parametrize("chmod", ["8", "99999", "u?x", "rwx"])
def test_a_wrong_chmod_points_at_the_flag(build: Builder, chmod: str) -> None:
    with pytest.raises(DockerfileError, match="invalid chmod parameter") as caught:
        build(f"FROM busybox\nCOPY --chmod={chmod} f /f\n", {"f": ""})
    assert caught.value.place.start == 2


def test_parents_keeps_the_directories_from_the_pivot_on(build: Builder) -> None:
    files = {"x/a.txt": "", "y/a.txt": "", "y/b.bin": "", "deep/er/c.txt": ""}

    done = build(
        "FROM busybox\nCOPY --parents ./x/a.txt ./y/a.txt /all/\nCOPY --parents deep/./er/*.txt /cut/\n", files
    )

    assert {"all/x/a.txt", "all/y/a.txt", "cut/er/c.txt"} <= {
        name for name in ("all/x/a.txt", "all/y/a.txt", "cut/er/c.txt", "all/y/b.bin", "cut/deep") if done.exists(name)
    }
    assert not done.exists("all/y/b.bin")
    assert not done.exists("cut/deep")


def test_parents_knows_double_stars_and_misses_loudly(build: Builder) -> None:
    done = build("FROM busybox\nCOPY --parents **/*.py /src/\n", {"m.py": "", "p/q/n.py": "", "p/o.txt": ""})

    assert done.exists("src/m.py")
    assert done.exists("src/p/q/n.py")
    assert not done.exists("src/p/o.txt")
    with pytest.raises(StepFailed, match='"/no/such": not found'):
        build("FROM busybox\nCOPY --parents no/such /src/\n")


def test_exclude_leaves_out_what_matches(build: Builder) -> None:
    files = {"d/a.txt": "", "d/b.md": "", "d/sub/c.md": "", "d/sub/keep": "", "e.md": "", "e.txt": ""}

    done = build("FROM busybox\nCOPY --exclude=**/*.md d /d\nCOPY --exclude=*.md e.* /e/\n", files)

    assert done.exists("d/a.txt")
    assert done.exists("d/sub/keep")
    assert not done.exists("d/b.md")
    assert not done.exists("d/sub/c.md")
    assert done.exists("e/e.txt")
    assert not done.exists("e/e.md")


def test_link_makes_a_layer_of_its_own_that_does_not_depend_on_the_base(build: Builder) -> None:
    files = {"d/f": "linked"}
    one = build("FROM busybox\nRUN echo one > /one\nCOPY --link d /opt/d\n", files)
    two = build("FROM busybox\nRUN echo two > /two\nCOPY --link d /opt/d\n", files)

    assert one.read("opt/d/f") == "linked"
    assert one.layers[-1] == two.layers[-1]
    assert one.layers[-2] != two.layers[-2]
    assert not any("COPY" in step for step in two.executed)


def test_link_does_not_follow_the_bases_links(build: Builder) -> None:
    prepare = "FROM busybox\nRUN mkdir /real && ln -s /real /alias\n"

    followed = build(f"{prepare}COPY f /alias/f\n", {"f": ""})
    linked = build(f"{prepare}COPY --link f /alias/f\n", {"f": ""})

    assert followed.exists("real/f")
    assert followed.names() == {"real/f"}
    assert linked.names() == {"alias/f"}


def test_heredocs_are_files_of_the_dockerfiles_own(build: Builder) -> None:
    done = build(
        'FROM busybox\nARG NAME=izba\nCOPY --chmod=700 --chown=1:2 <<one <<"two" /d/\nhello $NAME\none\n'
        "plain $NAME\ntwo\n"
        "COPY <<-EOF /e\n\ttabs\n\tEOF\n"
    )

    assert done.read("d/one") == "hello izba\n"
    assert done.read("d/two") == "plain $NAME\n"
    assert done.read("e") == "tabs\n"
    assert done.mode("d/one") == 0o700
    assert done.owner("d/one") == (1, 2)
    assert done.mode("e") == 0o644


def test_of_two_files_with_one_name_the_later_counts(build: Builder) -> None:
    context = build.context(
        "FROM busybox\nCOPY a/l b/l /new/\nCOPY <<l <<l /more/\none\nl\ntwo\nl\n", {"a/l": "a", "b/l": "b"}
    )
    (context / "z").mkdir()
    for name in ("a", "b"):
        (context / f"t{name}").mkdir()
        os.symlink(name, context / f"t{name}/link")

    done = build.build(context)
    (context / "Dockerfile").write_text("FROM busybox\nCOPY ta/ tb/ /links/\n")

    assert done.read("new/l") == "b"
    assert done.read("more/l") == "two\n"
    assert os.readlink(build.build(context).path("links/link")) == "b"


# -- sources


def test_from_a_stage_by_name_and_number_keeps_owners_and_modes(build: Builder) -> None:
    done = build(
        "FROM busybox AS Builder\n"
        "RUN mkdir -m 750 /out && echo built > /out/bin && ln -s bin /out/l\n"
        "RUN chown -R 5:6 /out && chmod 4755 /out/bin\n"
        "FROM busybox\n"
        "COPY --from=builder /out /named/\n"
        "COPY --from=0 /out/bin /numbered\n"
    )

    assert done.read("named/bin") == "built\n"
    assert done.owner("named/bin") == (5, 6)
    assert done.mode("named/bin") == 0o4755
    assert os.readlink(done.path("named/l")) == "bin"
    assert done.read("numbered") == "built\n"
    assert not done.exists("out")


def test_from_an_image_and_from_a_named_context(build: Builder, tmp_path: Path) -> None:
    (tmp_path / "named").mkdir()
    (tmp_path / "named/f").write_text("named")

    done = build(
        "FROM scratch\nCOPY --from=busybox /etc/passwd /etc/\nCOPY --from=other f /f\n",
        contexts={"other": str(tmp_path / "named")},
    )

    assert done.read("etc/passwd").startswith("root:")
    assert done.read("f") == "named"


def test_links_in_a_stage_are_resolved_inside_of_it(build: Builder) -> None:
    done = build(
        "FROM busybox AS one\nRUN mkdir /data && echo inside > /data/f && ln -s /data /abs && ln -s f /data/rel\n"
        "FROM scratch\nCOPY --from=one /abs/rel /f\n"
    )

    assert done.read("f") == "inside\n"


@pytest.mark.parametrize(
    ("dockerfile", "message"),
    [
        (
            "FROM busybox\nCOPY --from=later f /\nFROM busybox AS later\nCOPY --from=0 /etc/passwd /\n",
            "needs to be defined",
        ),
        ("FROM busybox\nCOPY --from=7 f /\n", "invalid stage index 7"),
        ("FROM busybox\nARG S=x\nCOPY --from=$S f /\n", "variable expansion is not supported"),
        ("FROM busybox\nCOPY http://127.0.0.1/x /\n", "source can't be a URL for COPY"),
        ("FROM busybox\nCOPY --from=no-such-image f /\n", "no-such-image"),
    ],
)
def test_wrong_sources_are_told_at_their_line(build: Builder, dockerfile: str, message: str) -> None:
    with pytest.raises(DockerfileError, match=message) as caught:
        build(dockerfile, {"f": ""}, target="later" if "later" in dockerfile and "AS later" in dockerfile else None)
    assert caught.value.place.start == (2 if "ARG" not in dockerfile else 3)


# -- .dockerignore


def test_dockerignore_hides_files_and_takes_back_exceptions(build: Builder) -> None:
    files = {
        ".dockerignore": "*.log\nnode_modules\nbuild/**\n!build/keep/this\n",
        "a.log": "",
        "a.txt": "",
        "node_modules/m/index.js": "",
        "build/x": "",
        "build/keep/this": "kept",
        "build/keep/that": "",
    }

    done = build("FROM busybox\nCOPY . /c\n", files)

    assert done.exists("c/a.txt")
    assert done.read("c/build/keep/this") == "kept"
    hidden = ("a.log", "node_modules", "node_modules/m/index.js", "build/x", "build/keep/that")
    assert [name for name in hidden if done.exists(f"c/{name}")] == []


def test_a_file_that_dockerignore_hides_is_said_to_be_hidden(build: Builder) -> None:
    with pytest.raises(StepFailed, match="not found") as caught:
        build("FROM busybox\nCOPY secret.env /x\n", {".dockerignore": "*.env\n", "secret.env": ""})
    assert caught.value.hint == ".dockerignore excludes it from the build context"


def test_a_dockerfiles_own_ignore_file_goes_first(build: Builder) -> None:
    context = build.context(
        "",
        {"sub/D": "FROM busybox\nCOPY . /c\n", "sub/D.dockerignore": "a\n", ".dockerignore": "b\n", "a": "", "b": ""},
    )

    done = build.build(context, file=str(context / "sub/D"))

    assert done.exists("c/b")
    assert not done.exists("c/a")


# -- times


def test_all_times_are_the_base_images(build: Builder) -> None:
    done = build("FROM busybox\nCOPY d /new/d\n", {"d/f": ""})

    assert {done.path(name).lstat().st_mtime for name in ("new", "new/d", "new/d/f")} == {float(busybox.CREATED)}


def test_source_date_epoch_sets_them(build: Builder) -> None:
    done = build("FROM busybox\nCOPY f /f\nRUN touch /g\n", {"f": ""}, epoch=1_234_567_890)

    assert done.path("f").lstat().st_mtime == 1_234_567_890
    assert done.path("g").lstat().st_mtime == 1_234_567_890
    assert done.image.config["created"] == "2009-02-13T23:31:30Z"
