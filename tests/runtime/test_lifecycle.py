"""create, start, state, kill, delete, exec, run, list: one suite for izba-oci, crun and runc."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from izba.linux import pty
from tests.containers.conftest import eventually
from tests.runtime.harness import Runner, base_config, hide_unified_hierarchy

pytestmark = pytest.mark.root


class Cli:
    """A runtime by its command line, its state in a directory of its own."""

    def __init__(self, program: list[str], runner: Runner, before: Callable[[], None] | None) -> None:
        self.root = str(runner.run_directory / "state")
        self.program = [*program, "--root", self.root]
        self.bundle = runner.bundle
        self.rootfs = runner.rootfs
        self.before = before

    def __call__(self, *args: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*self.program, *args],
            stdin=options.pop("stdin", subprocess.DEVNULL),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            preexec_fn=self.before,
            env={**os.environ, "PYTHONPATH": "src"},
            **options,
        )
        assert not check or done.returncode == 0, done
        return done

    def create(self, config: Any, id: str = "box", **options: Any) -> None:
        """`create` with files as stdio, as pipes would stay open in the container."""
        (self.bundle / "config.json").write_text(json.dumps(config))
        with open(self.bundle / "output", "wb") as output:
            done = subprocess.run(
                [*self.program, "create", "--bundle", str(self.bundle), *options.pop("arguments", []), id],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
                preexec_fn=self.before,
                env={**os.environ, "PYTHONPATH": "src"},
            )
        assert done.returncode == 0, (self.bundle / "output").read_text()

    def status(self, id: str = "box") -> str:
        return str(json.loads(self("state", id).stdout)["status"])

    def wait(self, status: str, id: str = "box") -> None:
        eventually(lambda: self.status(id) == status)


@pytest.fixture(
    params=[
        "izba",
        pytest.param("crun", marks=pytest.mark.peer("crun")),
        pytest.param("runc", marks=pytest.mark.peer("runc")),
    ]
)
def cli(request: pytest.FixtureRequest, root: Runner):
    if request.param == "izba":
        made = Cli([sys.executable, "-m", "izba.runtime.native.command"], root, None)
    elif request.param == "crun":
        made = Cli(["crun", "--cgroup-manager=disabled"], root, hide_unified_hierarchy)
    else:
        made = Cli(["runc"], root, None)
    yield made
    if os.path.isdir(made.root):
        for id in os.listdir(made.root):
            made("delete", "--force", id, check=False)


def test_a_container_is_created_started_and_deleted(cli: Cli) -> None:
    cli.create(base_config("sh", "-c", "echo ran; sleep 60"))
    assert cli.status() == "created"
    assert (cli.bundle / "output").read_text() == ""

    cli("start", "box")
    assert cli.status() == "running"
    eventually((cli.bundle / "output").read_text)

    cli("kill", "box", "KILL")
    cli.wait("stopped")
    assert (cli.bundle / "output").read_text() == "ran\n"

    cli("delete", "box")
    assert cli("state", "box", check=False).returncode != 0


def test_state_tells_what_the_specification_asks(cli: Cli) -> None:
    config = base_config("sleep", "60")
    config["annotations"] = {"com.example.key": "value"}
    cli.create(config)

    state = json.loads(cli("state", "box").stdout)

    assert state["id"] == "box"
    assert state["bundle"] == str(cli.bundle)
    assert os.path.exists(f"/proc/{state['pid']}")
    assert state["annotations"]["com.example.key"] == "value"
    assert state["ociVersion"].startswith("1.")


def test_an_id_is_used_once(cli: Cli) -> None:
    cli.create(base_config("sleep", "60"))

    assert cli("create", "--bundle", str(cli.bundle), "box", check=False).returncode != 0
    assert cli.status() == "created"


@pytest.mark.parametrize("id", ["../escape", "a/b", "", "."])
def test_an_id_that_is_a_path_is_refused(cli: Cli, id: str) -> None:
    (cli.bundle / "config.json").write_text(json.dumps(base_config("true")))

    assert cli("create", "--bundle", str(cli.bundle), id, check=False).returncode != 0


def test_a_running_container_is_deleted_only_by_force(cli: Cli) -> None:
    cli.create(base_config("sleep", "60"))
    cli("start", "box")

    assert cli("delete", "box", check=False).returncode != 0
    assert cli.status() == "running"
    cli("delete", "--force", "box")
    assert cli("state", "box", check=False).returncode != 0


def test_a_created_container_can_be_killed(cli: Cli) -> None:
    cli.create(base_config("sleep", "60"))

    cli("kill", "box", "9")

    cli.wait("stopped")


def test_a_container_is_started_once(cli: Cli) -> None:
    cli.create(base_config("sleep", "60"))
    cli("start", "box")

    assert cli("start", "box", check=False).returncode != 0


def test_kill_of_a_stopped_container_is_an_error(cli: Cli) -> None:
    cli.create(base_config("true"))
    cli("start", "box")
    cli.wait("stopped")

    assert cli("kill", "box", "TERM", check=False).returncode != 0


def test_run_waits_and_exits_with_the_commands_code(cli: Cli) -> None:
    (cli.bundle / "config.json").write_text(json.dumps(base_config("sh", "-c", "echo out; exit 9")))

    done = cli("run", "--bundle", str(cli.bundle), "box", check=False)

    assert (done.returncode, done.stdout) == (9, "out\n")
    assert cli("state", "box", check=False).returncode != 0


def test_exec_runs_in_it(cli: Cli) -> None:
    cli.create(base_config("sleep", "60"))
    cli("start", "box")

    done = cli(
        "exec", "--cwd", "/etc", "-e", "X=y", "box", "/bin/sh", "-c", "pwd; echo $X; /bin/hostname; exit 3", check=False
    )

    assert (done.returncode, done.stdout.split(), done.stderr) == (3, ["/etc", "y", "box"], "")


def test_exec_takes_a_process_document(cli: Cli) -> None:
    cli.create(base_config("sleep", "60"))
    cli("start", "box")
    document = cli.bundle / "process.json"
    document.write_text(
        json.dumps({"cwd": "/", "args": ["id", "-u"], "env": ["PATH=/bin"], "user": {"uid": 5, "gid": 5}})
    )

    assert cli("exec", "--process", str(document), "box").stdout == "5\n"


def test_the_pid_file_holds_the_inits_pid(cli: Cli) -> None:
    file = cli.bundle / "pid"
    cli.create(base_config("sleep", "60"), arguments=["--pid-file", str(file)])

    assert int(file.read_text()) == json.loads(cli("state", "box").stdout)["pid"]


def test_list_shows_the_containers(cli: Cli) -> None:
    cli.create(base_config("sleep", "60"), "one")
    cli.create(base_config("sleep", "60"), "two")
    cli("start", "two")

    rows = {each["id"]: each["status"] for each in json.loads(cli("list", "--format", "json").stdout)}

    assert rows == {"one": "created", "two": "running"}
    assert sorted(cli("list", "-q").stdout.split()) == ["one", "two"]


def test_the_terminals_master_comes_over_the_console_socket(cli: Cli) -> None:
    config = base_config("sh", "-c", "tty; sleep 60")
    config["process"]["terminal"] = True
    path = str(cli.bundle / "console.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        cli.create(config, arguments=["--console-socket", path])
        connection, _ = listener.accept()
        with connection:
            master, _ = pty.receive_descriptor(connection)
    cli("start", "box")

    assert os.read(master, 100).strip() == b"/dev/pts/0"
    os.close(master)


def test_a_spec_to_begin_with_is_written_and_runs(cli: Cli) -> None:
    cli("spec", "--bundle", str(cli.bundle))
    config = json.loads((cli.bundle / "config.json").read_text())
    config["process"] |= {"terminal": False, "args": ["/bin/echo", "works"]}
    (cli.bundle / "config.json").write_text(json.dumps(config))

    assert cli("run", "--bundle", str(cli.bundle), "box").stdout == "works\n"


HOOK_KINDS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")


def hook(kind: str, log: str, shell: str = "/bin/sh") -> dict[str, Any]:
    script = f'read state; echo {kind} "$state" >> {log}'
    return {"path": shell, "args": ["sh", "-c", script], "env": ["PATH=/bin:/usr/bin"]}


def test_hooks_run_in_order_with_the_state(cli: Cli) -> None:
    log = str(cli.bundle / "hooks.log")
    config = base_config("sleep", "60")
    config["hooks"] = {kind: [hook(kind, log)] for kind in HOOK_KINDS if kind != "startContainer"}
    config["hooks"]["startContainer"] = [hook("startContainer", "/hooks.log")]

    cli.create(config)
    cli("start", "box")
    eventually((cli.rootfs / "hooks.log").exists)  # runc's `start` does not wait for it
    eventually(lambda: (cli.rootfs / "hooks.log").read_text().endswith("\n"))
    cli("delete", "--force", "box")

    lines = [line.split(" ", 1) for line in Path(log).read_text().splitlines()]
    inside = (cli.rootfs / "hooks.log").read_text()
    assert [kind for kind, _ in lines] == ["prestart", "createRuntime", "createContainer", "poststart", "poststop"]
    states = [json.loads(state) for _, state in lines]
    assert {state["id"] for state in states} == {"box"}
    assert states[0]["pid"] > 0
    assert states[4]["status"] == "stopped"
    assert inside.startswith("startContainer {")


@pytest.mark.parametrize("kind", ["createRuntime", "createContainer"])
def test_a_hook_that_fails_ends_the_creation(cli: Cli, kind: str) -> None:
    config = base_config("sleep", "60")
    config["hooks"] = {kind: [{"path": "/bin/false"}]}
    (cli.bundle / "config.json").write_text(json.dumps(config))

    assert cli("create", "--bundle", str(cli.bundle), "box", check=False).returncode != 0
    assert cli("state", "box", check=False).returncode != 0


def test_a_hook_that_takes_too_long_is_ended(cli: Cli) -> None:
    config = base_config("sleep", "60")
    config["hooks"] = {"createRuntime": [{"path": "/bin/sleep", "args": ["sleep", "60"], "timeout": 1}]}
    (cli.bundle / "config.json").write_text(json.dumps(config))
    begin = time.monotonic()

    assert cli("create", "--bundle", str(cli.bundle), "box", check=False).returncode != 0
    assert time.monotonic() - begin < 10
