"""`izba run`: what a container is given, and what comes back."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from tests.containers.conftest import Izba, eventually


def test_output_error_and_exit_code_are_the_containers(any_izba: Izba) -> None:
    done = any_izba("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 3")

    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 3)


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (("nosuch",), 127, 'exec: "nosuch": executable file not found in $PATH'),
        (("/bin/nosuch",), 127, "/bin/nosuch"),
        (("/etc/not-executable",), 126, "permission denied"),
        (("/etc",), 126, "/etc"),
        (("sh", "-c", "kill -9 $$"), 137, ""),
        (("sh", "-c", "kill -15 $$; sleep 9"), 143, ""),
    ],
)
def test_exit_codes_are_dockers(izba: Izba, command: tuple[str, ...], code: int, said: str) -> None:
    # A process 1 ignores what it has no handler for, so the one that kills itself is not process 1.
    words = command if command[0] != "sh" else ("sh", "-c", f"sh -c '{command[2]}'; exit $?")

    done = izba("run", "--rm", "--network", "none", "busybox", *words)

    assert done.returncode == code
    assert said in done.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--nmae", "x", "busybox"), "did you mean --name?"),
        (("-p", "eighty:80", "busybox"), "invalid hostPort: eighty"),
        (("--gpus", "all", "busybox"), "--gpus is not supported"),
        (("--network", "nosuch", "busybox"), "network nosuch not found"),
        (("--rm", "--restart", "always", "busybox"), "cannot specify both --restart and --rm"),
        (("--name", "-bad", "busybox"), "Invalid container name (-bad)"),
        (("nosuch",), "No such image: nosuch"),
        (("--log-driver", "syslog", "busybox"), "izba has json-file, local and none"),
        (("--mount", "type=bind,source=/no/such,target=/x", "busybox"), "bind source path does not exist: /no/such"),
        (("-w", "relative", "busybox"), "it needs to be an absolute path"),
        (("-u", "nobody-here", "busybox"), "unable to find user nobody-here"),
        (("-v", "/a:/b", "--tmpfs", "/b", "busybox"), "Duplicate mount point: /b"),
        (("--memory", "1x", "busybox"), "invalid size: '1x'"),
    ],
)
def test_what_cannot_be_run_exits_with_125_and_leaves_nothing(izba: Izba, args: tuple[str, ...], said: str) -> None:
    done = izba("run", *args)

    assert done.returncode == 125
    assert said in done.stderr
    assert izba.ok("ps", "-aq") == ""
    # A `run --rm` before this one leaves its files to a child, and is over before they are gone.
    eventually(lambda: os.listdir(izba.root / "containers") == [])


def test_environment_is_the_images_then_files_then_flags(izba: Izba, tmp_path: Path) -> None:
    (tmp_path / "env").write_text("# a comment\nA=file\nB=file\n\nPASSED\n")

    done = subprocess.run(
        [
            *izba.command,
            "run",
            "--rm",
            "--env-file",
            str(tmp_path / "env"),
            "-e",
            "B=flag",
            "-e",
            "IMAGE",
            "busybox",
            "env",
        ],
        env={**os.environ, "PASSED": "yes"},
        capture_output=True,
        text=True,
        check=True,
    )

    lines = done.stdout.splitlines()
    assert {"A=file", "B=flag", "PASSED=yes"} <= set(lines)
    assert not any(line.startswith("IMAGE=") for line in lines)


def test_identity_directory_and_names(any_izba: Izba) -> None:
    script = "id -u; pwd; hostname; cat /etc/hostname; echo $HOME"

    out = any_izba.ok("run", "--rm", "--network", "none", "-h", "box", "-w", "/made/new", "busybox", "sh", "-c", script)

    assert out.splitlines() == ["0", "/made/new", "box", "box", "/root"]


def test_a_user_by_name_has_the_images_groups(izba: Izba) -> None:
    out = izba.ok("run", "--rm", "-u", "app", "--group-add", "7", "busybox", "id")

    assert out == "uid=1000(app) gid=1000(app) groups=7,50(staff),1000(app)" or "50(staff)" in out


def test_standard_input_is_passed_with_i_only(any_izba: Izba) -> None:
    assert any_izba.ok("run", "--rm", "-i", "busybox", "cat", input="words\n") == "words"
    assert any_izba.ok("run", "--rm", "busybox", "cat", input="words\n") == ""


def test_a_large_stream_goes_both_ways_unharmed(izba: Izba) -> None:
    text = "0123456789abcdef" * 500_000

    assert izba.ok("run", "--rm", "-i", "--network", "none", "busybox", "cat", input=text) == text


def test_the_image_never_changes_and_a_containers_changes_die_with_it(izba: Izba) -> None:
    izba.ok("run", "--rm", "busybox", "sh", "-c", "rm /data/seed; echo x > /tmp/x")

    assert izba.ok("run", "--rm", "busybox", "sh", "-c", "cat /data/seed; ls /tmp") == "from the image"


def test_rm_leaves_no_row_no_directory_and_no_snapshot(izba: Izba) -> None:
    eventually(lambda: os.listdir(izba.root / "containers") == [])  # of tests before
    before = sorted(p.name for p in (izba.root / "snapshots/overlay").iterdir())

    izba.ok("run", "--rm", "-v", "/anonymous", "busybox", "true")

    assert izba.ok("ps", "-aq") == ""
    assert os.listdir(izba.root / "containers") == []
    assert sorted(p.name for p in (izba.root / "snapshots/overlay").iterdir()) == before
    assert izba.ok("volume", "ls", "-q") == ""


def test_after_rm_the_name_is_free_at_once_and_the_files_go_by_themselves(izba: Izba) -> None:
    eventually(lambda: os.listdir(izba.root / "containers") == [])
    before = sorted(p.name for p in (izba.root / "snapshots/overlay").iterdir())

    for _ in range(3):
        izba.ok("run", "--rm", "--name", "again", "busybox", "true")
        assert izba.ok("ps", "-aq") == ""

    eventually(lambda: os.listdir(izba.root / "containers") == [])
    eventually(lambda: sorted(p.name for p in (izba.root / "snapshots/overlay").iterdir()) == before)


def test_a_named_volume_begins_with_the_images_files_and_keeps_what_is_written(any_izba: Izba) -> None:
    mount = ("-v", "things:/data")

    assert any_izba.ok("run", "--rm", *mount, "busybox", "sh", "-c", "cat /data/seed; echo more > /data/more") == (
        "from the image"
    )
    assert (
        any_izba.ok("run", "--rm", *mount, "busybox", "sh", "-c", "cat /data/more; stat -c %a /data/seed")
        == "more\n640"
    )
    any_izba.ok("volume", "rm", "things")


def test_a_relative_volume_of_an_image_lies_in_the_root(any_izba: Izba, busybox_archive: Path) -> None:
    any_izba.ok("import", "-c", "WORKDIR /tmp", "-c", "VOLUME held ../../upwards", str(busybox_archive), "relative")
    script = "grep -o ' /held \\| /upwards ' /proc/self/mountinfo | sort; ls /tmp"

    assert any_izba.ok("run", "--rm", "relative", "sh", "-c", script).split() == ["/held", "/upwards"]
    refused = any_izba("run", "--rm", "-v", "relative", "busybox", "true")
    assert "mount path must be absolute" in refused.stderr
    any_izba.ok("rmi", "relative")


def test_tmpfs_and_a_read_only_root(any_izba: Izba) -> None:
    script = "echo a > /scratch/a && cat /scratch/a; echo b > /b; stat -f -c %T /scratch"

    done = any_izba("run", "--rm", "--read-only", "--tmpfs", "/scratch:size=1m", "busybox", "sh", "-c", script)

    assert done.stdout == "a\ntmpfs\n"
    assert "Read-only file system" in done.stderr


def test_detached_prints_the_id_and_returns(any_izba: Izba) -> None:
    name = any_izba.name()

    id = any_izba.ok("run", "-d", "--name", name, "busybox", "sleep", "60")

    assert len(id) == 64
    assert any_izba.state(name)["Status"] == "running"


def test_cidfile_has_the_id_and_an_old_one_is_refused(izba: Izba, tmp_path: Path) -> None:
    path, name = tmp_path / "cid", izba.name()

    izba.ok("run", "-d", "--name", name, "--cidfile", str(path), "busybox", "true")
    again = izba("run", "--cidfile", str(path), "busybox", "true")

    assert path.read_text() == izba.inspect(name)["Id"]
    assert (again.returncode, "container ID file found" in again.stderr) == (125, True)
    nowhere = izba("run", "--cidfile", str(tmp_path / "no" / "id"), "busybox", "true")
    assert (nowhere.returncode, "failed to create the container ID file" in nowhere.stderr) == (125, True)
    wrong = izba("run", "--cidfile", str(tmp_path / "wrong"), "--network", "nowhere", "busybox", "true")
    assert (wrong.returncode, (tmp_path / "wrong").exists()) == (125, False)
    assert izba.ok("ps", "-aq").split() == [path.read_text()[:12]]


def test_a_name_is_taken_once(izba: Izba) -> None:
    name = izba.detached("sleep", "60")

    done = izba("run", "--name", name, "busybox", "true")

    assert done.returncode == 125
    assert f'The container name "/{name}" is already in use' in done.stderr


def test_signals_are_passed_on_to_the_container(izba: Izba) -> None:
    script = "trap 'echo got; exit 5' TERM; echo up; while :; do sleep 0.05; done"
    command = ("run", "--rm", "--network", "none", "busybox", "sh", "-c", script)
    with izba.popen(*command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"

        process.send_signal(signal.SIGTERM)

        assert process.stdout.read() == "got\n"
        assert process.wait(60) == 5


def test_a_container_outlives_its_command(izba: Izba) -> None:
    name = izba.name()
    process = izba.popen("run", "--name", name, "busybox", "sleep", "60", stdout=subprocess.DEVNULL)
    eventually(lambda: izba("container", "inspect", "-f", "{{.State.Running}}", name).stdout == "true\n")

    process.kill()
    process.wait()

    assert izba.state(name)["Running"] is True


def test_thirty_two_at_once(izba: Izba) -> None:
    processes = [
        izba.popen("run", "--rm", "--network", "none", "busybox", "echo", str(number), stdout=subprocess.PIPE)
        for number in range(32)
    ]

    outputs = [process.communicate(timeout=120)[0] for process in processes]

    assert outputs == [f"{number}\n" for number in range(32)]
    assert izba.ok("ps", "-aq") == ""


def test_limits_are_set_in_a_cgroup_that_goes_with_the_container(izba: Izba) -> None:
    out = izba.ok("run", "--rm", "--memory", "64m", "--pids-limit", "50", "busybox", "cat", "/proc/self/cgroup")

    assert "/izba/" in out
    assert not [path for path in Path("/sys/fs/cgroup").glob("*/izba/*") if path.is_dir() and path.name in out]


def test_the_last_oom_kill_is_noted(izba: Izba) -> None:
    name = izba.name()

    done = izba(
        "run", "--name", name, "--memory", "16m", "--memory-swap", "16m", "busybox", "sh", "-c", "tail /dev/zero"
    )

    assert done.returncode == 137
    assert izba.state(name)["OOMKilled"] is True


def test_with_one_uid_identity_changes_are_faked(single_izba: Izba) -> None:
    out = single_izba.ok("run", "--rm", "busybox", "sh", "-c", "touch /f && chown 5:6 /f && echo done")

    assert out == "done"


def test_output_to_a_closed_stream_goes_nowhere(izba: Izba) -> None:
    words = " ".join(shlex.quote(word) for word in [*izba.command, "run", "--rm", "--network", "none", "busybox"])

    done = subprocess.run(["sh", "-c", f"{words} echo lost >&-"], env=izba.environment, timeout=60, check=False)

    assert done.returncode == 0
    assert izba.ok("system", "check") == "no problem found"


def test_an_image_for_another_platform_is_named(izba: Izba) -> None:
    done = izba("run", "--rm", "--pull", "never", "--platform", "linux/arm64", "busybox", "true")

    assert done.returncode == 125
    assert "the image here is for linux/amd64, and linux/arm64 was asked for" in done.stderr
    assert "bootstrap" not in done.stderr


@pytest.mark.parametrize(
    ("options", "masked", "read_only"),
    [
        ((), {"/proc/kcore", "/sys/firmware"}, {"/proc/sys", "/proc/bus"}),
        (("--security-opt", "systempaths=unconfined"), set(), set()),
        (("--privileged",), None, None),
    ],
)
def test_inspect_shows_which_paths_are_hidden(
    izba: Izba, options: tuple[str, ...], masked: set[str] | None, read_only: set[str] | None
) -> None:
    name = izba.name()
    izba.ok("create", "--name", name, "--network", "none", *options, "busybox", "true")
    host = izba.inspect(name)["HostConfig"]

    for shown, expected in ((host["MaskedPaths"], masked), (host["ReadonlyPaths"], read_only)):
        assert (shown is None) == (expected is None)
        assert set(shown or ()) >= (expected or set())
        assert bool(shown) == bool(expected)
