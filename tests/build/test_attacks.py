"""Hostile contexts, images and Dockerfiles (attacks D): a canary on the host stays as it is."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from izba.build import gopath
from izba.build.dockerfile.source import DockerfileError
from izba.engine.builds import StepFailed
from izba.errors import IzbaError
from tests.build.builder import Builder

pytestmark = pytest.mark.root


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file of the host, which nobody may read or change."""
    (tmp_path / "host").mkdir()
    path = tmp_path / "host/canary"
    path.write_text("canary-content")
    return path


def test_links_in_a_context_do_not_lead_out(build: Builder, canary: Path) -> None:
    """D1"""
    context = build.context("FROM busybox\nCOPY absolute /a\n")
    os.symlink(canary, context / "absolute")
    os.symlink("../" * 20 + str(canary)[1:], context / "relative")
    os.symlink(canary.parent, context / "directory")

    for source in ("absolute", "relative", "directory/canary", "directory"):
        (context / "Dockerfile").write_text(f"FROM busybox\nCOPY {source} /a\n")
        with pytest.raises(StepFailed, match="not found"):
            build.build(context)


def test_links_inside_a_copied_directory_stay_links(build: Builder, canary: Path) -> None:
    """D1"""
    context = build.context("FROM busybox\nCOPY d /d\n", {"d/": None})
    os.symlink(canary, context / "d/link")

    assert os.readlink(build.build(context).path("d/link")) == str(canary)


def test_links_in_a_tar_on_stdin_do_not_lead_out(build: Builder, canary: Path) -> None:
    """D1: the Dockerfile itself may be a link, whose target an error would show."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, target in (("Dockerfile", str(canary)), ("l", str(canary.parent))):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
        entry = tarfile.TarInfo("l/planted")
        entry.size = 1
        tar.addfile(entry, io.BytesIO(b"x"))

    with pytest.raises(IzbaError) as caught:
        build.build("-", stdin=buffer.getvalue())

    assert "canary-content" not in f"{caught.value} {getattr(caught.value, 'source', '')}"
    assert os.listdir(canary.parent) == ["canary"]


@pytest.mark.parametrize("line", ["COPY f /app/", "ADD f /app/f", "WORKDIR /app/made", "COPY --chown=1:1 f /app/x/y/"])
def test_links_in_the_root_file_system_do_not_lead_out(build: Builder, canary: Path, line: str) -> None:
    """D2"""
    done = build(f"FROM busybox\nRUN ln -s {canary.parent} /app\n{line}\n", {"f": "file"})

    assert os.listdir(canary.parent) == ["canary"]
    assert any(name.startswith(str(canary.parent)[1:]) for name in done.names())


@pytest.mark.parametrize("rw", ["", ",rw"])
def test_a_bind_mounts_source_stays_in_its_stage(build: Builder, canary: Path, rw: str) -> None:
    """D3"""
    with pytest.raises(StepFailed, match="not found"):
        build(
            f"FROM busybox AS evil\nRUN ln -s {canary.parent} /to-host && ln -s / /to-root\n"
            f"FROM busybox\nRUN --mount=from=evil,source=/to-host,target=/m{rw} echo x > /m/canary\n"
        )
    done = build(
        "FROM busybox AS evil\nRUN ln -s / /to-root\n"
        f"FROM busybox\n"
        f"RUN --mount=from=evil,source=/to-root,target=/m{rw} ls -d /m{canary.parent} 2>&1 || echo inside\n"
    )

    assert "inside" in done.output
    assert canary.read_text() == "canary-content"


@pytest.mark.parametrize("id", ["../../../../etc", "/etc", "a/b", ".", "..", "x" * 5000, "\N{SNOWMAN}"])
def test_a_cache_mounts_id_is_no_path(fresh: Builder, id: str) -> None:
    """D5"""
    done = fresh(f"FROM busybox\nRUN --mount=type=cache,id={id},target=/c ls -a /c | wc -l\n")

    assert done.output == "2\n"
    names = [name for name in os.listdir(f"{fresh.engine.roots.data}/build/mounts") if not name.endswith(".lock")]
    assert [len(name) for name in names] == [64]


def test_a_cache_mounts_source_does_not_lead_out_of_the_cache(fresh: Builder, canary: Path) -> None:
    """D5: a link that one step put into the cache is in the next step's way."""
    fresh(f"FROM busybox\nRUN --mount=type=cache,id=x,target=/c ln -s {canary.parent} /c/sub && ln -s ../../.. /c/up\n")

    for source in ("sub", "up", "../../..", "/sub/../.."):
        done = fresh(
            f"FROM busybox\nRUN --mount=type=cache,id=x,source={source},target=/m ls -a /m; echo x > /m/planted\n"
        )
        assert "canary" not in done.output
    assert os.listdir(canary.parent) == ["canary"]


def test_mount_points_are_not_cleaned_up_on_the_host(build: Builder, canary: Path) -> None:
    """D6: a step that swaps its mount point's parent for a link has nothing removed behind it."""
    (canary.parent / "empty").mkdir()
    (canary.parent / "none").write_text("")

    done = build(
        "FROM busybox\n"
        "RUN --mount=type=tmpfs,target=/x/empty --mount=type=tmpfs,target=/y/none "
        f"mkdir /z && ln -s {canary.parent} /z/x; true\n"
    )

    assert sorted(os.listdir(canary.parent)) == ["canary", "empty", "none"]
    assert not done.exists("x")
    assert not done.exists("y")


