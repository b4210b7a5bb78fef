"""Hostile images and containers against the runtime (section C of the attack cases)."""

from __future__ import annotations

import fcntl
import os
import termios
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from izba.linux import process
from izba.runtime.driver import runtime
from izba.runtime.launch import Launched, Stdio
from izba.runtime.native import run_step
from tests.containers.conftest import eventually
from tests.runtime.harness import Failure, Runner, base_config

pytestmark = pytest.mark.root

LIST_FDS = ["sh", "-c", "ls -l /proc/self/fd | sed 's/.* \\([0-9]* -> \\)/\\1/'; readlink /proc/self/cwd"]


def running(runner: Runner, config: Any, stdio: Stdio) -> Launched:
    """A container that executes `config`'s command by now."""
    launched, _ = runner.launch(runtime(), config, stdio)
    runtime().start(launched)
    return launched


def end(launched: Launched) -> None:
    process.send_signal(launched.pidfd, 9)
    process.wait(launched.pid)
    launched.close()


def execute(runner: Runner, config: Any, launched: Launched, stdio: Stdio, *args: str) -> int:
    guest = runtime().exec(
        config,
        config["process"] | {"args": list(args)},
        id="",
        pid=launched.pid,
        start_time=launched.start_time,
        stdio=stdio,
        run_directory=str(runner.run_directory),
    )
    code = process.wait(guest.pid)
    guest.close()
    return code


# -- C1: descriptors


@pytest.mark.parametrize("how", ["run", "exec"])
def test_no_descriptor_of_the_caller_reaches_the_command(anyone: Runner, how: str) -> None:
    """C1 (CVE-2016-9962, CVE-2024-21626): not even those a careless caller made inheritable."""

    def run(stdio: Stdio) -> int:
        for number in (3, 7, 63, 200, 1000):
            fd = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
            os.dup2(fd, number, inheritable=True)
        config = base_config("sleep", "60")
        if how == "run":
            config["process"]["args"] = LIST_FDS
            return anyone._run(config, stdio, {})
        launched = running(anyone, config, stdio)
        try:
            return execute(anyone, config, launched, stdio, *LIST_FDS)
        finally:
            end(launched)

    lines = anyone.inside(run).out.splitlines()

    assert [line.split()[0] for line in lines if "->" in line] == ["0", "1", "2"]
    assert lines[-1] == "/"


@pytest.mark.parametrize("how", ["run", "exec"])
@pytest.mark.parametrize("number", range(3, 12))
def test_a_working_directory_by_descriptor_is_refused(root: Runner, how: str, number: int) -> None:
    """C1 (CVE-2024-21626)."""
    config = base_config("sh", "-c", "cat ../../../../../../etc/shadow")

    with pytest.raises(Failure, match="working directory"):
        if how == "run":
            config["process"]["cwd"] = f"/proc/self/fd/{number}"
            root.run(config)
        else:
            root.exec_in(base_config("sleep", "60"), "pwd", cwd=f"/proc/self/fd/{number}")


# -- C2: the interpreter


@pytest.mark.parametrize("how", ["run", "exec"])
def test_proc_self_exe_as_the_commands_interpreter_is_not_pythons(anyone: Runner, how: str) -> None:
    """C2 (CVE-2019-5736): it ends, and neither runs the host's interpreter nor loops."""
    script = anyone.rootfs / "bin/evil"
    script.write_text("#!/proc/self/exe\n")
    script.chmod(0o755)

    result = anyone.run(base_config("evil")) if how == "run" else anyone.exec_in(base_config("sleep", "60"), "evil")

    assert (result.code, result.out, result.err) == (126, "", "")


@pytest.mark.parametrize("how", ["run", "exec"])
def test_a_link_to_proc_self_exe_as_the_command_is_not_python(anyone: Runner, how: str) -> None:
    """C2."""
    (anyone.rootfs / "bin/evil").symlink_to("/proc/self/exe")

    words = ("evil", "-c", "print('python')")
    result = anyone.run(base_config(*words)) if how == "run" else anyone.exec_in(base_config("sleep", "60"), *words)

    assert (result.code, result.out, result.err) == (126, "", "")


def test_a_container_cannot_look_into_a_process_that_comes_in(anyone: Runner) -> None:
    """C2: it watches /proc for what `exec` brings; the interpreter, its files and its descriptors are not to be had."""
    spy = (
        "while :; do for p in /proc/[0-9]*; do [ $p = /proc/1 ] && continue; for l in exe cwd root; do readlink $p/$l;"
        " done; ls -l $p/fd $p/map_files; done; done 2>/dev/null"
    )
    config = base_config("sh", "-c", spy)

    def run(stdio: Stdio) -> int:
        launched = running(anyone, config, stdio)
        null = os.open("/dev/null", os.O_RDWR)
        try:
            for _ in range(5):
                execute(anyone, config, launched, Stdio(stdin=null, stdout=null, stderr=null), "sleep", "0.03")
        finally:
            end(launched)
        return 0

    seen = anyone.inside(run).out

    assert "busybox" in seen
    assert "python" not in seen
    assert ".so" not in seen
    assert str(anyone.run_directory) not in seen


