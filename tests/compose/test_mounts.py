"""What services find in their files: secrets, configs, volumes."""

from __future__ import annotations

from tests.compose.conftest import Compose


def test_secrets_and_configs_are_files_with_owner_and_mode(project: Compose) -> None:
    project.write("from a file\n", "s.txt")
    project.environment["TOKEN"] = "from the environment"
    project.write(
        """
        services:
          a:
            image: busybox
            command: [sh, -c, "SERVE"]
            secrets: [plain, {source: token, uid: "103", gid: "104", mode: 0440}]
            configs: [{source: text, target: /etc/app.conf}, {source: owned, target: /etc/owned, uid: "7", mode: 0400}]
        secrets: {plain: {file: ./s.txt}, token: {environment: TOKEN}}
        configs: {text: {content: "level=${LEVEL:-debug}"}, owned: {file: ./s.txt}}
        """
    )
    project.ok("up", "-d")

    def seen(path: str) -> tuple[str, str]:
        return (
            project.ok("exec", "-T", "a", "cat", path),
            project.ok("exec", "-T", "a", "stat", "-c", "%u:%g %a", path),
        )

    assert seen("/run/secrets/plain")[0] == "from a file"
    assert seen("/run/secrets/token") == ("from the environment", "103:104 440")
    assert seen("/etc/app.conf")[0] == "level=debug"
    assert seen("/etc/owned") == ("from a file", "7:0 400")
    inspected = project.izba.ok("container", "inspect", f"{project.name}-a-1")
    assert "from the environment" not in inspected


def test_a_changed_secret_makes_its_services_anew(project: Compose) -> None:
    project.write(
        """
        services: {a: {image: busybox, command: [sh, -c, "SERVE"], secrets: [t]}}
        secrets: {t: {environment: TOKEN}}
        """
    )
    project.environment["TOKEN"] = "one"
    project.ok("up", "-d")
    before = project.ids()
    project.environment["TOKEN"] = "two"

    project.ok("up", "-d")

    assert project.ids() != before
    assert project.ok("exec", "-T", "a", "cat", "/run/secrets/t") == "two"


def test_anonymous_volumes_go_on_with_the_new_container(project: Compose) -> None:
    text = 'services: {a: {image: busybox, command: [sh, -c, "echo MARK; SERVE"], volumes: ["/keep"]}}'
    project.write(text)
    project.ok("up", "-d")
    project.ok("exec", "-T", "a", "sh", "-c", "echo kept > /keep/x")
    project.write(text.replace("MARK", "other"))

    project.ok("up", "-d")
    assert project.ok("exec", "-T", "a", "cat", "/keep/x") == "kept"

    project.ok("up", "-d", "--force-recreate", "-V")
    assert project("exec", "-T", "a", "cat", "/keep/x").returncode != 0
    project.ok("down", "-v")
    assert project.izba.ok("volume", "ls", "-q") == ""