def test_a_mount_point_that_the_step_filled_or_removed_is_as_the_step_left_it(build: Builder) -> None:
    """D6"""
    done = build(
        "FROM busybox\nRUN --mount=type=tmpfs,target=/a/b/c echo x > /a/b/file\n"
        "RUN --mount=type=bind,target=/etc/passwd,source=f cat /etc/passwd\n",
        {"f": "mounted\n"},
    )

    assert done.names() >= {"a/b/file"}
    assert not done.exists("a/b/c")
    assert done.read("etc/passwd").startswith("root:")


def test_unknown_options_of_mounts_are_refused(build: Builder) -> None:
    """D4"""
    for option in ("bind-propagation=rshared", "Z", "relabel=shared", "exec"):
        with pytest.raises(DockerfileError):
            build(f"FROM busybox\nRUN --mount=type=bind,target=/m,{option} true\n")


def test_a_fifo_a_device_and_a_socket_in_the_context_hang_nothing(build: Builder) -> None:
    """D12"""
    context = build.context("FROM busybox\nCOPY . /c\n", {"f": "file"})
    os.mkfifo(context / "fifo")
    subprocess.run(["python3", "-c", f"import socket; socket.socket(1).bind('{context}/socket')"], check=True)

    done = build.build(context)

    assert done.path("c/fifo").is_fifo()
    assert not done.exists("c/socket")
    assert done.read("c/f") == "file"


@pytest.mark.parametrize("name", ["Dockerfile", ".dockerignore", "Dockerfile.dockerignore"])
def test_a_fifo_for_a_dockerfile_hangs_nothing(build: Builder, name: str) -> None:
    """D12"""
    context = build.context("FROM busybox\n")
    (context / name).unlink(missing_ok=True)
    os.mkfifo(context / name)

    with pytest.raises(IzbaError, match="no regular file"):
        build.build(context)


@pytest.mark.parametrize("pattern", ["secret", "./secret", "sub/../secret", "s*t", "/secret", "[so]*", "[a-z]ecret"])
def test_an_ignored_file_cannot_be_had_by_another_spelling(build: Builder, pattern: str) -> None:
    """D12"""
    files = {".dockerignore": "secret\nsub/inner\n", "secret": "s", "sub/inner": "i", "open": "o"}
    context = build.context("", files)
    os.symlink("secret", context / "alias")
    os.symlink("sub", context / "by")

    (context / "Dockerfile").write_text(f"FROM scratch\nCOPY {pattern} /x/\n")
    if gopath.has_wildcards(pattern):
        done = build.build(context)
        assert done.image.chain_id is None or not done.exists("x/secret")
    else:
        with pytest.raises(StepFailed, match="not found"):
            build.build(context)
    for source in ("alias", "by/inner"):
        (context / "Dockerfile").write_text(f"FROM scratch\nCOPY {source} /x/\n")
        with pytest.raises(StepFailed, match="not found"):
            build.build(context)


def test_a_bind_of_the_context_does_not_show_what_is_ignored(build: Builder) -> None:
    """D12"""
    done = build(
        "FROM busybox\nRUN --mount=target=/c ls /c\n", {".dockerignore": "secret\n", "secret": "s", "open": "o"}
    )

    assert "open" in done.output
    assert "secret" not in done.output


def test_a_name_that_means_a_deletion_in_layers_is_refused(build: Builder) -> None:
    with pytest.raises(StepFailed, match=r"\.wh\."):
        build("FROM busybox\nCOPY d /d\n", {"d/.wh.passwd": ""})


def test_the_terminal_is_not_written_to_by_what_a_command_prints() -> None:
    from izba.build.progress import Output, PlainPrinter, Step

    written: list[str] = []
    printer = PlainPrinter(written.append)
    printer(Output(step=Step(number=1, name="x"), data=b"\x1b]0;title\x07red\x1b[31m\ttab\r\n", stream=1, seconds=0.0))

    assert "\x1b" not in "".join(written)
    assert "\\x1b]0;title" in "".join(written)


def test_links_without_end_are_an_error(build: Builder) -> None:
    context = build.context("FROM busybox\nCOPY a /x\n")
    os.symlink("b", context / "a")
    os.symlink("a", context / "b")

    with pytest.raises(StepFailed, match="too many symbolic links"):
        build.build(context)


def test_a_command_cannot_reach_the_store(build: Builder) -> None:
    data = build.engine.roots.data
    done = build(f"FROM busybox\nRUN ls -a {data} 2>&1 || echo unseen; grep -c {data} /proc/self/mountinfo || true\n")

    assert "unseen" in done.output


@pytest.mark.parametrize("mask", [0o077, 0o022, 0o002])
def test_nothing_that_a_build_keeps_can_be_written_by_others(fresh: Builder, mask: int) -> None:
    """Whatever the umask, which does not show in the layers either."""
    context = fresh.context(
        "FROM busybox\nCOPY f /f\nCOPY --link d /d\n"
        "RUN --mount=type=cache,target=/c echo x > /c/f; touch /g; mkdir /h\n",
        {"f": "", "d/s/e": ""},
    )
    before = os.umask(mask)
    try:
        done = fresh.build(context, host_trust=True)
    finally:
        os.umask(before)

    top = Path(fresh.engine.roots.data)
    kept = [path for path in top.rglob("*") if not {"snapshots", "mounts"} & set(path.relative_to(top).parts)]
    assert [str(path) for path in kept if not path.is_symlink() and path.lstat().st_mode & stat.S_IWOTH] == []
    assert [done.mode(name) for name in ("f", "d/s", "d/s/e", "g", "h")] == [0o644, 0o755, 0o644, 0o644, 0o755]
