"""Where the context and the Dockerfile come from, and where the result goes."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from izba.build.context import ContextNotFound
from izba.build.definition import DockerfileNotFound
from izba.build.export.output import Output, parse_output
from izba.errors import InvalidArgument, IzbaError
from izba.image.loading import load
from tests.build.builder import Builder

pytestmark = pytest.mark.root


def _tar(**files: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content.encode()))
    return buffer.getvalue()


def test_a_dockerfile_on_stdin_has_no_files(build: Builder) -> None:
    done = build.build("-", stdin=b"FROM busybox\nRUN echo alone\n")

    assert done.output == "alone\n"
    with pytest.raises(IzbaError, match="not found"):
        build.build("-", stdin=b"FROM busybox\nCOPY f /\n")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_tar_on_stdin_is_a_context(build: Builder, pack) -> None:
    files = {
        "Dockerfile": "FROM busybox\nCOPY . /c\n",
        "f": "in tar",
        ".dockerignore": "hidden\n",
        "hidden": "",
        "other": "FROM busybox\nCOPY f /other\n",
    }

    done = build.build("-", stdin=pack(_tar(**files)))

    assert done.read("c/f") == "in tar"
    assert not done.exists("c/hidden")
    assert build.build("-", file="other", stdin=pack(_tar(**files))).read("other") == "in tar"


def test_a_dockerfile_on_stdin_with_a_directory(build: Builder) -> None:
    context = build.context("FROM busybox\nRUN exit 1\n", {"f": "file"})
    assert build.build(context, file="-", stdin=b"FROM busybox\nCOPY f /f\n").read("f") == "file"


def test_a_dockerfile_outside_of_the_context(build: Builder, tmp_path: Path) -> None:
    (tmp_path / "D").write_text("FROM busybox\nCOPY . /c\n")
    context = build.context("ignored", {"f": "file"})

    done = build.build(context, file=str(tmp_path / "D"))

    assert done.read("c/f") == "file"
    assert not done.exists("c/D")


def test_other_names_of_a_dockerfile_are_found(build: Builder) -> None:
    context = build.context("", {"Containerfile": "FROM busybox\nRUN echo found\n"})
    (context / "Dockerfile").unlink()

    assert build.build(context).output == "found\n"


@pytest.mark.parametrize(
    ("context", "error", "message"),
    [
        ("/no/such/directory", ContextNotFound, "not found"),
        ("https://github.com/x/y.git", IzbaError, "git repository"),
        ("git@github.com:x/y", IzbaError, "git repository"),
        ("https://example.com/context.tar.gz", IzbaError, "URL cannot be a build context"),
    ],
)
def test_what_cannot_be_a_context_says_what_to_do(
    build: Builder, context: str, error: type[IzbaError], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        build.build(context)
    assert caught.value.hint


def test_a_missing_dockerfile_is_named(build: Builder, tmp_path: Path) -> None:
    with pytest.raises(DockerfileNotFound, match="Dockerfile: no such file"):
        build.build(tmp_path)


# -- results


def test_an_image_gets_all_its_names_and_only_the_last_build_keeps_them(build: Builder) -> None:
    from izba.image.stored import find

    first = build.build(build.context("FROM busybox\nLABEL n=1\n"), tags=("name-one", "reg.example:5000/two:v1"))
    second = build.build(build.context("FROM busybox\nLABEL n=2\n"), tags=("name-one:latest",))

    store = build.engine.store
    assert find(store, "name-one").id == second.image.id
    assert find(store, "reg.example:5000/two:v1").id == first.image.id


def test_a_local_output_is_files_of_ones_own(build: Builder, tmp_path: Path) -> None:
    (tmp_path / "out/d").mkdir(parents=True)
    (tmp_path / "out/kept").write_text("kept")
    os.symlink("/etc", tmp_path / "out/l")

    done = build(
        "FROM scratch\nCOPY --chown=5:6 --chmod=4755 d /d\nCOPY l /l/\n",
        {"d/f": "file", "l/planted": ""},
        outputs=(Output(kind="local", destination=str(tmp_path / "out")),),
    )

    assert done.built.image is None
    assert (tmp_path / "out/d/f").read_text() == "file"
    assert (tmp_path / "out/d/f").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "out/d/f").stat().st_uid == 0
    assert (tmp_path / "out/kept").exists()
    assert not (tmp_path / "out/l").is_symlink()
    assert not os.path.exists("/etc/planted")


def test_a_tar_output_is_the_root_file_system(build: Builder, tmp_path: Path) -> None:
    build(
        "FROM busybox\nCOPY --chown=5:6 f /f\nRUN rm /etc/group\n",
        {"f": "file"},
        outputs=(Output(kind="tar", destination=str(tmp_path / "out.tar")),),
    )

    with tarfile.open(tmp_path / "out.tar") as tar:
        names = {name.removeprefix("./"): tar.getmember(name) for name in tar.getnames()}
    assert names["f"].uid == 5
    assert "bin/busybox" in names
    assert "etc/group" not in names
    assert os.listdir(tmp_path) == ["out.tar"]


@pytest.mark.parametrize("kind", ["oci", "docker"])
def test_an_archive_output_can_be_loaded(build: Builder, new_store, tmp_path: Path, kind: str) -> None:
    from izba.image.loading import load

    done = build.build(
        build.context("FROM busybox\nCOPY f /f\n", {"f": "file"}),
        tags=("archived:v1",),
        outputs=(Output(kind=kind, destination=str(tmp_path / "out.tar")),),
    )

    other = new_store().engine.store
    with (tmp_path / "out.tar").open("rb") as file:
        (loaded,) = load(other, file)
    assert loaded.image.id == done.image.id
    assert [reference.familiar() for reference in loaded.references] == ["archived:v1"]


def test_an_oci_layout_as_a_directory_and_as_a_context(build: Builder, new_store, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    done = build(
        "FROM busybox\nRUN echo from-layout > /f\n",
        outputs=(Output(kind="oci", destination=str(layout), as_directory=True),),
    )

    assert json.loads((layout / "oci-layout").read_text())["imageLayoutVersion"] == "1.0.0"
    other = new_store()("FROM base\nRUN cat /f\n", contexts={"base": f"oci-layout://{layout}"})
    assert other.output == "from-layout\n"
    assert done.layers == other.layers[:2]


@pytest.mark.parametrize(("compression", "magic"), [("gzip", b"\x1f\x8b"), ("zstd", b"\x28\xb5\x2f\xfd")])
@pytest.mark.parametrize("kind", ["oci", "docker"])
def test_an_archives_layers_are_compressed_as_asked(
    build: Builder, new_store: Callable[[], Builder], tmp_path: Path, kind: str, compression: str, magic: bytes
) -> None:
    path = tmp_path / "archive.tar"
    output = parse_output(f"type={kind},dest={path},compression={compression}")
    done = build("FROM busybox\nRUN seq 5000 > /numbers\n", outputs=(output,))

    store = new_store().engine.store
    with path.open("rb") as file:
        (loaded,) = load(store, file)
    assert loaded.image.id == done.image.id
    assert loaded.image.chain_id == done.image.chain_id
    with tarfile.open(path) as tar:
        blobs = [tar.extractfile(member).read() for member in tar if member.isfile()]  # type: ignore[union-attr]
    assert len([blob for blob in blobs if blob.startswith(magic)]) == len(done.layers)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("out", Output(kind="local", destination="out")),
        ("-", Output(kind="tar", destination="-")),
        ("type=local,dest=out", Output(kind="local", destination="out")),
        ("type=oci,dest=x,tar=false", Output(kind="oci", destination="x", as_directory=True)),
        ("type=image,name=a:1", Output(kind="image", names=("a:1",))),
        ("type=docker", Output(kind="image")),
        ("type=docker,dest=x,compression=zstd", Output(kind="docker", destination="x", compression="zstd")),
        ("type=oci,dest=x,compression=uncompressed", Output(kind="oci", destination="x")),
    ],
)
def test_outputs_are_read_as_buildx_reads_them(text: str, expected: Output) -> None:
    assert parse_output(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "type=tarr,dest=x",
        "type=tar",
        "type=local",
        "type=tar,dest=x,push=true",
        "type=registry,compression=uncompressed",
        "type=oci,x=y,dest=z",
        "type=oci,dest=x,compression=estargz",
        "type=tar,dest=x,compression=gzip",
        "type=image,compression=zstd",
    ],
)
def test_wrong_outputs_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        parse_output(text)
