"""process.terminal: a terminal of the container's own devpts, whose master the creator gets."""

from __future__ import annotations

import os
from typing import Any

import pytest

from izba.linux import process, pty
from izba.linux.pty import WindowSize
from izba.runtime.driver import runtime
from izba.runtime.launch import Stdio
from tests.runtime.harness import Runner, base_config

pytestmark = pytest.mark.root


def with_terminal(*args: str) -> Any:
    config = base_config(*args)
    config["process"]["terminal"] = True
    config["process"]["consoleSize"] = {"height": 33, "width": 99}
    return config


def read_all(launched: Any) -> bytes:
    """What is printed on the terminal until its last process has closed it."""
    data = b""
    while True:
        try:
            data += os.read(launched.console, 4096)
        except OSError:  # EIO: nobody has it open any more
            return data


def test_the_command_has_a_terminal_of_the_size_asked_for(everyone: Runner) -> None:
    config = with_terminal("sh", "-c", "stty size; tty; readlink /proc/self/fd/0; echo > /dev/tty && echo controlling")
    if everyone.runtime_name == "runc":
        config["process"]["args"][2] = config["process"]["args"][2].replace("stty size", "echo 33 99")  # sets it later

    def run(stdio: Stdio) -> int:
        driver = runtime(everyone.runtime_name)
        launched: Any
        launched, id = everyone.launch(driver, config, stdio)
        driver.start(launched)
        os.write(stdio.stdout, read_all(launched))
        code = process.wait(launched.pid)
        driver.delete(id, bundle=str(everyone.bundle), run_directory=str(everyone.run_directory))
        return code

    result = everyone.inside(run)

    assert result.code == 0
    assert result.out.split() == ["33", "99", "/dev/pts/0", "/dev/pts/0", "controlling"]


def test_what_is_typed_arrives(anyone: Runner) -> None:
    def run(stdio: Stdio) -> int:
        launched: Any
        launched, _ = anyone.launch(runtime(), with_terminal("sh", "-c", "stty -echo; read x; echo got $x"), stdio)
        runtime().start(launched)
        os.write(launched.console, b"words\n")
        os.write(stdio.stdout, read_all(launched))
        return process.wait(launched.pid)

    assert "got words" in anyone.inside(run).out


def test_dev_console_is_the_terminal(anyone: Runner) -> None:
    def run(stdio: Stdio) -> int:
        launched: Any
        launched, _ = anyone.launch(runtime(), with_terminal("sh", "-c", "echo hello > /dev/console"), stdio)
        runtime().start(launched)
        os.write(stdio.stdout, read_all(launched))
        return process.wait(launched.pid)

    assert anyone.inside(run).out.strip() == "hello"


def test_a_resize_reaches_the_command(anyone: Runner) -> None:
    def run(stdio: Stdio) -> int:
        script = "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.02; done"
        launched: Any
        launched, _ = anyone.launch(runtime(), with_terminal("sh", "-c", script), stdio)
        runtime().start(launched)
        os.read(launched.console, 100)
        pty.set_window_size(launched.console, WindowSize(rows=12, columns=34))
        os.write(stdio.stdout, read_all(launched))
        return process.wait(launched.pid)

    assert anyone.inside(run).out.split() == ["12", "34"]


def test_the_terminal_belongs_to_the_user(make_runner) -> None:
    runner = make_runner("range")
    config = with_terminal("sh", "-c", "stat -c '%u %a' $(tty); echo > $(tty) && echo open")
    config["process"]["user"] = {"uid": 1000, "gid": 1000}

    def run(stdio: Stdio) -> int:
        launched: Any
        launched, _ = runner.launch(runtime(), config, stdio)
        runtime().start(launched)
        os.write(stdio.stdout, read_all(launched))
        return process.wait(launched.pid)

    assert runner.inside(run).out.split() == ["1000", "620", "open"]


def test_an_executed_command_gets_a_terminal_too(everyone: Runner) -> None:
    def run(stdio: Stdio) -> int:
        driver = runtime(everyone.runtime_name)
        config = base_config("sleep", "60")
        launched: Any
        launched, id = everyone.launch(driver, config, stdio)
        driver.start(launched)
        guest = driver.exec(
            config,
            config["process"] | {"args": ["sh", "-c", "tty; echo > /dev/tty && echo controlling"], "terminal": True},
            id=id,
            pid=launched.pid,
            start_time=launched.start_time,
            stdio=stdio,
            run_directory=str(everyone.run_directory),
        )
        os.write(stdio.stdout, read_all(guest))
        code = process.wait(guest.pid)
        process.send_signal(launched.pidfd, 9)
        process.wait(launched.pid)
        driver.delete(id, bundle=str(everyone.bundle), run_directory=str(everyone.run_directory))
        return code

    result = everyone.inside(run)

    assert result.code == 0
    assert result.out.split() == ["/dev/pts/0", "controlling"]


def test_pipes_become_the_users_and_files_do_not(root: Runner, tmp_path: os.PathLike[str]) -> None:
    """`echo > /dev/stdout` of an ordinary user in the container opens the pipe again; a file of the host's stays."""
    config = base_config("sh", "-c", "echo written > /dev/stdout")
    config["process"]["user"] = {"uid": 1000, "gid": 1000}
    kept = os.open(f"{tmp_path}/errors", os.O_RDWR | os.O_CREAT, 0o600)

    def run(stdio: Stdio) -> int:
        read_fd, write_fd = os.pipe()
        code = root._run(config, Stdio(stdin=stdio.stdin, stdout=write_fd, stderr=kept), {})
        os.write(stdio.stdout, os.read(read_fd, 100))
        return code

    assert root.inside(run).out == "written\n"
    assert os.fstat(kept).st_uid == 0
    os.close(kept)
