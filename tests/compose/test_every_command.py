"""Every command of `izba compose`, really run: as root, as a user with a range of ids, and as one with a single id.

The table is the inventory: a command that is neither in it nor said to be tried elsewhere fails the first test, and so
does a flag of `up` and `down` that people rely on.
"""

from __future__ import annotations

import json
import re
import shlex
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from izba.cli.commands.compose.table import VERBS
from tests.compose.conftest import Compose
from tests.registry.izba_server import izba_registry

ELSEWHERE = {"watch": "compose/test_watching.py"}

SOON, SECONDS = {"get", "logs"}, 60
"""What shows a process's doings, and is asked again: a container runs before its process has done anything."""

FLAGS_OF_UP = {
    *("-d", "--build", "--scale", "--wait", "--force-recreate", "--no-recreate", "--remove-orphans", "--no-deps"),
    *("--pull", "--abort-on-container-exit", "--exit-code-from", "--timestamps", "--dry-run"),
}

PROJECT = """
services:
  web:
    build: {context: ., dockerfile_inline: "FROM busybox\\nCOPY page /page/index.html\\n"}
    command: [httpd, -f, -p, "80", -h, /page]
    init: true
    ports: ["127.0.0.1::80"]
    environment: {VERSION: "${VERSION:-1}"}
    depends_on: {db: {condition: service_healthy}}
  db:
    image: busybox
    command: [sh, -c, "echo db begins; touch /tmp/ok; SERVE"]
    healthcheck: {test: test -f /tmp/ok, interval: 100ms}
    volumes: ["data:/data"]
  once:
    image: busybox
    command: [sh, -c, "echo a line; test -e /ran || sleep 3; touch /ran; sleep 0.5; exit 3"]
    profiles: [jobs]
  talk: {image: busybox, command: [sh, -c, "read word; echo got $$word"], stdin_open: true, profiles: [jobs]}
  ship: {image: "REGISTRY/ship", build: {context: ., dockerfile_inline: "FROM busybox\\n"}, profiles: [jobs]}
  lost: {image: "127.0.0.1:1/lost", build: {context: ., dockerfile_inline: "FROM busybox\\n"}, profiles: [jobs]}
  nobody: {image: "127.0.0.1:1/nobody:1", profiles: [jobs]}
volumes: {data: }
"""