def test_nothing_is_imported_from_the_container(anyone: Runner) -> None:
    """C2: a root that has Python modules where the interpreter would look gets none of them run."""
    for name in ("errno", "resource", "select", "encodings", "izba"):
        for directory in ("usr/lib/python3.11", "", "usr/lib/python3/dist-packages"):
            package = anyone.rootfs / directory / name
            package.mkdir(parents=True)
            (package / "__init__.py").write_text("open('/imported', 'w')\n")

    assert anyone.run(base_config("true")).code == 0
    with pytest.raises(Failure):
        anyone.run(base_config("nope"))

    assert not (anyone.rootfs / "imported").exists()


# -- C4: terminals


@pytest.mark.parametrize("trick", ["tmpfs", "link", "file"])
def test_a_false_devpts_gives_no_terminal(anyone: Runner, trick: str) -> None:
    """C4 (CVE-2025-52565)."""
    config = base_config("true")
    config["process"]["terminal"] = True
    config["mounts"] = [each for each in config["mounts"] if each["destination"] not in {"/dev/pts", "/dev"}]
    pts = anyone.rootfs / "dev/pts"
    if trick == "link":
        pts.symlink_to("/proc")
    else:
        pts.mkdir()
        (pts / "ptmx").symlink_to("../../proc/sysrq-trigger") if trick == "tmpfs" else (pts / "ptmx").touch()

    with pytest.raises(Failure, match="terminal"):
        anyone.run(config)


def test_dev_console_of_the_image_is_not_followed(anyone: Runner) -> None:
    """C4: /dev/console is a link to something else."""
    target = anyone.rootfs / "etc/passwd"
    before = target.read_text()
    config = base_config("true")
    config["process"]["terminal"] = True
    config["mounts"] = [each for each in config["mounts"] if each["destination"] != "/dev"]
    (anyone.rootfs / "dev/console").symlink_to("/etc/passwd")

    with pytest.raises(Failure, match="terminal"):
        anyone.run(config)

    assert target.read_text() == before


def test_the_callers_terminal_is_nobodys_controlling_terminal(anyone: Runner) -> None:
    """C13 (CVE-2017-5226): with the caller's terminal as stdin, nothing can be typed into it."""

    def run(stdio: Stdio) -> int:
        os.setsid()
        _, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        script = "cat < /dev/tty && echo opened; ps -o sid,tty | grep -c pts; exit 0"
        return anyone._run(base_config("sh", "-c", script), Stdio(stdin=slave, stdout=stdio.stdout, stderr=slave), {})

    assert anyone.inside(run).out.split() == ["0"]


# -- C7: races


def test_a_volume_whose_paths_change_all_the_time_leads_nowhere(root: Runner, tmp_path: Path) -> None:
    """C7 (CVE-2021-30465): a second container swaps the mount's target between a directory and a link."""
    canary = tmp_path / "canary"
    canary.mkdir()
    volume = root.bundle / "volume"
    (volume / "real").mkdir(parents=True)
    (volume / "link").symlink_to("/../../../../../../../.." + str(canary))
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for name in ("real", "link"):
                os.rename(volume / name, volume / "target")
                time.sleep(0.0002)
                os.rename(volume / "target", volume / name)

    config = base_config("sh", "-c", "cat /proc/self/mountinfo")
    config["mounts"] += [
        {"type": "bind", "source": str(volume), "destination": "/vol", "options": ["rbind"]},
        {"type": "bind", "source": str(root.bundle / "rootfs/etc"), "destination": "/vol/target", "options": ["rbind"]},
    ]
    thread = threading.Thread(target=swap)
    thread.start()
    outcomes: set[Any] = set()
    try:
        for _ in range(25):
            try:
                outcomes.add(
                    run_step.run(
                        config, id="x", bundle=str(root.bundle), stdio=_nowhere(), run_directory=str(root.run_directory)
                    )
                )
            except Exception as error:
                outcomes.add(type(error).__name__)
    finally:
        stop.set()
        thread.join()

    assert list(canary.iterdir()) == []
    assert outcomes <= {0, "InitFailed"}


def _nowhere() -> Stdio:
    null = os.open("/dev/null", os.O_RDWR)
    return Stdio(stdin=null, stdout=null, stderr=null)


