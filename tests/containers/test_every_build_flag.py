"""Every flag of `build`, and what comes of it: as root, with a range of ids, and with a single one."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from izba.cli.commands.build import COMMAND
from izba.oci.platform import host
from tests.containers.conftest import Izba

pytestmark = pytest.mark.root

ELSEWHERE = {
    "--bootstrap": "bootstrap/test_real_images.py: test_run_and_build_bootstrap_when_they_are_told_to",
    "--cache-from": "build/test_exchange.py: test_a_directory_carries_the_cache_and_the_image_is_the_same",
    "--cache-to": "build/test_exchange.py: test_a_directory_carries_the_cache_and_the_image_is_the_same",
    "--push": "registry/test_commands.py: test_what_a_build_pushes_can_be_pulled",
}
PLAN = """
FROM busybox AS first
ARG A=default
COPY --from=more extra /extra
RUN --mount=type=secret,id=s echo $A $(cat /run/secrets/s) > /out
RUN ulimit -n >> /out; df -m /dev/shm | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2 >> /out
RUN grep there /etc/hosts >> /out; ls /sys/class/net >> /out; env | grep -ci _proxy >> /out || true
FROM first
RUN exit 7
"""


@pytest.fixture
def context(any_izba: Izba, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("HTTPS_PROXY", "http://10.1.2.3:3128")  # to be lent, or not
    path = any_izba.root.parent / "flags-of-build"
    (path / "more").mkdir(parents=True)
    (path / "more/extra").write_text("extra\n")
    (path / "Plan").write_text(PLAN)
    (path / "secret").write_text("hidden")
    (path / "Dockerfile").write_text("FROM busybox AS base\nRUN echo one > /one\nFROM base\nRUN echo two > /two\n")
    if any_izba.user:
        for each in (path, *path.rglob("*")):
            shutil.chown(each, any_izba.user.uid, any_izba.user.gid)
    yield path
    shutil.rmtree(path)


def test_flags_that_get_on_with_each_other(any_izba: Izba, context: Path) -> None:
    done = any_izba(
        "build",
        *("--file", f"{context}/Plan", "--target", "first", "--tag", "flags", "--tag", "flags:2"),
        *("--build-arg", "A=given", "--label", "color=red", "--secret", f"id=s,src={context}/secret"),
        *("--build-context", f"more={context}/more", "--add-host", "there:10.1.2.3", "--network", "none"),
        *("--ulimit", "nofile=100:200", "--shm-size", "2m", "--platform", str(host()), "--no-host-trust"),
        *("--iidfile", f"{context}/iid", "--metadata-file", f"{context}/metadata", "--progress", "plain", "--load"),
        str(context),
    )

    assert done.returncode == 0, done.stderr
    assert "] RUN ulimit" in done.stderr
    out = any_izba.ok("run", "--rm", "--network", "none", "flags:2", "cat", "/extra", "/out")
    assert out.split("\n") == ["extra", "given hidden", "100", "2", "10.1.2.3\tthere", "lo", "0"]
    (image,) = json.loads(any_izba.ok("image", "inspect", "flags"))
    assert image["Config"]["Labels"]["color"] == "red"
    assert image["Id"] == (context / "iid").read_text()
    assert json.loads((context / "metadata").read_text())["containerimage.config.digest"] == image["Id"]
    any_izba.ok("rmi", "flags", "flags:2")


def test_flags_of_the_cache_and_of_what_is_printed(any_izba: Izba, context: Path) -> None:
    id = any_izba.ok("build", "--quiet", str(context))
    steps = ("RUN echo one", "RUN echo two")

    def done_again(*flags: str) -> list[str]:
        done = any_izba("build", "--progress", "plain", *flags, str(context))
        assert done.returncode == 0
        blocks = done.stderr.split("\n\n")
        return [step for step in steps if any(step in block and "CACHED" not in block for block in blocks)]

    assert id.startswith("sha256:")
    assert done_again() == []
    assert done_again("--no-cache") == list(steps)
    assert done_again("--no-cache-filter", "base") == ["RUN echo one"]
    assert any_izba("build", "--progress", "quiet", str(context)).stderr == ""


def test_a_lent_proxy_is_seen_by_a_step_and_nowhere_else(any_izba: Izba, context: Path) -> None:
    text = "FROM busybox\nRUN env | grep -i ^https_proxy\n"

    done = any_izba("build", "--no-cache", "-t", "lent", "-", input=text)

    if any_izba.user is None:  # a user's environment is made by the test
        assert "HTTPS_PROXY=http://10.1.2.3:3128" in done.stderr
    assert "10.1.2.3" not in any_izba.ok("image", "inspect", "lent") + any_izba.ok("history", "--no-trunc", "lent")
    any_izba.ok("rmi", "lent")


def test_where_the_context_comes_from_and_the_result_goes(any_izba: Izba, context: Path) -> None:
    from_stdin = any_izba.ok("build", "-q", "-", input="FROM busybox\nRUN echo typed > /typed\n")
    (context / "Dockerfile").write_text("FROM scratch\nCOPY more /\n")
    any_izba.ok("build", "-o", f"type=local,dest={context}/result", str(context))
    annotated = ("--annotation", "of=annotation", "-o", f"type=oci,dest={context}/oci.tar")
    any_izba.ok("build", *annotated, str(context))
    checked = any_izba("build", "--check", "-f", f"{context}/Plan", str(context))

    assert any_izba.ok("run", "--rm", "--network", "none", from_stdin, "cat", "/typed") == "typed"
    assert (context / "result/extra").read_text() == "extra\n"
    with tarfile.open(context / "oci.tar") as tar:
        index = json.load(tar.extractfile("index.json"))  # type: ignore[arg-type]
        path = index["manifests"][0]["digest"].replace(":", "/")
        manifest = json.load(tar.extractfile(f"blobs/{path}"))  # type: ignore[arg-type]
    assert manifest["annotations"]["of"] == "annotation"
    assert "Check complete" in checked.stdout + checked.stderr


def test_pull_asks_the_registry_although_the_image_is_here(any_izba: Izba) -> None:
    any_izba.ok("tag", "busybox", "127.0.0.1:1/here")  # nobody listens there
    text = "FROM 127.0.0.1:1/here\n"

    without, told = any_izba("build", "-", input=text), any_izba("build", "--pull", "-", input=text)

    any_izba.ok("rmi", "127.0.0.1:1/here")
    assert (without.returncode, told.returncode) == (0, 1)
    assert "127.0.0.1:1" in told.stderr


def test_no_flag_is_left_out() -> None:
    source = Path(__file__).read_text()
    names = {f"--{flag.name}" for flag in COMMAND.flags if not flag.hidden}
    tried = {name for name in names if f'"{name}"' in source.partition("PLAN = ")[2]} | {"--output", "--quiet"}

    assert names - tried - set(ELSEWHERE) == set(), "they need a test"
    for where in ELSEWHERE.values():
        file, _, test = where.partition(": ")
        assert f"def {test}(" in (Path(__file__).parents[1] / file).read_text(), where
