"""`post_start` and `pre_stop`: commands in a container, after its start and before its stop."""

from __future__ import annotations

from tests.compose.conftest import Compose
from tests.containers.conftest import eventually

HOOKS = """
services:
  a:
    image: busybox
    command: [sh, -c, "SERVE"]
    volumes: ["notes:/notes"]
    post_start:
      - command: [sh, -c, 'echo "started $$WHO in $$PWD" >> /notes/a']
        environment: {WHO: by-hook}
        working_dir: /notes
      - {command: "sh -c 'id -u >> /notes/a'", user: "0"}
    pre_stop:
      - {command: [sh, -c, "echo stopping >> /notes/a"]}
  after:
    image: busybox
    command: [sh, -c, "cat /notes/a; SERVE"]
    volumes: ["notes:/notes"]
    depends_on: [a]
volumes: {notes: }
"""


def notes(project: Compose) -> list[str]:
    return project.ok("run", "--rm", "-T", "--no-deps", "after", "cat", "/notes/a").splitlines()


def test_hooks_run_at_each_start_and_before_each_stop(any_project: Compose) -> None:
    project = any_project
    project.write(HOOKS)
    begin, end = ["started by-hook in /notes", "0"], ["stopping"]

    project.ok("up", "-d")
    # Who depends on it starts after them, and what it has read it says only once.
    eventually(lambda: project.ok("logs", "after", "--no-log-prefix").splitlines() == begin)

    project.ok("restart", "a")
    project.ok("up", "-d", "--force-recreate", "--no-deps", "a")
    assert notes(project) == [*begin, *end, *begin, *end, *begin]

    project.ok("stop")
    assert notes(project)[-1] == "stopping"
    project.ok("start", "a")
    project.ok("down")
    assert notes(project) == [*begin, *end, *begin, *end, *begin, *end, *begin, *end]


def test_a_post_start_hook_that_fails_is_the_failure_of_its_service(project: Compose) -> None:
    project.write(
        """
        services:
          a: {image: busybox, command: [sh, -c, "SERVE"], post_start: [{command: [sh, -c, "echo no table; exit 3"]}]}
          b: {image: busybox, command: [sh, -c, "SERVE"], post_start: [{command: [no-such-command]}]}
          c: {image: busybox, command: [sh, -c, "SERVE"], depends_on: [a]}
        """
    )

    failed = project("up", "-d", "a", "c")
    assert failed.returncode == 1
    assert "service 'a' failed: its post_start hook `sh -c echo no table; exit 3` exited with 3" in failed.stderr
    assert "> no table" in failed.stderr
    assert project.ps() == {"a-1": "running", "c-1": "created"}

    failed = project("up", "-d", "b")
    assert failed.returncode == 1
    assert "service 'b' failed" in failed.stderr
    assert "no-such-command" in failed.stderr


def test_a_pre_stop_hook_that_fails_is_told_and_stops_nothing_from_stopping(project: Compose) -> None:
    project.write(
        """
        services:
          a: {image: busybox, command: [sh, -c, "SERVE"], pre_stop: [{command: [sh, -c, "echo cannot; exit 5"]}]}
          b: {image: busybox, command: [sh, -c, "SERVE"], pre_stop: [{command: [no-such-command]}]}
        """
    )
    project.ok("up", "-d")

    done = project("down")

    assert done.returncode == 0
    assert "pre_stop hook `sh -c echo cannot; exit 5` exited with 5: cannot" in done.stderr
    assert "pre_stop hook `no-such-command`" in done.stderr
    assert project.ps() == {}


def test_what_a_hook_leaves_behind_is_not_waited_for(project: Compose) -> None:
    project.write(
        """
        services:
          a:
            image: busybox
            command: [sh, -c, "SERVE"]
            post_start: [{command: [sh, -c, "sleep 100 & echo $$! > /tmp/left"]}]
        """
    )

    project.ok("up", "-d")

    assert project.ok("exec", "-T", "a", "sh", "-c", "kill -0 $(cat /tmp/left) && echo there") == "there"


def test_in_the_foreground_hooks_run_before_ctrl_c_stops(project: Compose) -> None:
    import signal

    project.write(HOOKS)
    with project.popen("up") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "started by-hook" in line:
                break
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)

    assert notes(project)[-1] == "stopping"
