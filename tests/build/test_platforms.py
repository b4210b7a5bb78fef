"""Building for other platforms, and for several at once."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from izba.build.export.output import PUSH, parse_output
from izba.errors import InvalidArgument, IzbaError
from izba.oci.platform import host
from tests.build.builder import Builder
from tests.registry import servers

pytestmark = pytest.mark.root

BOTH = ("linux/amd64", "linux/arm64")
FOR_EACH = """
    FROM scratch
    ARG TARGETARCH
    COPY $TARGETARCH.txt /file
    LABEL arch=$TARGETARCH
"""
FILES = {"amd64.txt": "for amd64\n", "arm64.txt": "for arm64\n"}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.debian_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


def _skopeo(*args: str) -> str:
    done = subprocess.run(["skopeo", *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_from_means_the_image_for_the_platform_that_is_built_for(build: Builder) -> None:
    other = "linux/arm64" if str(host()) != "linux/arm64" else "linux/amd64"

    with pytest.raises(IzbaError) as caught:
        build("FROM busybox\nCOPY file /", {"file": "x"}, platform=other)

    assert f"the image here is for {host()}, and {other} was asked for" in str(caught.value)


@pytest.mark.peer("skopeo")
def test_an_oci_archive_holds_the_images_of_all_platforms(build: Builder, tmp_path: Path) -> None:
    output = parse_output(f"type=oci,dest={tmp_path}/both.tar,compression=gzip")

    build(FOR_EACH, FILES, platforms=BOTH, tags=("several:1",), outputs=(output,))

    index = json.loads(_skopeo("inspect", "--raw", f"oci-archive:{tmp_path}/both.tar"))
    assert [entry["platform"]["architecture"] for entry in index["manifests"]] == ["amd64", "arm64"]
    for platform in BOTH:
        architecture = platform.partition("/")[2]
        words = ("--override-arch", architecture, "inspect", f"oci-archive:{tmp_path}/both.tar")
        assert json.loads(_skopeo(*words))["Labels"] == {"arch": architecture}


@pytest.mark.peer("docker-registry", "skopeo")
def test_push_puts_all_platforms_under_one_name(build: Builder, registry: str) -> None:
    done = build(FOR_EACH, FILES, platforms=BOTH, tags=(f"{registry}/several:1",), outputs=(PUSH,))

    where = f"docker://{registry}/several:1"
    index = json.loads(_skopeo("inspect", "--tls-verify=false", "--raw", where))
    assert {entry["platform"]["architecture"] for entry in index["manifests"]} == {"amd64", "arm64"}
    found = json.loads(_skopeo("--override-arch", "arm64", "inspect", "--tls-verify=false", where))
    assert found["Architecture"] == "arm64"
    assert done.warnings == []


@pytest.mark.peer("docker-registry", "skopeo")
def test_push_of_one_platform_is_that_image(build: Builder, registry: str) -> None:
    output = parse_output("type=registry,compression=zstd")

    done = build("FROM busybox\nRUN echo x > /x", tags=(f"{registry}/one:1",), outputs=(output,))

    raw = json.loads(_skopeo("inspect", "--tls-verify=false", "--raw", f"docker://{registry}/one:1"))
    assert raw["config"]["digest"] == done.image.id
    assert raw["layers"][-1]["mediaType"].endswith("+zstd")


def test_the_store_has_all_images_and_the_name_means_this_machines(build: Builder) -> None:
    done = build(FOR_EACH, FILES, platforms=BOTH[::-1], tags=("several:2",))

    assert done.image.config["architecture"] == host().architecture
    assert done.read("/file") == f"for {host().architecture}\n"
    assert any("several:2 means one of the images here" in warning for warning in done.warnings)


def test_files_go_to_a_directory_for_each_platform(build: Builder, tmp_path: Path) -> None:
    build(FOR_EACH, FILES, platforms=BOTH, outputs=(parse_output(f"type=local,dest={tmp_path}/out"),))

    assert (tmp_path / "out/linux_amd64/file").read_text() == "for amd64\n"
    assert (tmp_path / "out/linux_arm64/file").read_text() == "for arm64\n"


def test_steps_say_which_platform_they_are_for(build: Builder) -> None:
    done = build(FOR_EACH, FILES, platforms=BOTH, no_cache=True)

    names = [event.step.name for event in done.events if hasattr(event, "step")]
    assert any(name.startswith("[linux/arm64 1/1] COPY") for name in names)


@pytest.mark.parametrize("text", ["type=docker,dest=x.tar", "type=tar,dest=x.tar"])
def test_what_holds_one_platform_is_refused_for_several(build: Builder, text: str) -> None:
    with pytest.raises(InvalidArgument, match="holds the image of one platform"):
        build(FOR_EACH, FILES, platforms=BOTH, outputs=(parse_output(text),))


def test_a_push_without_a_name_is_refused_before_anything_is_built(build: Builder) -> None:
    with pytest.raises(InvalidArgument, match="no name to push"):
        build("FROM busybox\nRUN exit 1", outputs=(PUSH,))
