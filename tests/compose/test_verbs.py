"""The other commands on a project that runs."""

from __future__ import annotations

from collections.abc import Callable

from tests.compose.conftest import TWO, Compose
from tests.containers.conftest import eventually


def test_run_is_a_container_of_its_own_with_its_dependencies(project: Compose) -> None:
    project.write(TWO)

    assert project.ok("run", "--rm", "-T", "-e", "A=1", "web", "sh", "-c", "echo run $A") == "run 1"
    assert project("run", "--rm", "-T", "web", "sh", "-c", "exit 7").returncode == 7
    assert project.ok("run", "--rm", "-T", "web", "cat", stdin="through\n") == "through"

    assert project.ps() == {"db-1": "running"}


def test_stop_start_restart_kill_rm(project: Compose) -> None:
    project.write(TWO)
    project.ok("up", "-d")

    project.ok("stop")
    assert set(project.ps().values()) == {"exited"}
    project.ok("start")
    assert set(project.ps().values()) == {"running"}
    project.ok("restart", "db")
    assert set(project.ps().values()) == {"running"}
    project.ok("kill", "web")
    eventually(lambda: project.ps()["web-1"] == "exited")
    project.ok("rm", "-f")
    assert project.ps() == {"db-1": "running"}


def test_plan_and_dry_run_change_nothing(project: Compose) -> None:
    project.write(TWO)

    plan = project.ok("plan")
    assert plan.splitlines()[:2] == [
        "#1 network:default, CreateNetwork, it is not there",
        "#2 volume:data, CreateVolume, it is not there",
    ]
    assert project.ok("up", "-d", "--dry-run") == plan
    assert project.ps() == {}

    project.ok("up", "-d")
    assert project.ok("plan") == ""
    before = project.ids()
    project.ok("--dry-run", "up", "-d", "--force-recreate")
    project.ok("down", "--dry-run", "-v")
    assert project.ids() == before


def test_orphans_are_told_of_and_removed_when_asked_for(project: Compose) -> None:
    service = '{image: busybox, command: [sh, -c, "SERVE"]}'
    project.write(f"services: {{a: {service}, b: {service}}}")
    project.ok("up", "-d")
    assert sorted(project.ps()) == ["a-1", "b-1"]
    project.write(f"services: {{a: {service}}}")

    assert "orphan" in project("up", "-d").stderr
    project.ok("up", "-d", "--remove-orphans")

    assert sorted(project.ps()) == ["a-1"]


def test_profiles_enable_services(project: Compose) -> None:
    project.write(
        """
        services:
          a: {image: busybox, command: [sh, -c, "SERVE"]}
          d: {image: busybox, command: [sh, -c, "SERVE"], profiles: [debug]}
        """
    )
    project.ok("up", "-d")
    assert sorted(project.ps()) == ["a-1"]
    project.ok("up", "-d", "d")
    assert sorted(project.ps()) == ["a-1", "d-1"]
    project.ok("--profile", "debug", "down")
    assert project.ps() == {}


def test_down_leaves_a_project_with_a_look_alike_name_alone(projects: Callable[[], Compose]) -> None:
    """F5: prefixes, and labels that an image or a user claims."""
    one, other = projects(), projects()
    text = 'services: {a: {image: busybox, command: [sh, -c, "SERVE"], volumes: ["v:/v"]}}\nvolumes: {v: }'
    one.write(f"name: {one.name}\n{text}")
    other.name = f"{one.name}-a"
    other.write(f"name: {other.name}\n{text}")
    one.ok("up", "-d")
    other.ok("up", "-d")
    spoofed = one.izba.name()
    one.izba.ok("run", "-d", "--name", spoofed, "--network", "none", "--label",
                f"com.docker.compose.project={one.name}", "busybox", "sleep", "60")  # fmt: skip

    one.ok("down", "-v", "--remove-orphans")

    assert other.ps() == {"a-1": "running"}
    assert other.izba.state(spoofed)["Running"]
    assert f"{other.name}_v" in other.izba.ok("volume", "ls", "-q")
    one.izba.clean()
