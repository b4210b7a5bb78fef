"""exec, attach, logs and terminals."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from pathlib import Path

import pytest

from izba.jsonio import loads
from tests.containers.conftest import Izba, eventually


class Terminal:
    """A command on a pseudo-terminal of its own."""

    def __init__(self, izba: Izba, *args: str) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(izba.command[0], [*izba.command, *args], izba.environment)
        self.seen = b""

    def expect(self, text: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while text.encode() not in self.seen:
            assert time.monotonic() < deadline, self.seen
            if select.select([self.fd], [], [], 0.1)[0]:
                self.seen += os.read(self.fd, 4096)

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def wait(self) -> int:
        try:
            while data := os.read(self.fd, 4096):
                self.seen += data
        except OSError:
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


# -- exec


def test_exec_runs_beside_and_gives_its_exit_code(any_izba: Izba) -> None:
    name = any_izba.detached("sleep", "60")

    done = any_izba(
        "exec", "-i", "-e", "A=b", "-w", "/tmp", name, "sh", "-c", "cat; echo $A $PWD; exit 8", input="in\n"
    )

    assert (done.stdout, done.returncode) == ("in\nb /tmp\n", 8)
    assert any_izba("exec", name, "nosuch").returncode == 127
    assert any_izba("exec", name, "/etc/not-executable").returncode == 126


def test_exec_as_another_user_and_in_the_background(any_izba: Izba) -> None:
    name = any_izba.detached("sleep", "60")

    if not any_izba.has_single_id:
        assert any_izba.ok("exec", "-u", "app", name, "id", "-un") == "app"
    any_izba.ok("exec", "-d", name, "touch", "/tmp/made")
    eventually(lambda: any_izba("exec", name, "test", "-e", "/tmp/made").returncode == 0)


def test_exec_needs_a_running_container(izba: Izba) -> None:
    name = izba.detached("true")
    izba.ok("wait", name)

    done = izba("exec", name, "true")

    assert done.returncode == 1
    assert "is not running" in done.stderr


def test_exec_writes_to_a_file_of_the_host_without_giving_it_away(izba: Izba, tmp_path: Path) -> None:
    name = izba.detached("sleep", "60")
    path = tmp_path / "out"

    with path.open("w") as file:
        subprocess.run([*izba.command, "exec", name, "readlink", "/proc/self/fd/1"], stdout=file, check=True)

    assert path.read_text().startswith("pipe:")


# -- terminals


def test_run_on_a_terminal_has_its_size_and_its_exit_code(any_izba: Izba) -> None:
    if any_izba.user is not None:
        pytest.skip("the terminal is root's own")
    terminal = Terminal(any_izba, "run", "--rm", "-it", "busybox", "sh")
    terminal.expect("#")
    terminal.type("tty; echo si''ze\n")
    terminal.expect("/dev/pts/0")
    terminal.expect("size")
    terminal.type("exit 7\n")

    assert terminal.wait() == 7


def test_detach_keys_leave_it_running_and_attach_comes_back(izba: Izba) -> None:
    name = izba.name()
    terminal = Terminal(izba, "run", "-it", "--name", name, "busybox", "sh")
    terminal.expect("#")
    terminal.type("\x10\x11")
    assert terminal.wait() == 0
    assert izba.state(name)["Running"] is True

    again = Terminal(izba, "attach", name)
    again.type("echo ba''ck; exit 3\n")
    again.expect("back")

    assert again.wait() == 3


def test_exec_on_a_terminal(izba: Izba) -> None:
    name = izba.detached("sleep", "60")
    terminal = Terminal(izba, "exec", "-it", name, "sh")
    terminal.expect("#")
    terminal.type("exit 4\n")

    assert terminal.wait() == 4


def test_t_without_a_terminal_is_refused(izba: Izba) -> None:
    done = izba("run", "--rm", "-it", "busybox", "true", input="")

    assert (done.returncode, "the input device is not a TTY" in done.stderr) == (125, True)


# -- attach


def test_attach_shows_what_comes_and_ends_with_the_container(izba: Izba) -> None:
    name = izba.detached("sh", "-c", "read line; echo got $line; echo err >&2; exit 5", options=("-i",))

    done = izba("attach", name, input="words\n")

    assert (done.stdout, done.stderr, done.returncode) == ("got words\n", "err\n", 5)


def test_several_may_be_attached(izba: Izba) -> None:
    script = "until read -t 1 line; do echo here; done; echo got $line"
    name = izba.detached("sh", "-c", script, options=("-i",))
    with izba.popen("attach", "--no-stdin", name, stdout=subprocess.PIPE) as watcher:
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == "here\n"
        assert izba("attach", name, input="words\n").stdout.endswith("got words\n")

        assert watcher.communicate(timeout=60)[0].endswith("got words\n")


# -- logs


def test_logs_are_json_lines_as_dockers(izba: Izba) -> None:
    name = izba.detached("sh", "-c", "echo 'a <b> & \"c\"'; printf no-newline >&2")
    izba.ok("wait", name)

    records = [loads(line) for line in (izba.directory(name) / "container.log").read_bytes().splitlines()]

    assert sorted((record["stream"], record["log"]) for record in records) == [
        ("stderr", "no-newline"),
        ("stdout", 'a <b> & "c"\n'),
    ]
    assert b"\\u003cb\\u003e \\u0026" in (izba.directory(name) / "container.log").read_bytes()
    assert records[0]["time"].endswith("Z")


def test_logs_go_where_they_came_from(any_izba: Izba) -> None:
    name = any_izba.detached("sh", "-c", "echo out; echo err >&2")
    any_izba.ok("wait", name)

    done = any_izba("logs", name)

    assert (done.stdout, done.stderr) == ("out\n", "err\n")


def test_logs_tail_since_and_timestamps(any_izba: Izba) -> None:
    name = any_izba.detached("sh", "-c", "for i in 1 2 3 4 5; do echo $i; done")
    any_izba.ok("wait", name)

    assert any_izba.ok("logs", "--tail", "2", name).split() == ["4", "5"]
    assert any_izba.ok("logs", "-n", "0", name) == ""
    assert any_izba.ok("logs", "--since", "1h", name).split() == ["1", "2", "3", "4", "5"]
    assert any_izba.ok("logs", "--until", "2001-01-01", name) == ""
    assert any_izba.ok("logs", "-t", "--tail", "1", name).endswith("Z 5")


def test_logs_follow_to_the_end_across_rotation(any_izba: Izba) -> None:
    script = "i=0; while [ $i -lt 400 ]; do echo line-$i; i=$((i+1)); sleep 0.002; done"
    name = any_izba.detached("sh", "-c", script, options=("--log-opt", "max-size=4k", "--log-opt", "max-file=5"))

    lines = any_izba.ok("logs", "-f", name).split()

    assert lines == [f"line-{number}" for number in range(int(lines[0].partition("-")[2]), 400)]
    files = sorted(path.name for path in any_izba.directory(name).glob("container.log*"))
    assert files == ["container.log", *(f"container.log.{number}" for number in range(1, 5))]
    assert all(path.stat().st_size <= 4096 for path in any_izba.directory(name).glob("container.log*"))


def test_a_long_line_is_cut_into_records_and_put_together_again(izba: Izba) -> None:
    name = izba.detached("sh", "-c", "head -c 40000 /dev/zero | tr '\\0' x; echo; echo end")
    izba.ok("wait", name)

    assert izba.ok("logs", name) == "x" * 40000 + "\nend"
    assert izba.ok("logs", "--tail", "2", name) == "x" * 40000 + "\nend"


def test_a_driver_of_none_keeps_nothing(izba: Izba) -> None:
    name = izba.detached("echo", "x", options=("--log-driver", "none"))
    izba.ok("wait", name)

    done = izba("logs", name)

    assert (done.returncode, "does not support reading" in done.stderr) == (1, True)


def test_a_run_that_only_takes_input_prints_the_id(izba: Izba) -> None:
    name = izba.name()

    id = izba.ok("run", "--interactive", "--attach", "stdin", "--name", name, "busybox", "cat", input="told\n").strip()

    assert id == izba.inspect(name)["Id"]
    assert izba.ok("logs", name) == "told"


def test_start_of_what_runs_joins_it(izba: Izba) -> None:
    name = izba.detached("sh", "-c", "read line; echo got $line; exit 4", options=("-i",))

    done = izba("start", "--attach", "--interactive", name, input="words\n")

    assert (done.stdout, done.stderr, done.returncode) == ("got words\n", "", 4)


@pytest.mark.parametrize("command", ["run", "start"])
def test_detach_keys_that_are_none_are_refused_before_anything_starts(izba: Izba, command: str) -> None:
    name = izba.name()
    if command == "start":
        izba.ok("create", "--tty", "--name", name, "busybox", "true")
        refused = izba("start", "--attach", "--detach-keys", "nonsense", name)
        assert (refused.returncode, izba.state(name)["Status"]) == (1, "created")
    else:
        refused = izba("run", "--tty", "--detach-keys", "nonsense", "--name", name, "busybox", "true")
        assert (refused.returncode, izba.ok("ps", "-aq")) == (125, "")
    assert "invalid detach keys (nonsense)" in refused.stderr