# What is typed; `< WORD` is what is given to it | what its output has to match, after `!N` if N is its exit status |
# the containers that are there afterwards: `*` those that were not there after the line before, else those are the
# same; u: up, and h: healthy, too; x: exited, c: created, p: paused. A line that begins with `izba` is of izba itself;
# `get` asks the published port of a service. NAME is the project's, DIR its directory.
SCRIPT = """
    version --short                           | ^[0-9.]+
    config --services                         | db\\nweb
    config                                    | condition: service_healthy
    viz                                       | "web" -> "db"
    plan                                      | CreateContainer                       | -
    up -d --dry-run                           | CreateContainer                       | -
    ls -aq                                    | ^(?!.*NAME)
    build --print web                         | NAME-web
    build web                                 |
    izba image inspect NAME-web -f {{.Os}}    | linux                                 | -
    create db                                 |                                       | *db-1 c
    up -d --build --wait                      |                                       | db-1 h, *web-1 u
    get web                                   | page
    port web 80                               | ^127.0.0.1:[0-9]+$
    ps                                        | NAME-db-1 .*\\(healthy\\)
    ls                                        | NAME .*running\\(2\\)
    images web                                | NAME-web-1 .*NAME-web
    volumes -q                                | ^NAME_data$
    top db                                    | db begins
    stats --no-stream --format {{.Name}}      | NAME-(db|web)-1\\nNAME-(db|web)-1
    logs --no-log-prefix db                   | ^db begins$
    exec -T db sh -c 'echo kept > /data/x'    |
    cp db:/data/x DIR/x                       |
    cp DIR/x web:/tmp/y                       |
    exec -T web cat /tmp/y                    | ^kept$
    run --rm -T db cat /data/x                | ^kept$                                | db-1 h, web-1 u
    run --rm -T db sh -c 'exit 7'             | !7                                    | db-1 h, web-1 u
    up -d                                     |                                       | db-1 h, web-1 u
    up -d --force-recreate web                |                                       | db-1 h, *web-1 u
    VERSION=2 up -d --no-recreate             |                                       | db-1 h, web-1 u
    VERSION=2 plan                            | service:web:1.* configuration changed         | db-1 h, web-1 u
    VERSION=2 up -d                           |                                       | db-1 h, *web-1 u
    exec -T web sh -c 'echo $VERSION'         | ^2$
    restart -t 1 db                           |                                       | db-1 u, web-1 u
    logs --no-log-prefix db                   | ^db begins\\ndb begins$
    pause db                                  |                                       | db-1 p, web-1 u
    exec -T db true                           | !1 paused                             | db-1 p, web-1 u
    unpause db                                |                                       | db-1 u, web-1 u
    kill -s KILL web                          |                                       | db-1 u, web-1 x
    rm -f                                     | NAME-web-1                            | db-1 u
    stop -t 1                                 |                                       | db-1 x
    up -d --no-deps web                       |                                       | db-1 x, *web-1 u
    start --wait                              |                                       | db-1 h, web-1 u
    scale db=2                                |                                       | db-1 h, *db-2 u, web-1 u
    up -d --scale db=1                        |                                       | db-1 h, web-1 u
    -f other.yaml up -d                       | orphan                                | db-1 h, *new-1 u, web-1 u
    -f other.yaml up -d --remove-orphans      |                                       | new-1 u
    up -d --remove-orphans --wait             |                                       | *db-1 h, *web-1 u
    exec -T db cat /data/x                    | ^kept$
    up -d talk                                |                                       | db-1 h, *talk-1 u, web-1 u
    attach talk < word                        | got word
    wait talk                                 | status code 0                         | db-1 h, talk-1 x, web-1 u
    rm -f talk                                |                                       | db-1 h, web-1 u
    up -d once                                |                                       | db-1 h, *once-1 u, web-1 u
    logs -f once                              | once-1 +\\| a line
    wait once                                 | !3 status code 3                       | db-1 h, once-1 x, web-1 u
    up --no-deps --exit-code-from once once   | !3 once-1 +\\| a line                  | db-1 h, once-1 x, web-1 u
    up --timestamps --abort-on-container-exit once | !3 once-1 +\\| 20\\S+Z a line     | db-1 h, once-1 x, web-1 u
    events --since 10m --until 0s             | container create .*NAME-web-1
    pull nobody                               | !1 127.0.0.1:1
    up -d --pull never nobody                 | !1 127.0.0.1:1/nobody                 | db-1 h, once-1 x, web-1 u
    izba tag busybox 127.0.0.1:1/nobody:1     |
    pull --policy missing nobody              | already present
    build -q ship lost                        |
    push lost                                 | !1 127.0.0.1:1
    push ship                                 |
    izba rmi REGISTRY/ship                    | Untagged
    pull ship                                 |
    izba image inspect REGISTRY/ship -f {{.Os}} | linux
    down --dry-run -v                         | volume:NAME_data, RemoveVolume        | db-1 h, once-1 x, web-1 u
    down -t 1                                 |                                       | -
    izba volume ls -q                         | NAME_data
    izba network ls --format {{.Name}}        | ^(?!.*NAME)
    up -d --wait                              |                                       | *db-1 h, *web-1 u
    exec -T db cat /data/x                    | ^kept$
    down -t 1 -v --rmi local                  |                                       | -
    izba volume ls -q                         | ^(?!.*NAME)
    izba images --format {{.Repository}}      | ^(?!.*NAME)
    izba network ls --format {{.Name}}        | ^(?!.*NAME)
"""