# -- C9, C11: what can be undone from inside


@pytest.mark.parametrize(
    "command",
    [
        "mount -o remount,rw /proc/sys",
        "umount /proc/keys",
        "mount -t proc proc /tmp",
        "mount -t cgroup -o memory cgroup /tmp",
        "mount -t tmpfs tmpfs /tmp",
        "unshare -m true",
        "mknod /tmp/disk b 254 0 && dd if=/tmp/disk of=/dev/null count=1 bs=512",
    ],
)
def test_protections_cannot_be_taken_off_from_inside(anyone: Runner, command: str) -> None:
    """C9 (CVE-2022-0492), C11: with Docker's capabilities."""
    if "mknod" in command and anyone.user is None:
        pytest.skip("root may make nodes; the devices cgroup forbids their use")

    assert anyone.run(base_config("sh", "-c", command)).code != 0


# -- C14, C15: processes


def test_a_process_with_the_same_number_is_not_the_container(root: Runner) -> None:
    """C14: the container ended and its pid is another process's now."""

    def run(stdio: Stdio) -> int:
        impostor, pidfd = os.fork(), 0
        if impostor == 0:
            time.sleep(60)
        try:
            started = process.start_time(impostor)
            execute(root, base_config(), Launched(impostor, pidfd, started - 1), stdio, "true")
        finally:
            os.kill(impostor, 9)
            os.waitpid(impostor, 0)
        return 0

    with pytest.raises(Failure, match="ContainerGone: the container is not running"):
        root.inside(run)


def test_a_stopped_init_neither_stops_exec_nor_survives_kill(anyone: Runner) -> None:
    """C15."""

    def run(stdio: Stdio) -> int:
        config = base_config("sleep", "60")
        launched = running(anyone, config, stdio)
        process.send_signal(launched.pidfd, 19)
        code = execute(anyone, config, launched, stdio, "echo", "in")
        process.send_signal(launched.pidfd, 9)
        return code * 1000 + process.wait(launched.pid)

    result = anyone.inside(run)

    assert (result.out, result.code) == ("in\n", 137)


def test_all_processes_end_with_the_init(anyone: Runner) -> None:
    """C15: daemons, orphans, zombies and stopped ones."""

    def run(stdio: Stdio) -> int:
        script = (
            "for i in 1 2 3 4 5; do sh -c 'sleep 1000 & sleep 1000 & exit' & done; sh -c 'kill -STOP $$' & sleep 1000"
        )
        config = base_config("sh", "-c", script)
        launched = running(anyone, config, stdio)
        namespace = os.stat(f"/proc/{launched.pid}/ns/pid").st_ino
        eventually(lambda: _members(namespace) > 10)
        end(launched)
        return _members(namespace)

    assert anyone.inside(run).code == 0


def _members(namespace: int) -> int:
    count = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                count += os.stat(f"/proc/{name}/ns/pid").st_ino == namespace
            except OSError:
                continue
    return count


def test_an_init_whose_creator_dies_ends_too(root: Runner) -> None:
    """C15: nothing waits for ever for a start that cannot come."""

    def run(stdio: Stdio) -> int:
        read_fd, write_fd = os.pipe()
        creator = os.fork()
        if creator == 0:
            launched, _ = root.launch(runtime(), base_config("sleep", "60"), stdio)
            os.write(write_fd, str(launched.pid).encode())
            os.kill(os.getpid(), 9)
        os.waitpid(creator, 0)
        pid = int(os.read(read_fd, 100))
        try:
            pidfd = process.pidfd_open(pid)
        except ProcessLookupError:
            return 0
        return 0 if process.has_ended(pidfd, 5000) else 1

    assert root.inside(run).code == 0


def test_a_build_step_ends_with_the_thread_that_runs_it(root: Runner) -> None:
    def run(stdio: Stdio) -> int:
        read_fd, write_fd = os.pipe()
        solver = os.fork()
        if solver == 0:

            def started(pidfd: int) -> None:
                with open(f"/proc/self/fdinfo/{pidfd}") as info:
                    pid = next(line.split()[1] for line in info if line.startswith("Pid:"))
                os.write(write_fd, pid.encode())
                os.kill(os.getpid(), 9)

            run_step.run(
                base_config("sleep", "60"),
                id="x",
                bundle=str(root.bundle),
                stdio=stdio,
                run_directory=str(root.run_directory),
                started=started,
            )
        os.waitpid(solver, 0)
        pid = int(os.read(read_fd, 100))
        try:
            return 0 if process.has_ended(process.pidfd_open(pid), 5000) else 1
        except ProcessLookupError:
            return 0

    assert root.inside(run).code == 0
