"""What the creator does beside the spec: cgroups, hooks of the container's own, failures that leave nothing."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from izba.linux import mountinfo, process
from izba.runtime.driver import runtime
from izba.runtime.launch import Stdio
from izba.runtime.native import run_step
from tests.runtime.harness import Failure, Runner, base_config

pytestmark = pytest.mark.root

UNIFIED = next((each.mount_point for each in mountinfo.read() if each.type == "cgroup2"), None)


class UnifiedCgroup:
    """As much of a `CgroupManager` as the runtime uses, on a real cgroup of version 2."""

    def __init__(self) -> None:
        self.path = f"{UNIFIED}/izba-test-{os.getpid()}"
        os.mkdir(self.path)
        self.added: list[int] = []

    def fd(self) -> int | None:
        return os.open(self.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def add(self, pid: int) -> None:
        self.added.append(pid)


@pytest.mark.skipif(UNIFIED is None, reason="no cgroup2 mounted")
def test_the_init_begins_in_its_cgroup_of_version_2(root: Runner) -> None:
    cgroup: Any = UnifiedCgroup()
    config = base_config("grep", "^0:", "/proc/self/cgroup")
    try:
        assert root.out(config, cgroup=cgroup) == f"0::/{os.path.basename(cgroup.path)}"
        assert cgroup.added == []
    finally:
        os.rmdir(cgroup.path)


def test_the_containers_own_hooks_have_its_confinement_and_not_more(root: Runner) -> None:
    """A startContainer hook is a file of the image's: as dangerous as the command."""
    report = "(grep -E 'CapEff|Uid|NoNew|Seccomp:' /proc/self/status; ls /proc/self/fd) > /dev/shm/report"
    config = base_config("cat", "/dev/shm/report")
    config["process"]["noNewPrivileges"] = True
    config["process"]["user"] = {"uid": 1000, "gid": 1000}
    config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW"}
    config["hooks"] = {
        "startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", report], "env": ["PATH=/bin"]}],
    }

    words = root.out(config).split()

    assert words[:5] == ["Uid:", "1000", "1000", "1000", "1000"]
    assert [words[words.index(name) + 1] for name in ("CapEff:", "NoNewPrivs:", "Seccomp:")] == ["0" * 16, "1", "2"]
    assert words[words.index("Seccomp:") + 2 :] == ["0", "1", "2", "3"]  # 3 is the listing's own


def test_a_container_hook_that_fails_keeps_the_command_from_running(root: Runner) -> None:
    config = base_config("touch", "/ran")
    config["hooks"] = {"startContainer": [{"path": "/bin/false"}]}

    with pytest.raises(Failure, match="hook /bin/false: exit code 1"):
        root.run(config)

    assert not (root.rootfs / "ran").exists()


def test_a_failure_leaves_no_process_and_no_descriptor(anyone: Runner) -> None:
    def run(stdio: Stdio) -> int:
        config = base_config("true")
        config["mounts"].append({"destination": "/x", "type": "no-such-filesystem", "source": "x"})
        before = set(os.listdir("/proc/self/fd"))
        for _ in range(3):
            with pytest.raises(Exception, match="no-such-filesystem"):
                anyone.launch(runtime(), config, stdio)
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
        return len(set(os.listdir("/proc/self/fd")) - before)

    assert anyone.inside(run).code == 0


def test_a_run_leaves_no_descriptor(anyone: Runner) -> None:
    def run(stdio: Stdio) -> int:
        before = set(os.listdir("/proc/self/fd"))
        launched, _ = anyone.launch(runtime(), base_config("true"), stdio)
        runtime().start(launched)
        process.wait(launched.pid)
        launched.close()
        return len(set(os.listdir("/proc/self/fd")) - before)

    assert anyone.inside(run).code == 0


def test_build_steps_run_at_once_from_threads(root: Runner) -> None:
    def run(stdio: Stdio) -> int:
        codes: dict[int, int] = {}

        def step(number: int) -> None:
            codes[number] = run_step.run(
                base_config("sh", "-c", f"exit {number}"),
                id=f"step{number}",
                bundle=str(root.bundle),
                stdio=stdio,
                run_directory=str(root.run_directory),
            )

        threads = [threading.Thread(target=step, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return int(codes != {number: number for number in range(8)})

    assert root.inside(run).code == 0


def test_a_steps_warning_does_not_wait_for_a_stream_that_another_thread_had_locked(root: Runner) -> None:
    def run(stdio: Stdio) -> int:
        errors, into_errors = os.pipe()
        output, into_output = os.pipe()
        sys.stderr = open(into_errors, "w")
        writer = threading.Thread(target=lambda: sys.stderr.write("x" * 200_000))  # more than a pipe holds
        writer.start()
        select.select([errors], [], [])
        config = base_config("echo", "ran")
        above = int(Path("/proc/sys/fs/nr_open").read_text()) + 1  # more than root may have
        config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": above, "hard": above}]
        step = threading.Thread(
            target=lambda: run_step.run(
                config,
                id="step",
                bundle=str(root.bundle),
                stdio=Stdio(stdin=stdio.stdin, stdout=into_output, stderr=stdio.stderr),
                run_directory=str(root.run_directory),
            )
        )
        step.start()
        assert os.read(output, 4) == b"ran\n"
        said = b""
        while step.is_alive() or select.select([errors], [], [], 0)[0]:
            if select.select([errors], [], [], 0.1)[0]:
                said += os.read(errors, 1 << 16)
        return int(b"warning: RLIMIT_NOFILE" not in said)

    assert root.inside(run).code == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config: config["process"].pop("args"), "no command specified"),
        (lambda config: config.pop("process"), "process: is missing"),
        (lambda config: config["process"].update(cwd="relative"), "not an absolute path"),
        (lambda config: config["linux"]["namespaces"].append({"type": "space"}), "unknown type 'space'"),
        (lambda config: config["linux"]["namespaces"].append({"type": "pid"}), "pid is named twice"),
        (lambda config: config["linux"]["namespaces"].append({"type": "user"}), "uid and gid mappings"),
        (lambda config: config["root"].update(path="missing"), "missing: no such file or directory"),
    ],
)
def test_a_spec_that_cannot_be_done_says_why(root: Runner, change: Any, message: str) -> None:
    config = base_config("true")
    change(config)

    with pytest.raises(Failure, match=message):
        root.run(config)


def test_the_runtime_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from izba.runtime.native import driver\n"
        "heavy = {'typing', 're', 'json', 'dataclasses', 'enum', 'pathlib', 'logging', 'subprocess', 'argparse',"
        " 'shutil', 'tempfile', 'threading', 'contextlib', 'ctypes', 'signal', 'socket', 'struct', 'sqlite3'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, 'src')\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"