def _rows() -> Iterator[tuple[list[str], str, str]]:
    for line in SCRIPT.strip().splitlines():
        typed, expected, after, *_ = *re.split(r" \| ?", line), ""
        yield shlex.split(typed), expected.strip(), after.strip()


def test_no_command_is_left_out() -> None:
    typed = [words for words, _, _ in _rows() if words[0] != "izba"]
    words = {word for row in typed for word in row}
    modules = {VERBS[word].module for word in words & set(VERBS)}

    assert {verb.module for verb in VERBS.values()} - modules - set(ELSEWHERE) == set()
    assert {word for row in typed if "up" in row for word in row} >= FLAGS_OF_UP
    assert {"-v", "--rmi"} <= {word for row in typed if "down" in row for word in row}
    for where in ELSEWHERE.values():
        assert (Path(__file__).parents[1] / where).exists()


@pytest.mark.slow  # eighty commands, three times
def test_every_command_has_its_effect(any_project: Compose, tmp_path: Path) -> None:
    project = any_project
    project.write("a page\n", "page")
    project.write('services: {new: {image: busybox, command: [sh, -c, "SERVE"]}}', "other.yaml")
    before: dict[str, tuple[str, str]] = {}
    failed = []
    with izba_registry(tmp_path / "registry") as (registry, _):
        project.write(PROJECT.replace("REGISTRY", registry))
        names = {"NAME": project.name, "DIR": str(project.directory), "REGISTRY": registry}
        for words, expected, after in _rows():
            typed = [_filled(word, names) for word in words]
            parts = re.fullmatch(r"(?:!(\d) ?)?(.*)", _filled(expected, names))
            assert parts, f"no expectation: {expected}"
            wanted, pattern = parts.groups("0")
            until = time.monotonic() + SECONDS
            while True:
                status, output, errors = _type(project, typed)
                shown = output if pattern.startswith("^") else f"{output}\n{errors}"
                if typed[0] not in SOON or re.search(pattern, shown, re.DOTALL) or time.monotonic() > until:
                    break
            there = _containers(project) if after else before
            seen = ", ".join(
                f"{'' if before.get(name, ('', ''))[0] == id else '*'}{name} {state}"
                for name, (id, state) in sorted(there.items())
            )
            before = there
            if status != int(wanted) or not re.search(pattern, shown, re.DOTALL) or not _holds(after, seen or "-"):
                failed.append(f"{shlex.join(typed)}: {status}, {seen or '-'}\n{output}\n{errors}")

    assert "\n".join(failed) == ""


def _holds(after: str, seen: str) -> bool:
    return not after or re.fullmatch(re.escape(after).replace("\\ u", "\\ [uh]"), seen) is not None


def _filled(text: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(name, value)
    return text


def _type(project: Compose, words: list[str]) -> tuple[int, str, str]:
    """Exit status, output without its last newline, errors."""
    if words[0] == "get":
        try:
            with urllib.request.urlopen(f"http://{project.ok('port', words[1], '80')}/", timeout=60) as response:
                return 0, response.read().decode(), ""
        except OSError as error:
            return 1, "", str(error)
    given = None
    if "<" in words:
        words, given = words[:-2], f"{words[-1]}\n"
    if words[0] == "izba":
        done = project.izba(*words[1:])
    else:
        name, equals, value = words[0].partition("=")
        project.environment = {name: value} if equals else {}
        done = project(*(words[1:] if equals else words), stdin=given)
    return done.returncode, done.stdout.rstrip("\n"), done.stderr


def _containers(project: Compose) -> dict[str, tuple[str, str]]:
    """Name → id and state, in one letter."""
    lines = project.ok("ps", "-a", "--format", "json").splitlines()
    return {
        each["Name"].removeprefix(f"{project.name}-"): (each["ID"], _letter(each))
        for each in (json.loads(line) for line in lines)
    }


def _letter(container: dict[str, str]) -> str:
    if container["Health"] == "healthy" and container["State"] == "running":
        return "h"
    return {"running": "u", "exited": "x", "created": "c", "paused": "p"}[container["State"]]
