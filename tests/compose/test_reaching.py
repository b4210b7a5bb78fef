"""Services that find each other, and are found from outside."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.compose.conftest import Compose
from tests.containers.conftest import eventually


def test_services_find_each_other_by_name_and_alias(any_project: Compose) -> None:
    project = any_project
    project.write(
        """
        services:
          web:
            image: busybox
            command: [sh, -c, "echo hello > /tmp/index.html; httpd -f -p 80 -h /tmp"]
            networks: {default: {aliases: [www]}}
            init: true
          client: {image: busybox, command: [sh, -c, "SERVE"], depends_on: [web]}
        """
    )
    project.ok("up", "-d")

    for name in ("web", "www"):
        ask = ("exec", "-T", "client", "wget", "-q", "-O-", f"http://{name}/")
        eventually(lambda ask=ask: project(*ask).stdout == "hello\n")


def test_a_published_port_answers(project: Compose) -> None:
    project.write(
        """
        services:
          web: {image: busybox, init: true, command: [sh, -c, "echo hello > /tmp/index.html; httpd -f -p 80 -h /tmp"],
                ports: ["127.0.0.1::80"]}
        """
    )
    project.ok("up", "-d")
    address = project.ok("port", "web", "80")

    import urllib.request

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://{address}/", timeout=5) as response:
                return response.read() == b"hello\n"
        except OSError:
            return False

    eventually(answers)


def test_the_guides_first_project_works_as_written(project: Compose) -> None:
    document = (Path(__file__).parents[2] / "docs" / "compose.md").read_text()
    text = document.partition("```yaml\n")[2].partition("```")[0]
    project.write(text.replace("127.0.0.1:8080:80", "127.0.0.1::80"))

    plan = project.ok("plan")

    assert plan in document
    project.ok("up", "-d")
    address = project.ok("port", "web", "80")
    ask = ("exec", "-T", "web", "wget", "-q", "-O-", "http://127.0.0.1/")
    eventually(lambda: project(*ask).stdout == "hello\n")
    assert address.startswith("127.0.0.1:")
    project.ok("down")
    assert f"{project.name}_data" in project.izba.ok("volume", "ls", "-q")


def test_a_port_that_is_taken_is_told_with_its_place_in_the_file(any_project: Compose) -> None:
    project = any_project
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        file = project.write(
            f"""
            services:
              web:
                image: busybox
                command: [sh, -c, "SERVE"]
                ports: ["127.0.0.1:{port}:80"]
            """
        )

        done = project("up", "-d")

    assert done.returncode == 1
    assert f"cannot publish 127.0.0.1:{port}/tcp" in done.stderr
    assert f"change `ports:` at {file}:6" in done.stderr
    assert "-p " not in done.stderr
