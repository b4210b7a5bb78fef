"""`up` in the foreground: whose lines are shown, and how it ends."""

from __future__ import annotations

import re
import signal

import pytest

from tests.compose.conftest import Compose


def test_in_the_foreground_lines_are_prefixed_and_the_end_is_told(project: Compose) -> None:
    project.write(
        """
        services:
          a: {image: busybox, command: [sh, -c, "echo one; sleep 0.2; exit 4"]}
          bee: {image: busybox, command: [sh, -c, "SERVE"]}
        """
    )

    done = project("up", "--exit-code-from", "a")

    assert done.returncode == 4
    assert "a-1    | one" in done.stdout
    assert "a-1    | exited with code 4" in done.stdout
    assert project.ps() == {"a-1": "exited", "bee-1": "exited"}


def test_ctrl_c_again_kills_what_does_not_stop(project: Compose) -> None:
    command = "trap : TERM; echo up; while :; do sleep 0.05; done"
    project.write(f'services: {{a: {{image: busybox, stop_grace_period: 1h, command: [sh, -c, "{command}"]}}}}')
    with project.popen("up") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if "| up" in line:
                break
        process.send_signal(signal.SIGINT)
        for line in process.stderr:
            if "Gracefully" in line:
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)

    assert process.returncode == 130
    assert "Killing" in errors
    assert project.ps() == {"a-1": "exited"}


def test_ctrl_c_stops_all(project: Compose) -> None:
    command = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    project.write(f'services: {{a: {{image: busybox, command: [sh, -c, "{command}"]}}}}')
    with project.popen("up") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "| up" in line:
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)

    assert process.returncode == 130
    assert "Gracefully" in errors
    assert project.ps() == {"a-1": "exited"}
    assert "bye" in project.ok("logs")


def test_logs_of_all_are_in_the_order_of_time(project: Compose) -> None:
    project.write(
        """
        services:
          a: {image: busybox, command: [sh, -c, "for i in 1 3 5; do echo $$i; sleep 0.2; done"]}
          b: {image: busybox, command: [sh, -c, "sleep 0.1; for i in 2 4 6; do echo $$i; sleep 0.2; done"]}
        """
    )
    done = project("up", "--no-log-prefix")
    assert done.returncode == 0

    lines = project.ok("logs", "--timestamps", "--no-log-prefix").splitlines()

    assert len(lines) == 6
    assert lines == sorted(lines)


THREE = """
services:
  a: {image: busybox, command: [sh, -c, "echo from a; sleep 0.3"]}
  b: {image: busybox, command: [sh, -c, "echo from b; sleep 0.3"]}
  quiet: {image: busybox, attach: false, command: [sh, -c, "echo from quiet; sleep 0.3"]}
"""


@pytest.mark.parametrize(
    ("flags", "shown"),
    [
        ((), "ab"),
        (("--attach", "a"), "a"),
        (("--attach", "quiet"), "q"),
        (("--no-attach", "a"), "b"),
        (("--menu",), "ab"),
    ],
)
def test_whose_lines_are_shown(project: Compose, flags: tuple[str, ...], shown: str) -> None:
    project.write(THREE)

    done = project("up", *flags)

    assert done.returncode == 0, done.stderr
    assert "".join(name[0] for name in ("a", "b", "quiet") if f"from {name}" in done.stdout) == shown


def test_timestamps_are_those_of_the_lines(project: Compose) -> None:
    project.write(THREE)

    done = project("up", "--timestamps", "--attach", "a")

    assert re.search(r"^a-1 +\| \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z from a$", done.stdout, re.MULTILINE), done.stdout


def test_one_that_fails_ends_all_where_that_was_asked_for(project: Compose) -> None:
    project.write(
        """
        services:
          good: {image: busybox, command: ["true"]}
          bad: {image: busybox, command: [sh, -c, "sleep 0.3; exit 3"], depends_on: [good]}
          other: {image: busybox, command: [sh, -c, "SERVE"]}
        """
    )

    assert project("up", "--abort-on-container-failure").returncode == 3
    assert project.ps()["other-1"] == "exited"


def test_all_are_stopped_and_the_code_is_known_where_the_others_output_is_not_shown(any_project: Compose) -> None:
    project = any_project
    project.write(
        """
        services:
          slow: {image: busybox, command: [sh, -c, "trap 'sleep 0.4; exit 0' TERM; while :; do sleep 0.05; done"]}
          ends: {image: busybox, command: [sh, -c, "exit 3"], depends_on: [slow]}
        """
    )

    done = project("up", "--abort-on-container-exit", "--attach", "ends")

    assert done.returncode == 3
    assert project.ps() == {"ends-1": "exited", "slow-1": "exited"}
    assert "slow-1  Stopped" in done.stderr


def test_flags_that_contradict_each_other_are_refused(project: Compose) -> None:
    project.write(THREE)

    for flags in (("-d", "--attach", "a"), ("-d", "--watch"), ("--wait", "--abort-on-container-exit"),
                  ("--watch", "--abort-on-container-exit"), ("-d", "--exit-code-from", "a")):  # fmt: skip
        done = project("up", *flags)
        assert (done.returncode, "cannot be combined" in done.stderr) == (1, True), flags
    assert project.ps() == {}


def test_up_watches_beside_its_output(project: Compose) -> None:
    """A file that changes makes the image and the container anew, and what the new one says is shown."""
    project.write("one\n", "said")
    project.write(
        """
        services:
          a:
            build: {context: ., dockerfile_inline: "FROM busybox\\nCOPY said /said\\n"}
            command: [sh, -c, "cat /said; SERVE"]
            stop_grace_period: 1s
            develop: {watch: [{action: rebuild, path: ./said}]}
        """
    )
    with project.popen("--progress", "quiet", "up", "--watch") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        seen: list[str] = []
        try:
            while not any("| one" in line for line in seen):
                seen.append(next(process.stdout))
            while "Watch enabled" not in next(process.stderr):
                pass
            first = project.ids()["a-1"]
            project.write("two\n", "said")
            while not any("| two" in line for line in seen):
                seen.append(next(process.stdout))
        finally:
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=120)

    assert process.returncode == 130, errors
    assert project.ids()["a-1"] != first
    assert project.ps() == {"a-1": "exited"}
    project.ok("down", "--rmi", "local")


def test_up_with_nothing_to_watch_begins_nothing(project: Compose) -> None:
    project.write(THREE)

    done = project("up", "--watch")

    assert done.returncode == 1
    assert "none of the selected services is configured for watch" in done.stderr
    assert project.ps() == {}
