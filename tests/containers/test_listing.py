"""ps, inspect, diff, commit and prune."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from izba.cli.streams import detach_keys
from izba.jsonio import loads
from tests.containers.conftest import Izba
from tests.support.children import children_cpu


def test_ps_has_dockers_columns(any_izba: Izba) -> None:
    name = any_izba.detached("sleep", "60")

    header, row = any_izba.ok("ps").splitlines()

    assert header.split() == ["CONTAINER", "ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]
    assert "busybox" in row
    assert '"sleep 60"' in row
    assert "Up " in row
    assert row.endswith(name)


def test_ps_shows_the_ended_with_a_only(izba: Izba) -> None:
    name = izba.detached("sh", "-c", "exit 3")
    izba.ok("wait", name)

    assert izba.ok("ps", "-q") == ""
    assert izba.ok("ps", "-a", "--format", "{{.Names}} {{.State}} {{.Status}}").startswith(f"{name} exited Exited (3) ")
    assert loads(izba.ok("ps", "-a", "--format", "json"))["Names"] == name


def test_lists_are_shown_as_the_users_config_json_says(izba: Izba, tmp_path: Path) -> None:
    formats = {name: f"{name} {{{{.ID}}}}" for name in ("psFormat", "imagesFormat", "networksFormat")}
    (tmp_path / "config.json").write_text(json.dumps(formats | {"volumesFormat": "raw", "auths": {}}))
    izba.ok("create", "--name", izba.name(), "busybox")
    izba.ok("volume", "create", "of-format")

    for key, *words in (("psFormat", "ps", "-a"), ("imagesFormat", "images"), ("networksFormat", "network", "ls")):
        shown = izba.ok("--config", str(tmp_path), *words).splitlines()
        assert all(line.startswith(f"{key} ") for line in shown)
        assert [line.split()[1] for line in shown] == izba.ok("--config", str(tmp_path), *words, "-q").splitlines()
        assert not izba.ok("--config", str(tmp_path), *words, "--format", "{{.ID}}").startswith(key)
    assert "name: of-format\ndriver: local" in izba.ok("--config", str(tmp_path), "volume", "ls")
    izba.ok("volume", "rm", "of-format")


def test_raw_is_a_line_for_each_field(izba: Izba) -> None:
    name = izba.name()
    izba.ok("create", "--name", name, "--label", "a=b", "busybox", "true")

    shown = izba.ok("ps", "-a", "--format", "raw", "--filter", f"name={name}").splitlines()

    assert [line.partition(":")[0] for line in shown if line] == (
        "container_id image command created_at state status names labels ports".split()
    )
    wanted = {"image: busybox", 'command: "true"', "state: created", f"names: {name}", "ports:"}
    assert wanted < set(shown)
    assert any(line.startswith("labels: ") and "a=b" in line for line in shown)


def test_the_keys_that_detach_are_those_of_the_users_config_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text('{"detachKeys": "ctrl-x,q"}')
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

    assert detach_keys(None) == b"\x18q"
    assert detach_keys("ctrl-a") == b"\x01"


def test_ps_filters(izba: Izba) -> None:
    first = izba.detached("sleep", "60", options=("--label", "a=1"))
    second = izba.detached("sh", "-c", "exit 2", options=("--label", "a=2", "-v", "kept:/kept"))
    izba.ok("wait", second)

    def names(*filters: str) -> set[str]:
        words = [word for each in filters for word in ("--filter", each)]
        return set(izba.ok("ps", "-a", *words, "--format", "{{.Names}}").split())

    assert names(f"name={first}") == {first}
    assert names("label=a") == {first, second}
    assert names("label=a=2") == {second}
    assert names("label=of=image") == {first, second}
    assert names("status=running") == {first}
    assert names("exited=2") == {second}
    assert names(f"before={second}") == {first}
    assert names(f"since={first}") == {second}
    assert names("volume=kept") == {second}
    assert names("ancestor=busybox") == {first, second}
    assert names("network=none", "status=exited") == {second}
    assert izba("ps", "--filter", "stauts=x").returncode == 1
    assert izba("ps", "--filter", "stauts").returncode == 125  # a flag that cannot be read, as to Docker
    assert "it is a regular expression" in izba("ps", "--filter", "name=a(").stderr
    izba.ok("rm", "-f", second)
    izba.ok("volume", "rm", "kept")


def test_inspect_is_dockers_document(izba: Izba) -> None:
    name = izba.detached("sleep", "60", options=("-e", "A=b", "--memory", "64m", "-v", "/etc:/host-etc:ro"))

    document = izba.inspect(name)

    assert document["Name"] == f"/{name}"
    assert (document["Path"], document["Args"]) == ("sleep", ["60"])
    assert "A=b" in document["Config"]["Env"]
    assert "IMAGE=busybox" in document["Config"]["Env"]
    assert document["Config"]["Labels"] == {"of": "image"}
    assert document["HostConfig"]["Memory"] == 64 << 20
    assert document["HostConfig"]["NetworkMode"] == "none"
    assert document["Mounts"][0] | {"Mode": "ro"} == {
        "Type": "bind",
        "Source": "/etc",
        "Destination": "/host-etc",
        "Mode": "ro",
        "RW": False,
        "Propagation": "rprivate",
    }
    assert izba.ok("inspect", "-f", "{{.State.Status}} {{json .Config.Cmd}}", name) == 'running ["sleep","60"]'
    assert loads(izba.ok("inspect", "--type", "image", "busybox"))[0]["RepoTags"] == ["busybox:latest"]
    assert izba("inspect", "nosuch").returncode == 1


def test_diff_tells_what_was_changed_and_not_what_every_container_has(any_izba: Izba) -> None:
    name = any_izba.detached("sh", "-c", "echo x > /tmp/new; rm /data/seed; echo y >> /etc/passwd")
    any_izba.ok("wait", name)

    assert set(any_izba.ok("diff", name).splitlines()) == {
        "C /tmp",
        "A /tmp/new",
        "C /data",
        "D /data/seed",
        "C /etc",
        "C /etc/passwd",
    }


def test_commit_makes_an_image_of_the_changes(any_izba: Izba) -> None:
    name = any_izba.detached("sh", "-c", "echo kept > /kept; exec sleep 60")
    any_izba.ok("exec", name, "sh", "-c", "until test -e /kept; do sleep 0.01; done")

    id = any_izba.ok("commit", "-a", "me", "-m", "why", "-c", 'CMD ["cat", "/kept"]', name, "made:1")

    assert any_izba.ok("run", "--rm", "made:1") == "kept"
    image = loads(any_izba.ok("inspect", "--type", "image", id))[0]
    assert (image["Author"], image["Comment"]) == ("me", "why")
    assert any_izba.state(name)["Status"] == "running"
    any_izba.ok("rmi", "made:1")


def test_prune_takes_the_ended_and_spares_the_running(izba: Izba) -> None:
    running, ended = izba.detached("sleep", "60"), izba.detached("true")
    izba.ok("wait", ended)

    out = izba.ok("container", "prune", "-f")

    assert "Deleted Containers:" in out
    assert izba.ok("ps", "-a", "--format", "{{.Names}}") == running
    assert izba("container", "prune", input="n\n").stdout.startswith(
        "WARNING! This will remove all stopped containers."
    )


@pytest.mark.slow
def test_ps_of_a_thousand_containers_is_quick(root_izba: Izba) -> None:
    from izba.engine.containers.create import create
    from izba.engine.containers.model import ContainerRequest
    from izba.engine.engine import Engine

    with Engine.open(str(root_izba.root)) as engine:
        for number in range(1000):
            config: Any = {"Cmd": ["true"]}
            create(engine, ContainerRequest(image="busybox", config=config, host_config={}, name=f"many-{number}"))
    took = []
    for _ in range(5):
        before = children_cpu()
        assert len(root_izba.ok("ps", "-a", "-q").split()) >= 1000
        took.append(children_cpu() - before)
    root_izba.ok("container", "prune", "-f")

    assert min(took) < 0.6, took  # of the processor, 0.15 s; others that use it do not count


def test_a_template_of_inspect_tells_a_misspelt_field_and_shows_what_is_not_set_as_docker_does(izba: Izba) -> None:
    name = izba.name()
    izba.ok("create", "--name", name, "--label", "a=1", "busybox", "true")

    def shown(template: str, *options: str) -> str:
        return izba.ok("inspect", *options, "--format", template).rstrip("\n")

    unset = "{{.Config.Entrypoint}} {{.Config.Volumes}} {{.State.Health}} {{.HostConfig.Binds}} {{.Config.User}}|"
    assert shown(unset, name) == "[] map[] <nil> [] |"
    assert shown("{{with .Config.Labels}}{{.a}} {{.b}}{{end}} {{.HostConfig.LogConfig.Config.tag}}", name) == (
        "1 <no value> <no value>"
    )
    assert shown("{{.Config.User}}|{{.Config.Volumes}}", "--type", "image", "busybox") == "|map[]"
    for template in ("{{.Nope}}", "{{.State.Nope}}", "{{.Config.Nope}}"):
        refused = izba("inspect", "--format", template, name)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert 'map has no entry for key "Nope"' in refused.stderr
