"""`izba events`: what was done is told in Docker's words, to who asks later and to who waits."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from izba.jsonio import read
from izba.store import eventlog
from tests.containers.conftest import Izba, eventually


def told(izba: Izba, since: float, *args: str) -> list[dict[str, Any]]:
    lines = izba.ok("events", "--since", f"{since:.9f}", "--until", "0s", "--format", "json", *args).splitlines()
    return [json.loads(line) for line in lines]


def actions(events: list[dict[str, Any]], name: str) -> list[str]:
    return [each["Action"] for each in events if each["Actor"]["Attributes"].get("name") == name]


def test_a_containers_life_is_told_by_whoever_had_a_hand_in_it(any_izba: Izba) -> None:
    since = time.time()
    script = "trap 'exit 3' TERM; echo listening; while :; do sleep 0.05; done"
    name = any_izba.listening(script, options=("-l", "of=test"))
    any_izba.ok("exec", name, "true")
    any_izba.ok("stop", name)
    any_izba.ok("rename", name, f"{name}-b")
    any_izba.ok("rm", f"{name}-b")

    events = told(any_izba, since, "--filter", "type=container")

    assert actions(events, name)[:2] == ["create", "start"]
    assert [action.partition(":")[0] for action in actions(events, name)] == [
        *("create", "start", "exec_create", "exec_start", "exec_die", "kill", "die", "stop")
    ]
    assert actions(events, f"{name}-b") == ["rename", "destroy"]
    died = next(each for each in events if each["Action"] == "die")
    assert died["Actor"]["Attributes"] | {"execDuration": "0"} == {
        "exitCode": "3",
        "execDuration": "0",
        "image": "busybox",
        "name": name,
        "of": "test",
    }
    assert (died["status"], died["id"], died["from"], died["scope"]) == ("die", died["Actor"]["ID"], "busybox", "local")
    assert died["timeNano"] // 1_000_000_000 == died["time"]


def test_the_end_of_a_container_whose_monitor_was_killed_is_told_once(any_izba: Izba) -> None:
    since = time.time()
    name = any_izba.detached("sleep", "300", options=("-v", "/own"))
    os.kill(read(str(any_izba.directory(name) / "state.json"))["monitor"][0], signal.SIGKILL)
    looks = [any_izba.popen("ps", "-a", stdout=subprocess.DEVNULL) for _ in range(4)]
    assert [look.wait(120) for look in looks] == [0] * 4

    events = told(any_izba, since, "--filter", f"container={name}")
    assert actions(events, name) == ["create", "start", "die"]
    assert events[-1]["Actor"]["Attributes"]["exitCode"] == "255"
    unmounted = told(any_izba, since, "--filter", "event=unmount")
    assert [each["Actor"]["Attributes"]["container"] for each in unmounted] == [any_izba.inspect(name)["Id"]]


def test_a_run_in_the_foreground_and_its_volume(any_izba: Izba) -> None:
    since = time.time()
    any_izba.ok("run", "--rm", "--network", "none", "-v", "told-volume:/v", "busybox", "true")
    any_izba.ok("volume", "rm", "told-volume")

    events = told(any_izba, since)

    assert [(each["Type"], each["Action"]) for each in events] == [
        ("volume", "create"),
        ("container", "create"),
        ("container", "attach"),
        ("volume", "mount"),
        ("container", "start"),
        ("container", "die"),
        ("volume", "unmount"),
        ("container", "destroy"),
        ("volume", "destroy"),
    ]


def test_a_stop_without_patience_and_a_network_are_told(any_izba: Izba) -> None:
    name, since = any_izba.name(), time.time()
    any_izba.ok("run", "-d", "--name", name, "busybox", "sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done")
    eventually(lambda: any_izba.ok("logs", name) == "up")
    any_izba.ok("stop", "-t", "0", name)

    found = [
        (each["Type"], each["Action"], each["Actor"]["Attributes"].get("signal")) for each in told(any_izba, since)
    ]

    assert found == [
        *(("container", "create", None), ("network", "connect", None), ("container", "start", None)),
        *(("container", "kill", "15"), ("container", "kill", "9"), ("container", "die", None)),
        *(("network", "disconnect", None), ("container", "stop", None)),
    ]


def test_filters_choose_and_those_of_one_name_add_up(any_izba: Izba) -> None:
    since = time.time()
    first, second = any_izba.detached("true"), any_izba.detached("true", options=("-l", "tier=front"))
    any_izba.ok("wait", first, second)

    def names(*filters: str) -> list[str]:
        args = [word for each in filters for word in ("--filter", each)]
        return [each["Actor"]["Attributes"]["name"] + ":" + each["Action"] for each in told(any_izba, since, *args)]

    assert sorted(names("event=die", "type=container")) == sorted([f"{first}:die", f"{second}:die"])
    assert names(f"container={first}", "event=create", "event=start") == [f"{first}:create", f"{first}:start"]
    assert names("label=tier=front", "event=start") == [f"{second}:start"]
    assert {each.partition(":")[0] for each in names("image=busybox")} == {first, second}
    assert any_izba("events", "--filter", "colour=red").returncode == 1


def test_who_waits_is_told_at_once_and_until_ends_it(any_izba: Izba) -> None:
    with any_izba.popen("events", "--filter", "event=die", "--format", "{{.Action}} {{.Actor.Attributes.exitCode}}",
                    stdout=subprocess.PIPE) as waiting:  # fmt: skip
        assert waiting.stdout is not None
        lines: list[str] = []
        reader = threading.Thread(target=lambda: lines.append(waiting.stdout.readline()))  # type: ignore[union-attr]
        reader.start()
        while not lines:  # it may not listen yet
            any_izba("run", "--rm", "--network", "none", "busybox", "sh", "-c", "exit 9")
        reader.join()
        waiting.kill()

    assert lines == ["die 9\n"]
    start = time.monotonic()
    assert any_izba.ok("events", "--until", "-1s", "--filter", "event=pull") == ""
    assert 0.9 < time.monotonic() - start < 5
    since_ever = any_izba.ok("events", "--until", "0s", "--filter", "event=die", "--format", "{{.Status}} {{.ID}}")
    assert since_ever.splitlines()[-1].startswith("die ")


def test_what_is_done_to_a_container_from_outside_is_told(any_izba: Izba, place: Path) -> None:
    (place / "file").touch()
    name, since = any_izba.detached("sleep", "60"), time.time()
    any_izba.ok("top", name)
    any_izba.ok("cp", str(place / "file"), f"{name}:/tmp")
    any_izba.ok("cp", f"{name}:/etc/passwd", str(place))
    any_izba.ok("cp", f"{name}:/etc/passwd", "-")

    assert actions(told(any_izba, since), name) == ["top", "extract-to-dir", "archive-path", "archive-path"]


def test_a_templates_fields_are_those_of_gos_message(izba: Izba) -> None:
    since = time.time()
    izba.ok("tag", "busybox", "told:2")
    izba.ok("rmi", "told:2")
    period = ("events", "--since", f"{since:.9f}", "--until", "0s")

    shown = "{{.Type}} {{.Action}} {{.Status}} {{.Scope}} {{.From}} {{.Actor.Attributes.name}} {{.Actor.Attributes.of}}"
    assert izba.ok(*period, "--format", shown).splitlines() == [
        "image tag tag local  told:2 image",
        "image untag untag local  told:2 image",
    ]
    whole = json.loads(izba.ok(*period, "--filter", "event=tag", "--format", "{{json .}}"))
    assert list(whole) == ["status", "id", "Type", "Action", "Actor", "scope", "time", "timeNano"]
    refused = izba(*period, "--format", "{{.Nonsense}}")
    assert (refused.returncode, "can't evaluate field Nonsense in type *events.Message" in refused.stderr) == (1, True)


def test_plain_lines_are_dockers_and_obey_no_terminal_code(izba: Izba) -> None:
    since = time.time()
    name = izba.detached("true", options=("-l", "evil=\x1b[2J"))
    izba.ok("wait", name)

    line = izba.ok("events", "--since", str(since), "--until", "0s", "--filter", "event=start")

    stamp, rest = line.split(" ", 1)
    id = izba.inspect(name)["Id"]
    assert rest == f"container start {id} (evil=\\x1b[2J, image=busybox, name={name}, of=image)"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d)", stamp)


def test_images_and_networks_are_told_too(any_izba: Izba) -> None:
    since = time.time()
    any_izba.ok("tag", "busybox", "told:1")
    any_izba.ok("rmi", "told:1")
    any_izba.ok("network", "create", "told-net")
    any_izba.ok("network", "rm", "told-net")

    found = [(each["Type"], each["Action"], each["Actor"]["Attributes"]["name"]) for each in told(any_izba, since)]

    assert found == [
        ("image", "tag", "told:1"),
        ("image", "untag", "told:1"),
        ("network", "create", "told-net"),
        ("network", "destroy", "told-net"),
    ]


# -- the log itself


def test_many_may_write_at_once_and_the_log_stays_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventlog, "MOST", 100_000)
    writers = []
    for _ in range(8):
        if (pid := os.fork()) == 0:
            for number in range(200):
                eventlog.append(str(tmp_path), "container", "start", f"{os.getpid()}-{number}", {"filler": "x" * 50})
            os._exit(0)
        writers.append(pid)

    for pid in writers:
        assert os.waitpid(pid, 0)[1] == 0

    sizes = [path.stat().st_size for path in (tmp_path / "events").iterdir()]
    assert len(sizes) == 2
    assert max(sizes) < 102_000
    kept = [json.loads(line)["id"] for path in (tmp_path / "events").iterdir() for line in path.read_text().split()]
    assert len(set(kept)) == len(kept) > 600


def test_a_follower_misses_nothing_where_one_file_follows_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from izba.engine import eventlog as reading
    from izba.engine.engine import Engine

    monkeypatch.setattr(eventlog, "MOST", 5_000)
    events = reading.read(Engine.open(str(tmp_path)), reading.Period(since=1), lambda _: True)
    found = []

    for number in range(1000):
        eventlog.append(str(tmp_path), "container", "start", str(number), {"filler": "x" * (number % 60)})
        if number % 25 == 24:
            found += [next(events).id for _ in range(25)]

    assert found == [str(number) for number in range(1000)]


def test_what_a_full_disk_cut_short_costs_no_other_event(tmp_path: Path) -> None:
    from izba.engine import eventlog as reading
    from izba.engine.engine import Engine

    eventlog.append(str(tmp_path), "image", "tag", "first", {})
    path = tmp_path / "events" / "log"
    path.write_bytes(path.read_bytes() + b'\n{"action":"st')
    eventlog.append(str(tmp_path), "image", "tag", "second", {})

    period = reading.Period(since=1, until=time.time_ns())
    found = list(reading.read(Engine.open(str(tmp_path)), period, lambda _: True))

    assert [event.id for event in found] == ["first", "second"]
