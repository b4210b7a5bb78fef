"""Secrets and configs that izba keeps, and projects that use them as `external`."""

from __future__ import annotations

import json
import os
import stat

from tests.compose.conftest import Compose

EXTERNAL = """
services:
  a:
    image: busybox
    command: [sh, -c, "SERVE"]
    secrets: [token, {source: other, target: named, uid: "0", mode: 0400}]
    configs: [{source: settings, target: /etc/settings}]
secrets: {token: {external: true}, other: {external: true, name: NAME-kept}}
configs: {settings: {external: true}}
"""


def test_a_project_uses_what_is_kept(any_project: Compose) -> None:
    project, izba = any_project, any_project.izba
    kept = f"{project.name}-kept"
    project.write(EXTERNAL.replace("NAME", project.name))
    project.write("from a file\n", "s.txt")
    done = project("up", "-d")
    assert done.returncode == 1
    assert "secret token of service a: no such secret: token" in done.stderr
    assert "`izba secret create token FILE` makes it" in done.stderr

    try:
        izba.ok("secret", "create", "token", str(project.directory / "s.txt"))
        izba.ok("secret", "create", "--label", "of=test", kept, "-", input="from the input")
        izba.ok("config", "create", "settings", "-", input="level=debug")
        project.ok("up", "-d")

        def read(path: str) -> str:
            return project.ok("exec", "-T", "a", "cat", path)

        assert read("/run/secrets/token") == "from a file"
        assert read("/run/secrets/named") == "from the input"
        assert read("/etc/settings") == "level=debug"
        assert project.ok("exec", "-T", "a", "stat", "-c", "%a", "/run/secrets/named") == "400"
        shown = (izba.ok("secret", "inspect", kept), izba.ok("container", "inspect", f"{project.name}-a-1"))
        assert "from the input" not in "".join(shown)
        assert json.loads(shown[0])[0]["Spec"] == {"Name": kept, "Labels": {"of": "test"}}
        assert izba.ok("secret", "ls", "-q", "--filter", "label=of").splitlines() == [kept]

        before = project.ids()
        izba.ok("secret", "rm", "token")
        izba.ok("secret", "create", "token", "-", input="changed")
        project.ok("up", "-d")
        assert project.ids() != before
        assert read("/run/secrets/token") == "changed"
    finally:
        izba("secret", "rm", "token", kept)
        izba("config", "rm", "settings")
    assert izba.ok("secret", "ls", "-q") == izba.ok("config", "ls", "-q") == ""


def test_what_is_kept_is_for_its_user_alone_and_does_not_change(project: Compose) -> None:
    izba = project.izba
    izba.ok("secret", "create", "mine", "-", input="hush")
    try:
        path = izba.root / "secrets"
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        assert stat.S_IMODE((path / "mine/data").stat().st_mode) == 0o600
        again = izba("secret", "create", "mine", "-", input="other")
        assert again.returncode == 1
        assert "exists already" in again.stderr
        assert (path / "mine/data").read_bytes() == b"hush"
        assert os.listdir(path) == ["mine"]
    finally:
        izba.ok("secret", "rm", "mine")


def test_names_that_are_paths_are_none(project: Compose) -> None:
    izba = project.izba
    (izba.root / "precious").write_text("x")
    for name in ("../precious", ".", "..", "/etc/passwd", "a/b", "", "a" * 65, "-x"):
        assert izba("secret", "create", "--", name, "-", input="x").returncode == 1
        assert izba("secret", "rm", "--", name).returncode == 1
        assert izba("config", "inspect", "--", name).returncode == 1
    assert (izba.root / "precious").read_text() == "x"
    assert izba("secret", "create", "empty", "-", input="").returncode == 1
    assert izba("secret", "create", "large", "-", input="x" * (501 << 10)).returncode == 1


def test_a_volume_of_driver_options_is_the_directory_they_name(project: Compose) -> None:
    project.write("here\n", "shared/a.txt")
    project.write(
        """
        services: {a: {image: busybox, command: [sh, -c, "SERVE"], volumes: ["v:/v"]}}
        volumes: {v: {driver_opts: {type: none, o: bind, device: ./shared}}}
        """
    )

    project.ok("up", "-d")

    assert project.ok("exec", "-T", "a", "cat", "/v/a.txt") == "here"
    project.ok("down", "-v")
    assert (project.directory / "shared/a.txt").exists()


def test_what_a_killed_command_left_does_not_stay(project: Compose) -> None:
    izba = project.izba
    izba.ok("secret", "create", "first", "-", input="1")
    path = izba.root / "secrets"
    (path / ".left").mkdir()
    (path / ".left/data").write_text("hush")
    assert izba.ok("secret", "ls", "-q") == "first"
    izba.ok("secret", "create", "second", "-", input="2")
    assert (path / ".left").exists()  # it could be another command's that is at work

    os.utime(path / ".left", (0, 0))
    izba.ok("secret", "create", "third", "-", input="3")

    assert sorted(os.listdir(path)) == ["first", "second", "third"]
    izba.ok("secret", "rm", "first", "second", "third")
