"""Every command, really run: as root, as a user with a range of ids, and as one with a single id.

The table is the inventory: a command that is neither in it nor said to be tried elsewhere fails the first test.
"""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from izba.cli.table import COMMANDS
from tests.containers.conftest import Izba

ELSEWHERE = {
    "compose": "compose/test_up.py: commands of its own, as root and as a user",
    "image bootstrap": "bootstrap/test_real_images.py: it needs the distribution's mirrors",
    "image copy": "registry/test_commands.py: with a registry, as root and as both users",
    "image ls-remote": "registry/test_commands.py: with a registry, as root and as both users",
    "login": "registry/test_commands.py: with a registry, as root and as both users",
    "logout": "registry/test_commands.py: with a registry, as root and as both users",
    "manifest inspect": "registry/test_commands.py: with a registry, as root and as both users",
    "pull": "registry/test_commands.py: with a registry, as root and as both users",
    "push": "registry/test_commands.py: with a registry, as root and as both users",
    "registry serve": "registry/test_server.py: it needs clients",
    "search": "registry/test_commands.py: with a registry",
}

# What is typed, `<` what is given to it, and what has to be in its output. DIR is a directory of whoever types;
# ARCHIVE the tar of a root.
SCRIPT = """
    import -c 'CMD ["sh"]' ARCHIVE every:1          | sha256:
    tag every:1 every:2                             |
    images every                                    | every
    image inspect every:1 -f {{.Os}}                | linux
    history every:1                                 | IMAGE
    build -q -t every:built DIR/context             | sha256:
    builder du                                      | RECLAIMABLE
    save -o DIR/every.tar every:built               |
    rmi every:2 every:built                         | Untagged: every:2
    load -i DIR/every.tar                           | Loaded image: every:built
    volume create every-volume                      | every-volume
    volume ls -q                                    | every-volume
    volume inspect every-volume -f {{.Driver}}      | local
    secret create every-secret DIR/context/Dockerfile | every-secret
    secret ls                                       | every-secret
    secret inspect every-secret                     | "Name": "every-secret"
    secret rm every-secret                          | every-secret
    config create every-config DIR/context/Dockerfile | every-config
    config ls                                       | every-config
    config inspect every-config                     | "Name": "every-config"
    config rm every-config                          | every-config
    network create every-network                    |
    network ls --format {{.Name}}                   | every-network
    network inspect every-network -f {{.Driver}}    | bridge
    run --rm --network none every:1 echo from run   | from run
    create --name every -v every-volume:/v every:built sleep 600 |
    start every                                     | every
    ps --format {{.Names}}                          | every
    inspect every -f {{.State.Status}}              | running
    container inspect every -f {{.State.Status}}    | running
    exec every sh -c 'echo from exec; echo x > /v/file; echo x > /data/new' | from exec
    run -d -i --name every-voice --network none every:1 sh -c 'read word; echo got $word' |
    attach every-voice < word                       | got word
    rm every-voice                                  | every-voice
    top every                                       | sleep 600
    diff every                                      | A /data/new
    cp every:/data/new DIR/new                      |
    cp DIR/new every:/data/newer                    |
    stats --no-stream --format {{.Name}} every      | every
    port every                                      |
    pause every                                     | every
    unpause every                                   | every
    update --restart on-failure:3 every             | every
    commit every every:committed                    | sha256:
    export -o DIR/exported.tar every                |
    rename every everyone                           |
    restart -t 0 everyone                           | everyone
    kill -s KILL everyone                           | everyone
    wait everyone                                   | 137
    logs everyone                                   |
    start everyone                                  | everyone
    stop -t 0 everyone                              | everyone
    network connect every-network everyone          |
    network disconnect every-network everyone       |
    rm everyone                                     | everyone
    create --name every-last --network none every:1 |
    container prune -f                              | Deleted Containers
    volume export -o DIR/volume.tar every-volume    |
    volume import every-other DIR/volume.tar        |
    volume rm every-volume every-other              | every-volume
    volume prune -f                                 | Total reclaimed space
    network rm every-network                        | every-network
    network prune -f                                |
    rmi every:1 every:built every:committed         | Untagged: every:1
    image prune -f                                  | Total reclaimed space
    builder prune -f                                | Total
    events --since 10m --until 0s                   | container create
    system df                                       | Images
    system check                                    |
    system resume                                   |
    system prune -f                                 | Total reclaimed space
    info -f {{.OSType}}                             | linux
    version                                         | Version
    doctor                                          | CHECK
    completion bash                                 | izba
"""


def _rows() -> list[tuple[list[str], str]]:
    rows = []
    for line in SCRIPT.strip().splitlines():
        typed, _, expected = line.rpartition("|")
        rows.append((shlex.split(typed), expected.strip()))
    return rows


def test_no_command_is_left_out() -> None:
    tried = set()
    for words, _ in _rows():
        tried |= {words[0], " ".join(words[:2])}

    missing = set(COMMANDS) - tried - set(ELSEWHERE)

    assert missing == set(), "they need a line in this file's table"
    assert set(ELSEWHERE) <= set(COMMANDS)
    for where in ELSEWHERE.values():
        assert (Path(__file__).parents[1] / where.partition(":")[0]).exists()


@pytest.mark.slow  # sixty commands, three times
def test_every_command_works(any_izba: Izba, busybox_archive: Path) -> None:
    directory = any_izba.root.parent / "every"
    (directory / "context").mkdir(parents=True)
    (directory / "context/Dockerfile").write_text('FROM every:1\nRUN echo built > /built\nCMD ["sleep", "600"]\n')
    if any_izba.user:
        for path in (directory, directory / "context", directory / "context/Dockerfile"):
            shutil.chown(path, any_izba.user.uid, any_izba.user.gid)
    any_izba.names += ["every", "everyone", "every-last", "every-voice"]
    failed = []
    for words, expected in _rows():
        typed = [w.replace("DIR", str(directory)).replace("ARCHIVE", str(busybox_archive)) for w in words]
        given = None
        if "<" in typed:
            typed, given = typed[:-2], f"{typed[-1]}\n"
        done = any_izba(*typed, input=given)
        if done.returncode != 0 or expected not in done.stdout:
            failed.append(f"izba {shlex.join(typed)}: {done.returncode}\n{done.stdout}{done.stderr}")

    shutil.rmtree(directory)
    assert failed == []
