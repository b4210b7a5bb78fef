"""The program that a sleeping monitor is: it waits for an epoll instance and executes a command."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from izba.linux import process, program
from izba.linux.loop import Loop
from izba.monitor import sleeper, slumber

SOURCES = Path(sleeper.__file__).parent
COMMAND = "echo $0 $1 $VARIABLE"


@pytest.mark.parametrize(
    "machine",
    [
        pytest.param("x86_64", marks=pytest.mark.peer("x86_64-linux-gnu-as")),
        pytest.param("aarch64", marks=pytest.mark.peer("aarch64-linux-gnu-as")),
    ],
)
def test_the_program_is_what_its_source_assembles_to(tmp_path: Path, machine: str) -> None:
    source, tools = SOURCES / f"sleeper.{machine}.s", f"{machine}-linux-gnu-"
    subprocess.run([f"{tools}as", "-o", tmp_path / "object", source], check=True)
    subprocess.run(
        [f"{tools}objcopy", "-O", "binary", "-j", ".text", tmp_path / "object", tmp_path / "code"], check=True
    )

    assert (tmp_path / "code").read_bytes() == sleeper.code(machine, 0x11223344)


class Sleeper:
    """A child that sleeps until there is something to read in a pipe, and writes to another when it is woken."""

    def __init__(self, command: list[str]) -> None:
        wake_read, self.wake_write = os.pipe()
        self.said, say = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.dup2(say, 1)
                epoll = select.epoll()
                epoll.register(wake_read, select.EPOLLIN)
                os.set_inheritable(wake_read, True)
                os.set_inheritable(epoll.fileno(), True)
                os.environ["VARIABLE"] = "kept"
                sleeper.become(epoll.fileno(), command)
            finally:
                os._exit(99)
        os.close(wake_read)
        os.close(say)

    def wait_until_asleep(self) -> None:
        """Until it is the program, and waits in the kernel."""
        while Path(f"/proc/{self.pid}/comm").read_text() != "izba-monitor\n" or process.state(self.pid) != "S":
            pass

    def output(self) -> str:
        with open(self.said, "rb") as file:
            return file.read().decode()


@pytest.fixture
def asleep() -> Iterator[Sleeper]:
    made = Sleeper(["/bin/sh", "-c", COMMAND, "one", "two"])
    yield made
    os.waitpid(made.pid, 0)


def test_it_sleeps_until_something_is_ready_and_is_the_command_then(asleep: Sleeper) -> None:
    asleep.wait_until_asleep()
    os.write(asleep.wake_write, b"x")

    assert asleep.output() == "one two kept\n"


def test_what_was_ready_before_it_slept_wakes_it(asleep: Sleeper) -> None:
    os.write(asleep.wake_write, b"x")

    assert asleep.output() == "one two kept\n"


def test_stopping_and_continuing_it_does_not_wake_it(asleep: Sleeper) -> None:
    asleep.wait_until_asleep()
    for number, state in ((signal.SIGSTOP, "T"), (signal.SIGCONT, "S")) * 2:
        os.kill(asleep.pid, number)
        while process.state(asleep.pid) != state:
            pass
    os.write(asleep.wake_write, b"x")

    assert asleep.output() == "one two kept\n"


def test_it_takes_next_to_no_memory(asleep: Sleeper) -> None:
    asleep.wait_until_asleep()
    pss = next(line for line in Path(f"/proc/{asleep.pid}/smaps_rollup").read_text().splitlines() if "Pss:" in line)
    os.write(asleep.wake_write, b"x")

    assert int(pss.split()[1]) < 64


def test_an_interpreter_that_is_away_is_waited_for(tmp_path: Path) -> None:
    shell = tmp_path / "shell"
    asleep = Sleeper([str(shell), "-c", COMMAND, "one", "two"])
    asleep.wait_until_asleep()
    os.write(asleep.wake_write, b"x")
    while "nanosleep" not in Path(f"/proc/{asleep.pid}/wchan").read_text():
        pass
    shutil.copy("/bin/sh", tmp_path / "new")
    (tmp_path / "new").rename(shell)

    assert asleep.output() == "one two kept\n"
    os.waitpid(asleep.pid, 0)


def test_a_machine_without_a_program_stays_awake() -> None:
    with pytest.raises(OSError, match="no interpreter to come back to"):
        sleeper.become(0, [""])


def test_a_signal_that_the_loop_has_not_seen_keeps_its_monitor_awake() -> None:
    """Its handler has run, so that no signalfd would tell of it: the loop is asked before the sleep."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            loop = Loop()
            loop.on_signal(signal.SIGTERM, lambda: None)
            before = loop.is_ready()
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pthread_sigmask(signal.SIG_BLOCK, slumber.SIGNALS)
            code = 0 if (before, loop.is_ready()) == (False, True) else 2
        finally:
            os._exit(code)

    assert process.wait(child) == 0


def test_an_izba_that_is_being_replaced_is_waited_for(tmp_path: Path) -> None:
    package = tmp_path / "izba"
    (package / "monitor").mkdir(parents=True)
    (package / "codecache.py").write_text("def install() -> None: pass\n")
    (package / "monitor" / "wake.py").write_text("def main(memory: int)")  # half written
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", slumber.WAKE, "7", str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as waking:
        while "nanosleep" not in Path(f"/proc/{waking.pid}/wchan").read_text():
            assert waking.poll() is None
        (tmp_path / "new").write_text("def main(memory: int) -> None: print('awake with', memory)\n")
        (tmp_path / "new").rename(package / "monitor" / "wake.py")

        assert waking.communicate(timeout=60)[0] == "awake with 7\n"


@pytest.mark.peer("qemu-aarch64-static")
def test_the_program_for_aarch64_does_the_same(tmp_path: Path) -> None:
    code = tmp_path / "sleeper"
    code.write_bytes(program.executable(program.MACHINES["aarch64"], sleeper.code("aarch64", 3)))
    code.chmod(0o755)
    script = (
        "import os, select, sys\n"
        "os.dup2(0, 3)\n"
        "read, write = os.pipe()\n"
        "os.write(write, b'x')\n"
        "epoll = select.epoll()\n"
        "epoll.register(read, select.EPOLLIN)\n"
        "os.dup2(epoll.fileno(), 3)\n"
        "os.set_inheritable(read, True)\n"
        "os.execv(sys.argv[1], [sys.argv[1], '-0', 'izba-monitor', *sys.argv[2:]])\n"
    )
    emulator = shutil.which("qemu-aarch64-static")
    command = [emulator, str(code), "/bin/sh", "sh", "-c", "echo $0 $1", "one", "two"]

    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, command)], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.stdout == "one two\n"
