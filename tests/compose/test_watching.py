"""`watch`, `events` and `viz`."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.compose import corpus
from tests.compose.conftest import Compose
from tests.containers.conftest import eventually

ONE = 'services: {a: {image: busybox, command: [sh, -c, "SERVE"]}, b: {image: busybox, command: [sh, -c, "SERVE"]}}'


def test_events_are_those_of_the_projects_containers(any_project: Compose) -> None:
    project = any_project
    project.write(ONE)
    begin = time.time()
    project.ok("up", "-d")
    project.ok("down", "-t", "0")

    lines = project.ok("events", "--json", "--since", str(begin), "--until", str(time.time())).splitlines()

    events = [json.loads(line) for line in lines]
    told = {service: [e["action"] for e in events if e["service"] == service] for service in ("a", "b")}
    for actions in told.values():
        assert [each for each in actions if each in {"create", "start", "die", "destroy"}] == [
            *("create", "start", "die", "destroy")
        ]
    assert {event["type"] for event in events} == {"container"}
    assert events[0]["attributes"]["image"] == "busybox"
    plain = project.ok("events", "--since", str(begin), "--until", str(time.time()), "a").splitlines()
    assert len(plain) == len(told["a"])
    assert f"name={project.name}-a-1" in plain[0]


def test_events_of_others_are_not_told(projects: Callable[[], Compose]) -> None:
    one, other = projects(), projects()
    one.write(ONE)
    other.write(ONE)
    begin = time.time()
    other.ok("up", "-d", "a")

    assert one.ok("events", "--since", str(begin), "--until", str(time.time())) == ""


def test_the_graph_is_composes(project: Compose) -> None:
    text = """
    services:
      web: {image: nginx, depends_on: [api], ports: ["8080:80", "9:9/udp"], networks: [front]}
      api: {image: "x/api:1", depends_on: [db], networks: [front, back]}
      db: {image: postgres, networks: [back]}
    networks: {front: , back: }
    """
    project.write(text)

    for flags in ((), ("--image", "--ports", "--networks"), ("--spaces",)):
        real = subprocess.run(
            [corpus.COMPOSE, "alpha", "viz", *flags], cwd=project.directory, capture_output=True, text=True, check=True
        )
        ours = project.ok("viz", *flags)
        # The real one tells its services in any order.
        assert sorted(ours.splitlines()) == sorted(real.stdout.rstrip("\n").splitlines())


def test_watch_syncs_into_the_container(project: Compose, tmp_path: Path) -> None:
    project.write("one\n", "src/a.txt")
    project.write(
        """
        services:
          a:
            image: busybox
            build: {context: ., dockerfile_inline: "FROM busybox"}
            command: [sh, -c, "SERVE"]
            develop: {watch: [{action: sync, path: ./src, target: /src, ignore: ["*.tmp"], initial_sync: true}]}
        """
    )
    project.ok("--progress", "quiet", "up", "-d")
    with project.popen("watch", "--no-up") as process:
        try:
            eventually(lambda: project("exec", "-T", "a", "cat", "/src/a.txt").stdout == "one\n")
            project.write("two\n", "src/a.txt")
            project.write("x\n", "src/sub/b.txt")
            project.write("x\n", "src/no.tmp")
            eventually(lambda: project("exec", "-T", "a", "cat", "/src/a.txt", "/src/sub/b.txt").stdout == "two\nx\n")
            (project.directory / "src/a.txt").unlink()
            eventually(lambda: project("exec", "-T", "a", "ls", "/src").stdout == "sub\n")
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=120)
