"""The projects of the corpus come up and go down, as root and as ordinary users.

What they name that is nowhere is replaced: images and what is built by busybox, commands by one that runs on, checks
by one that is passed, ports of the host by any, and files, devices and containers of the machine by none. All else
stays: what depends on what, networks and addresses, volumes, limits, secrets, capabilities, hooks, profiles, restarts.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.compose import corpus
from tests.compose.conftest import SERVE, Compose

STAYS_OUT = ("build", "devices", "external_links", "cgroup_parent", "runtime", "userns_mode", "platform", "develop",
             "entrypoint", "container_name", "profiles", "group_add", "sysctls")  # fmt: skip
LEFT_OUT = {
    "limits": "less memory than any container may have, and more reserved than allowed",
    "merge": "the same, and a service that waits for the health of one without a check",
}
RUN = [name for name in corpus.FEATURES if name not in LEFT_OUT]
ROOTLESS = """
    depends-on deploy healthcheck hooks life microservices networks ports secrets-configs security volumes
""".split()


@pytest.mark.parametrize("name", RUN)
def test_as_root(project: Compose, name: str) -> None:
    comes_and_goes(project, name)


@pytest.mark.parametrize("name", ROOTLESS)
def test_as_an_ordinary_user(rootless_project: Compose, name: str) -> None:
    comes_and_goes(rootless_project, name)


def comes_and_goes(project: Compose, name: str) -> None:
    tree = runnable(project, name)
    project.write(json.dumps(tree))
    before = left(project)

    project.ok("up", "-d", "-t", "0")

    jobs = {name for name, service in tree["services"].items() if service["command"] == ["true"]}
    states = {each.rpartition("-")[0]: state for each, state in project.ps().items()}
    assert states.keys() == {each for each, service in tree["services"].items() if copies(service)}
    assert {state for each, state in states.items() if each not in jobs} <= {"running"}, states
    again = project.ok("plan").splitlines()
    assert all("StartContainer, it is exited" in line for line in again), again
    assert len(again) == len(jobs)

    project.ok("down", "-v", "-t", "0")

    assert left(project) == before


def copies(service: dict[str, Any]) -> int:
    count: int = service.get("scale", service.get("deploy", {}).get("replicas", 1))
    return count


def left(project: Compose) -> tuple[str, ...]:
    """What the engine has: containers, networks, volumes."""
    return tuple(
        "\n".join(sorted(project.izba.ok(*command).splitlines()))
        for command in (("ps", "-aq"), ("network", "ls", "-q"), ("volume", "ls", "-q"))
    )


def runnable(project: Compose, name: str) -> dict[str, Any]:
    """The canonical project of a feature, with what this machine has in place of what it has not."""
    source = project.directory.parent / f"{project.name}-corpus"
    shutil.copytree(corpus.CORPUS / name, source)
    try:
        done = corpus.izba(source, "config", "--format", "json")
        assert done.returncode == 0, done.stderr
        for path in source.rglob("*"):  # secrets, env files and directories that are mounted
            if path.is_file() and path.name != ".env" and path.suffix != ".yaml":
                project.write(path.read_text(), str(path.relative_to(source)))
        text = done.stdout.replace(str(source), str(project.directory))
    finally:
        shutil.rmtree(source)
    tree: dict[str, Any] = json.loads(text)
    tree["name"] = project.name
    for network in tree.get("networks", {}).values():
        network.pop("name", None)
    for volume in tree.get("volumes", {}).values():
        volume.pop("name", None)
    for kind in ("secrets", "configs"):
        for entry in tree.get(kind, {}).values():
            if "file" in entry and not Path(entry["file"]).exists():
                project.write("kept\n", os.path.relpath(entry["file"], project.directory))
    project.environment |= dict(line.split("=", 1) for line in read_lines(corpus.CORPUS / name / "env"))
    awaited = {
        other
        for service in tree["services"].values()
        for other, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }
    for each, service in tree["services"].items():
        change(service, project, is_job=each in awaited)
    return tree


def read_lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def change(service: dict[str, Any], project: Compose, *, is_job: bool) -> None:
    for key in STAYS_OUT:
        service.pop(key, None)
    service["image"] = "busybox"
    service["command"] = ["true"] if is_job else ["sh", "-c", SERVE.replace("$", "$$")]
    if service.get("healthcheck", {}).get("test", ["NONE"]) != ["NONE"]:
        service["healthcheck"] |= {"test": ["CMD", "true"], "interval": "100ms", "start_interval": "100ms"}
    ports = {(port["target"], port.get("protocol")): port for port in service.get("ports", ())}
    service["ports"] = [
        {key: value for key, value in port.items() if key != "published"} | {"host_ip": "127.0.0.1"}
        for port in ports.values()
    ]
    for hook in (*service.get("post_start", ()), *service.get("pre_stop", ())):
        hook |= {"command": ["true"], "working_dir": "/", "user": "0"}
    service["volumes"] = [
        volume
        for volume in service.get("volumes", ())
        if volume["type"] in {"volume", "tmpfs"} or volume.get("source", "").startswith(f"{project.directory}/")
    ]
    for volume in service["volumes"]:
        volume.get("volume", {}).pop("subpath", None)
        if volume["type"] == "bind":
            (project.directory / volume["source"]).mkdir(parents=True, exist_ok=True)
    service["volumes_from"] = [each for each in service.get("volumes_from", ()) if not each.startswith("container:")]
