"""`--init`: process 1 is a few hundred bytes that forward signals and reap, and the command is its child."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from izba.linux import process, program
from izba.runtime.driver import runtime
from izba.runtime.launch import Stdio
from izba.runtime.native import trampoline
from tests.runtime.harness import Failure, Runner, base_config

SOURCES = Path(trampoline.__file__).parent


def config_with_init(*args: str) -> Any:
    return base_config(*args) | {"annotations": {"izba.init": "true"}}


@pytest.mark.root
def test_the_command_is_a_child_of_process_one_and_its_exit_code_counts(anyone: Runner) -> None:
    result = anyone.run(config_with_init("sh", "-c", "echo $$; exit 42"))

    assert (result.code, result.out) == (42, "2\n")


@pytest.mark.root
def test_process_one_is_no_program_of_the_host(anyone: Runner) -> None:
    assert anyone.out(config_with_init("readlink", "/proc/1/exe")) == "/memfd:izba (deleted)"


@pytest.mark.root
def test_a_command_that_is_killed_makes_128_and_the_signal(root: Runner) -> None:
    assert root.run(config_with_init("sh", "-c", "kill -9 $$")).code == 137


@pytest.mark.root
def test_orphans_are_reaped(root: Runner) -> None:
    script = (
        "(sh -c 'echo $$; exit 3' & ) > /tmp/pid; until test -s /tmp/pid; do sleep 0.02; done;"
        "while test -e /proc/$(cat /tmp/pid); do sleep 0.02; done; echo gone"
    )

    assert root.out(config_with_init("sh", "-c", script)) == "gone"


@pytest.mark.root
def test_a_signal_to_process_one_is_the_commands(root: Runner) -> None:
    config = config_with_init("sh", "-c", "trap 'exit 9' TERM; echo; while :; do sleep 0.01; done")

    def body(stdio: Stdio) -> int:
        driver = runtime("native")
        launched, id = root.launch(driver, config, stdio)
        driver.start(launched)
        while process.state(launched.pid) == "R" or not _written(stdio.stdout):
            pass
        process.send_signal(launched.pidfd, 15)
        code = process.wait(launched.pid)
        driver.delete(id, bundle=str(root.bundle), run_directory=str(root.run_directory))
        return code

    assert root.inside(body).code == 9


def _written(fd: int) -> bool:
    return os.fstat(fd).st_size > 0


@pytest.mark.root
def test_what_cannot_be_executed_is_told_all_the_same(root: Runner) -> None:
    (root.rootfs / "root/broken").write_text("#!/no/such/interpreter\n")
    (root.rootfs / "root/broken").chmod(0o755)

    with pytest.raises(Failure) as caught:
        root.run(config_with_init("/root/broken"))

    assert caught.value.kind == "CommandNotFound"


@pytest.mark.root
@pytest.mark.peer("runc")
def test_another_runtime_is_not_asked_for_what_it_does_not_have(root: Runner) -> None:
    root.runtime_name = "runc"

    with pytest.raises(Failure, match="--init is of izba's own runtime"):
        root.run(config_with_init("true"))


@pytest.mark.parametrize(
    ("source", "code", "tools"),
    [
        pytest.param(
            "reaper.x86_64.s",
            trampoline._REAPER_X86_64,
            "x86_64-linux-gnu-",
            marks=pytest.mark.peer("x86_64-linux-gnu-as"),
        ),
        pytest.param(
            "reaper.aarch64.s",
            trampoline._REAPER_AARCH64,
            "aarch64-linux-gnu-",
            marks=pytest.mark.peer("aarch64-linux-gnu-as"),
        ),
    ],
    ids=["x86_64", "aarch64"],
)
def test_the_program_is_what_its_source_assembles_to(tmp_path: Path, source: str, code: str, tools: str) -> None:
    subprocess.run([f"{tools}as", "-o", tmp_path / "object", SOURCES / source], check=True)
    subprocess.run(
        [f"{tools}objcopy", "-O", "binary", "-j", ".text", tmp_path / "object", tmp_path / "code"], check=True
    )

    assert (tmp_path / "code").read_bytes().hex() == code


@pytest.mark.peer("qemu-aarch64-static")
@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -9 $$", 137)])
def test_the_program_for_aarch64_does_the_same(tmp_path: Path, script: str, code: int) -> None:
    reaper = tmp_path / "reaper"
    reaper.write_bytes(
        program.executable(183, bytes.fromhex(trampoline._REAPER_AARCH64).replace(trampoline._FD, b"\3\0\0\0"))
    )
    reaper.chmod(0o755)
    emulator = shutil.which("qemu-aarch64-static")
    command = f'exec 3>/dev/null; exec {emulator} -0 izba {reaper} /bin/sh sh -c "$0"'

    assert subprocess.run(["sh", "-c", command, script], check=False, timeout=60).returncode == code
