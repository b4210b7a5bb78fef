"""Executing a command in a running container."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from izba.linux import process
from izba.runtime.driver import runtime
from izba.runtime.launch import Stdio
from tests.runtime.harness import Failure, Runner, base_config, become, drop_to

pytestmark = pytest.mark.root


def sleeper() -> Any:
    return base_config("sleep", "60")


def test_it_runs_with_its_own_exit_code_and_streams(everyone: Runner) -> None:
    result = everyone.exec_in(sleeper(), "sh", "-c", "cat; echo err >&2; exit 7", stdin=b"in\n")

    assert (result.code, result.out, result.err) == (7, "in\n", "err\n")


def test_it_is_in_all_the_containers_namespaces(everyone: Runner) -> None:
    # Other runtimes have started it before it is the command.
    script = "until ps -o args | grep '^sleep 60'; do sleep 0.02; done; hostname; for n in mnt net uts pid ipc; do"
    script += " [ $(readlink /proc/1/ns/$n) = $(readlink /proc/self/ns/$n) ] && echo $n; done"

    assert everyone.exec_in(sleeper(), "sh", "-c", script).out.split() == [
        *("sleep", "60"),
        "box",
        "mnt",
        "net",
        "uts",
        "pid",
        "ipc",
    ]


def test_user_directory_and_environment_are_its_own(anyone: Runner) -> None:
    result = anyone.exec_in(sleeper(), "sh", "-c", "pwd; echo $X", cwd="/etc", env=["PATH=/bin", "X=y"])

    assert result.out.split() == ["/etc", "y"]


def test_another_user_and_groups(make_runner) -> None:
    for who in ("root", "range"):
        user = {"uid": 1000, "gid": 1000, "additionalGids": [50]}

        assert make_runner(who).exec_in(sleeper(), "id", "-G", user=user).out.split() == ["1000", "50"]


def test_a_directory_that_is_missing_is_not_made(anyone: Runner) -> None:
    with pytest.raises(Failure, match=r"working directory.*no such file"):
        anyone.exec_in(sleeper(), "true", cwd="/no/such")


@pytest.mark.parametrize(
    ("command", "kind"),
    [("nope", "CommandNotFound"), ("/bin/nope", "CommandNotFound"), ("/etc", "CommandNotExecutable")],
)
def test_a_command_that_cannot_run_says_why(anyone: Runner, command: str, kind: str) -> None:
    with pytest.raises(Failure) as caught:
        anyone.exec_in(sleeper(), command)

    assert caught.value.kind == kind


def test_capabilities_and_no_new_privileges_are_those_asked_for(anyone: Runner) -> None:
    result = anyone.exec_in(sleeper(), "grep", "-E", "CapEff|CapBnd|NoNew", "/proc/self/status", noNewPrivileges=True)

    assert [line.split()[1] for line in result.out.splitlines()] == ["00000000a80425fb", "00000000a80425fb", "1"]


def test_it_has_the_containers_seccomp_filter(anyone: Runner) -> None:
    config = sleeper()
    config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}],
    }

    result = anyone.exec_in(config, "mkdir", "/tmp/x")

    assert result.code == 1
    assert "No space left" in result.err


def test_a_container_that_has_ended_is_gone(anyone: Runner) -> None:
    def run(stdio: Stdio) -> int:
        driver = runtime()
        config = base_config("true")
        launched, _ = anyone.launch(driver, config, stdio)
        driver.start(launched)
        process.wait(launched.pid)
        driver.exec(
            config,
            config["process"],
            id="",
            pid=launched.pid,
            start_time=launched.start_time,
            stdio=stdio,
            run_directory=str(anyone.run_directory),
        )
        return 0

    with pytest.raises(Failure, match="ContainerGone"):
        anyone.inside(run)


def test_an_init_that_ends_meanwhile_ends_it_too(anyone: Runner) -> None:
    config = base_config("sh", "-c", "until test -e /tmp/begun; do sleep 0.02; done")

    assert anyone.exec_in(config, "sh", "-c", "touch /tmp/begun; exec sleep 60").code == 137


def test_the_owner_of_a_user_namespace_enters_from_outside(make_runner) -> None:
    """`izba exec` of an ordinary user makes no namespace of its own: it joins the container's, user namespace first."""
    for who in ("range", "single"):
        runner = make_runner(who)
        user = runner.user

        result = replace(runner, user=None).inside(lambda stdio, runner=runner: _exec_from_outside(runner, stdio))

        assert (result.code, result.out.split()) == (0, ["0", "box"])
        assert (runner.rootfs / "made").stat().st_uid == user.uid


def _exec_from_outside(runner: Any, stdio: Stdio) -> int:
    read_fd, write_fd = os.pipe()
    monitor = os.fork()
    if monitor == 0:
        become(runner.user)
        launched, _ = runner.launch(runtime(), sleeper(), stdio)
        runtime().start(launched)
        os.write(write_fd, b"%d %d" % (launched.pid, launched.start_time))
        process.wait(launched.pid)
        os._exit(0)
    drop_to(runner.user)
    pid, started = map(int, os.read(read_fd, 100).split())
    config = sleeper()
    guest = runtime().exec(
        config,
        config["process"] | {"args": ["sh", "-c", "id -u; hostname; touch /made"]},
        id="",
        pid=pid,
        start_time=started,
        stdio=stdio,
        run_directory=str(runner.run_directory),
    )
    code = process.wait(guest.pid)
    process.send_signal(process.pidfd_open(pid, started), 9)  # and it may signal it
    os.waitpid(monitor, 0)
    return code
