"""What `up` makes of a project, again and again: busybox services, as root and as ordinary users."""

from __future__ import annotations

import json
import time

from tests.compose.conftest import TWO, Compose
from tests.containers.conftest import eventually


def test_up_and_down_leave_first_everything_and_then_nothing(any_project: Compose) -> None:
    any_project.write(TWO)

    any_project.ok("up", "-d")

    assert any_project.ps() == {"db-1": "running", "web-1": "running"}
    eventually(lambda: any_project.ok("logs", "web", "--no-log-prefix") == "web is up")
    assert any_project.ok("exec", "-T", "db", "cat", "/proc/1/comm") == "sh"

    any_project.ok("down", "-v")

    assert any_project.ps() == {}
    assert any_project.name not in any_project.izba.ok("volume", "ls", "-q")
    assert not (any_project.izba.root / "compose" / any_project.name).exists()


def test_a_second_up_leaves_running_what_did_not_change(project: Compose) -> None:
    project.write(TWO)
    project.ok("up", "-d")
    before = project.ids()

    begin = time.monotonic()
    done = project("up", "-d")
    took = time.monotonic() - begin

    assert project.ids() == before
    assert done.stderr == ""
    assert took < 2


def test_only_the_service_that_changed_is_made_anew(project: Compose) -> None:
    project.write(TWO)
    project.ok("up", "-d")
    before = project.ids()
    project.write(TWO.replace("web is up", "web is new"))

    project.ok("up", "-d")

    after = project.ids()
    assert after["db-1"] == before["db-1"]
    assert after["web-1"] != before["web-1"]


def test_a_dependent_starts_when_its_dependency_is_healthy(project: Compose) -> None:
    project.write(TWO)

    project.ok("up", "-d")

    started = {
        name: json.loads(project.izba.ok("container", "inspect", f"{project.name}-{name}"))[0]["State"]["StartedAt"]
        for name in ("db-1", "web-1")
    }
    assert started["db-1"] < started["web-1"]


def test_a_job_ends_before_its_dependent_starts(project: Compose) -> None:
    project.write(
        """
        services:
          app: {image: busybox, command: [sh, -c, "cat /data/made; SERVE"], volumes: ["d:/data"],
                depends_on: {job: {condition: service_completed_successfully}}}
          job: {image: busybox, command: [sh, -c, "sleep 0.2; echo made > /data/made"], volumes: ["d:/data"]}
        volumes: {d: }
        """
    )

    project.ok("up", "-d")

    eventually(lambda: project.ok("logs", "app", "--no-log-prefix") == "made")


def test_a_failed_dependency_is_named_with_its_last_words_and_the_next_up_goes_on(project: Compose) -> None:
    project.write(
        """
        services:
          app: {image: busybox, command: [sh, -c, "SERVE"],
                depends_on: {job: {condition: service_completed_successfully}}}
          job: {image: busybox, command: [sh, -c, "echo no such table; exit ${CODE:-3}"]}
          other: {image: busybox, command: [sh, -c, "SERVE"]}
        """
    )

    failed = project("up", "-d")

    assert failed.returncode == 1
    assert "service 'job' failed: it exited with 3" in failed.stderr
    assert "> no such table" in failed.stderr
    assert project.ps() == {"app-1": "created", "job-1": "exited", "other-1": "running"}

    project.environment["CODE"] = "0"
    project.ok("up", "-d")

    assert project.ps() == {"app-1": "running", "job-1": "exited", "other-1": "running"}


def test_scaling_up_adds_the_next_numbers_and_down_takes_the_highest(any_project: Compose) -> None:
    any_project.write('services: {web: {image: busybox, command: [sh, -c, "SERVE"]}}')

    any_project.ok("up", "-d", "--scale", "web=4")
    before = any_project.ids()
    assert sorted(before) == ["web-1", "web-2", "web-3", "web-4"]

    any_project.ok("scale", "web=2")

    assert any_project.ids() == {name: before[name] for name in ("web-1", "web-2")}


def test_up_wait_returns_when_all_are_healthy_and_fails_when_one_is_not(project: Compose) -> None:
    project.write(TWO)
    project.ok("up", "--wait")
    assert "(healthy)" in project.ok("ps")

    project.write(TWO.replace("test -f /tmp/ok", "exit 1").replace("interval: 100ms", "interval: 50ms, retries: 2"))
    assert project("up", "--wait", "db").returncode == 1


def test_build_makes_images_with_the_projects_names(any_project: Compose) -> None:
    project = any_project
    project.write("FROM busybox\nARG WHO=nobody\nRUN echo built for $WHO > /who\nCMD cat /who\n", "app/Dockerfile")
    project.write(
        """
        services:
          app: {build: {context: ./app, args: {WHO: me}}}
          inline:
            build: {context: ., dockerfile_inline: "FROM app\\nRUN echo more >> /who\\n",
                    additional_contexts: {app: "service:app"}}
        """
    )

    project.ok("--progress", "quiet", "up", "--build", "-d")

    eventually(lambda: project.ok("logs", "app", "--no-log-prefix") == "built for me")
    eventually(lambda: project.ok("logs", "inline", "--no-log-prefix") == "built for me\nmore")
    assert f"{project.name}-app" in project.ok("images")
    project.ok("down", "--rmi", "local")
    assert f"{project.name}-app" not in project.izba.ok("images")


def test_a_container_name_cannot_be_scaled(project: Compose) -> None:
    project.write('services: {a: {image: busybox, container_name: only, command: [sh, -c, "SERVE"]}}')

    assert "container name must be unique" in project("up", "-d", "--scale", "a=2").stderr


def test_missing_external_things_are_told_with_the_command_that_makes_them(project: Compose) -> None:
    project.write(
        """
        services: {a: {image: busybox, volumes: ["v:/v"]}}
        volumes: {v: {external: true, name: not-there}}
        """
    )

    done = project("up", "-d")

    assert 'external volume "not-there" not found' in done.stderr
    assert "izba volume create not-there" in done.stderr


def test_two_ups_at_once_make_one_project(project: Compose) -> None:
    project.write(TWO)

    processes = [project.popen("up", "-d", "--scale", "web=3") for _ in range(3)]
    results = [process.communicate(timeout=120) for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0], results
    assert sorted(project.ps()) == ["db-1", "web-1", "web-2", "web-3"]


def test_waiting_ends_with_the_time_that_was_given(project: Compose) -> None:
    project.write(TWO.replace("test -f /tmp/ok, interval: 100ms", '"exit 1", interval: 100ms, retries: 1000'))

    begin = time.monotonic()
    done = project("up", "--wait", "--wait-timeout", "1", "db")

    assert done.returncode == 1
    assert "longer than --wait-timeout" in done.stderr
    assert time.monotonic() - begin < 10
