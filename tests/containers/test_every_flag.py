"""Every flag of `run`, and what comes of it in a container: as root, with a range of ids, and with a single one.

A row is the flag's words, a command for the container's shell, and what it prints. Rows that get on with each other
share a container. A flag that is in no table fails the last test.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

from izba.cli.commands.run import COMMAND
from tests.containers.conftest import Izba, eventually

pytestmark = pytest.mark.root


@dataclass(frozen=True)
class Row:
    words: str
    script: str
    expected: str

    @property
    def flag(self) -> str:
        return self.words.split()[0].partition("=")[0]


# words | script | what it prints. DIR is a directory on the host.
TOGETHER = r"""
    --add-host there:10.1.2.3               | grep there /etc/hosts                        | 10.1.2.3	there
    --cap-add SYS_PTRACE | grep CapBnd /proc/self/status | CapBnd:	00000000a80c25fa
    --cap-drop CHOWN | grep CapEff /proc/self/status | CapEff:	00000000a80c25fa
    --dns 10.9.8.7                          | grep nameserver /etc/resolv.conf             | nameserver 10.9.8.7
    --dns-option ndots:3                    | grep options /etc/resolv.conf                | options ndots:3
    --dns-search example.test               | grep search /etc/resolv.conf                 | search example.test
    --domainname example.test               | cat /proc/sys/kernel/domainname              | example.test
    --env A=flag                            | echo $A                                      | flag
    --env-file DIR/env                      | echo $FROM_FILE                              | file
    --group-add staff                       | id -G                                        | 0 50
    --hostname box                          | hostname; tail -n 1 /etc/hosts               | box 127.0.0.1	box
    --init                                  | cat /proc/1/comm; test $$ = 1 \|\| echo no   | memfd:izba no
    --ipc private                           | ls /dev/shm                                  |
    --mount type=bind,src=DIR,dst=/m1,ro | cat /m1/env; (echo > /m1/new) 2>&1 \| grep -c Read-only | FROM_FILE=file 1
    --mount type=tmpfs,dst=/m2,tmpfs-size=1m | df -m /m2 \| tail -n 1 \| tr -s ' ' \| cut -d ' ' -f 2 | 1
    --mount type=volume,dst=/data           | cat /data/seed; stat -c %a /data/seed        | from the image 640
    --network none                          | ls /sys/class/net                            | lo
    --oom-score-adj 500                     | cat /proc/self/oom_score_adj                 | 500
    --platform PLATFORM                     | uname -s                                     | Linux
    --read-only | : > /file 2>&1 | sh: can't create /file: Read-only file system
    --security-opt no-new-privileges        | grep NoNewPrivs /proc/self/status            | NoNewPrivs:	1
    --shm-size 2m                           | df -m /dev/shm \| tail -n 1 \| tr -s ' ' \| cut -d ' ' -f 2 | 2
    --sysctl net.ipv4.ip_default_ttl=77     | cat /proc/sys/net/ipv4/ip_default_ttl        | 77
    --tmpfs /t:size=3m,mode=700 | df -m /t \| tail -n 1 \| tr -s ' ' \| cut -d ' ' -f 2; stat -c %a /t | 3 700
    --ulimit nofile=100:200                 | ulimit -n; ulimit -H -n                      | 100 200
    --volume DIR:/v1                        | cat /v1/env; echo new > /v1/new              | FROM_FILE=file
    --volume DIR:/v2:ro | : > /v2/new 2>&1 | sh: can't create /v2/new: Read-only file system
    --workdir /data                         | pwd; cat seed                                | /data from the image
"""

ALONE = r"""
    --attach stdout                         | echo out; echo err >&2                       | out
    --cap-add ALL                           | grep CapEff /proc/self/status                | CapEff:	ALLCAPS
    --cap-drop ALL | grep CapEff /proc/self/status | CapEff:	0000000000000000
    --cgroupns host                         | readlink /proc/self/ns/cgroup                | HOST
    --device /dev/null:/dev/none            | echo x > /dev/none; test -c /dev/none && echo ok | ok
    --entrypoint /bin/echo                  | words                                        | words
    --ipc host                              | readlink /proc/self/ns/ipc                   | HOST
    --ipc none                              | mount \| grep -c /dev/shm                    | 0
    --net none                              | ls /sys/class/net                            | lo
    --network host                          | readlink /proc/self/ns/net                   | HOST
    --pid host                              | readlink /proc/self/ns/pid                   | HOST
    --privileged | grep -E 'CapEff\|Seccomp:' /proc/self/status | CapEff:	ALLCAPS Seccomp:	UNCONFINED
    --privileged=true                       | grep -c ' /proc/sys ' /proc/mounts            | 0
    --security-opt seccomp=unconfined       | grep Seccomp: /proc/self/status              | Seccomp:	UNCONFINED
    --uts host                              | readlink /proc/self/ns/uts                   | HOST
    --user app                              | id -u; id -g; id -un; echo $HOME             | 1000 1000 app /home
    --user 1234:50                          | id -u; id -g                                 | 1234 50
    --userns host                           | id -u                                        | 0
"""

# With a single id everybody is root; who was asked for is what their environment says.
SINGLE_ID = {"--group-add staff": "0", "--user app": "0 0 root /home", "--user 1234:50": "0 0"}

# flag | the value at this path of the container's document
SETTINGS = """
    --annotation of=annotation              | HostConfig.Annotations.of                    | annotation
    --blkio-weight 300                      | HostConfig.BlkioWeight                       | 300
    --cgroup-parent below                   | HostConfig.CgroupParent                      | below
    --cidfile DIR/cid                       | Id                                           | CID
    --device-cgroup-rule 'c 1:3 rwm'        | HostConfig.DeviceCgroupRules                 | ['c 1:3 rwm']
    --expose 77                             | Config.ExposedPorts                          | {'77/tcp': {}}
    --health-cmd true                       | Config.Healthcheck.Test                      | ['CMD-SHELL', 'true']
    --health-interval 5s                    | Config.Healthcheck.Interval                  | 5000000000
    --health-on-failure stop                | HostConfig.HealthOnFailure                   | stop
    --health-retries 2                      | Config.Healthcheck.Retries                   | 2
    --health-start-interval 2s              | Config.Healthcheck.StartInterval             | 2000000000
    --health-start-period 1s                | Config.Healthcheck.StartPeriod               | 1000000000
    --health-timeout 3s                     | Config.Healthcheck.Timeout                   | 3000000000
    --label color=red                       | Config.Labels.color                          | red
    --label-file DIR/labels                 | Config.Labels.from                           | file
    --log-driver local                      | HostConfig.LogConfig.Type                    | local
    --log-opt max-size=3m                   | HostConfig.LogConfig.Config                  | {'max-size': '3m'}
    --name NAME                             | Name                                         | /NAME
    --no-host-trust                         | Config.Env                                   | ['IMAGE=busybox']
    --restart on-failure:4 | HostConfig.RestartPolicy | {'Name': 'on-failure', 'MaximumRetryCount': 4}
    --runtime native                        | HostConfig.Runtime                           | native
    --stop-timeout 4                        | Config.StopTimeout                           | 4
"""

# A limit that this kernel or this user's cgroups do not have is warned of. BLOCK is a block device, NUMBER its own.
LIMITS = r"""
    --blkio-weight-device BLOCK:400         | blkio/blkio.bfq.weight_device  io.bfq.weight    | NUMBER 400
    --cpu-period 50000                      | cpu/cpu.cfs_period_us          cpu.max          | 50000 or max 50000
    --cpu-quota 20000                       | cpu/cpu.cfs_quota_us           cpu.max          | 20000
    --cpu-shares 512                        | cpu/cpu.shares                 cpu.weight       | 512 or 20
    --cpus 1.5                              | cpu/cpu.cfs_quota_us           cpu.max          | 150000
    --cpuset-cpus 0                         | cpuset/cpuset.cpus             cpuset.cpus      | 0
    --cpuset-mems 0                         | cpuset/cpuset.mems             cpuset.mems      | 0
    --device-read-bps BLOCK:1mb | blkio/blkio.throttle.read_bps_device io.max | NUMBER 1048576 or NUMBER rbps=1048576
    --device-read-iops BLOCK:100 | blkio/blkio.throttle.read_iops_device io.max | NUMBER 100 or NUMBER * riops=100
    --device-write-bps BLOCK:1mb | blkio/blkio.throttle.write_bps_device io.max | NUMBER 1048576 or * wbps=1048576
    --device-write-iops BLOCK:100 | blkio/blkio.throttle.write_iops_device io.max | NUMBER 100 or NUMBER * wiops=100
    --memory 64m                            | memory/memory.limit_in_bytes   memory.max       | 67108864
    --memory-reservation 32m                | memory/memory.soft_limit_in_bytes memory.low    | 33554432
    --memory-swap 128m --memory 64m | memory/memory.memsw.limit_in_bytes memory.swap.max | 134217728 or 67108864
    --memory-swappiness 10                  | memory/memory.swappiness       -                | 10
    --oom-kill-disable --memory 64m         | memory/memory.oom_control      -                | oom_kill_disable 1
    --pids-limit 77                         | pids/pids.max                  pids.max         | 77
"""

ELSEWHERE = {
    "--bootstrap": "bootstrap/test_real_images.py: test_run_and_build_bootstrap_when_they_are_told_to",
    "--detach-keys": "containers/test_streams.py: test_detach_keys_leave_it_running_and_attach_comes_back",
    "--ip": "network/test_networks.py: test_a_static_address_is_given",
    "--mac-address": "network/test_networks.py: test_a_static_address_is_given",
    "--network-alias": "network/test_networks.py: test_containers_find_each_other_by_name_alias_and_id",
    "--publish": "network/test_published_ports.py: test_a_published_port_is_reached_by_ipv4_and_ipv6",
    "--publish-all": "network/test_every_mode.py: test_all_exposed_ports_are_published",
    "--tty": "containers/test_streams.py: test_run_on_a_terminal_has_its_size_and_its_exit_code",
    "--volumes-from": "containers/test_volumes.py: "
    "test_volumes_from_lends_mounts_and_an_anonymous_volume_goes_with_its_last_user",
}
HERE = {
    *("--detach", "--interactive", "--name", "--no-healthcheck", "--pull", "--quiet", "--rm", "--sig-proxy"),
    "--stop-signal",
}


def _rows(table: str) -> Iterator[Row]:
    for line in table.strip("\n").splitlines():
        words, script, expected = (part.strip() for part in line.replace(r"\|", "\0").split("|"))
        yield Row(words, script.replace("\0", "|"), expected.replace("\0", "|"))


@pytest.fixture(params=["root", "range", "single"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def somebody(mode: str, request: pytest.FixtureRequest) -> Iterator[Izba]:
    one: Izba = request.getfixturevalue(f"{mode}_izba")
    yield one
    one.clean()


@pytest.fixture
def directory(somebody: Izba) -> Iterator[Path]:
    path = somebody.root.parent / "flags"
    path.mkdir()
    (path / "env").write_text("FROM_FILE=file\n")
    (path / "labels").write_text("from=file\n")
    if somebody.user:
        os.chown(path, somebody.user.uid, somebody.user.gid)
    yield path
    for each in path.iterdir():
        each.unlink()
    path.rmdir()


def test_every_flag_that_shares_a_container(somebody: Izba, mode: str, directory: Path) -> None:
    rows = list(_rows(TOGETHER))
    words = [
        word.replace("DIR", str(directory)).replace("PLATFORM", "linux/amd64")
        for row in rows
        for word in shlex.split(row.words)
    ]
    script = "".join(f"echo; echo '== {number}'; ({row.script}) 2>&1\n" for number, row in enumerate(rows))

    out = somebody.ok("run", "--rm", *words, "busybox", "sh", "-c", script)

    said = [part.partition("\n")[2].strip().replace("\n", " ") for part in out.split("== ")[1:]]
    expected = {row.words: row.expected for row in rows}
    if mode == "single":
        expected |= {words: SINGLE_ID[words] for words in expected if words in SINGLE_ID}
    assert {row.words: one for row, one in zip(rows, said, strict=True)} == expected
    assert (directory / "new").read_text() == "new\n"


def test_every_flag_that_wants_a_container_of_its_own(somebody: Izba, mode: str) -> None:
    # With a single id there is a filter all the same, which answers changes of owner and identity with success.
    unconfined = "2" if mode == "single" else _own("Seccomp")
    known = {"ALLCAPS": _capabilities(somebody), "UNCONFINED": unconfined}
    got, expected = {}, {}
    for row in _rows(ALONE):
        command = [row.script] if row.flag == "--entrypoint" else ["sh", "-c", row.script]
        network = [] if row.flag in {"--net", "--network"} else ["--network", "none"]
        done = somebody("run", "--rm", *network, *shlex.split(row.words), "busybox", *command)
        got[row.words] = (done.stdout + done.stderr).strip().replace("\n", " ")
        expected[row.words] = row.expected
        if row.expected == "HOST":
            expected[row.words] = os.readlink(row.script.split()[1])
        for word, value in known.items():
            expected[row.words] = expected[row.words].replace(word, value)
        if mode == "single":
            expected[row.words] = SINGLE_ID.get(row.words, expected[row.words])

    assert got == expected


def test_every_flag_that_settles_what_inspect_shows(somebody: Izba, directory: Path) -> None:
    rows, name = list(_rows(SETTINGS)), somebody.name()
    words = [
        word.replace("DIR", str(directory)).replace("NAME", name) for row in rows for word in shlex.split(row.words)
    ]

    id = somebody.ok("create", "--network", "none", *words, "busybox", "true")

    document = somebody.inspect(name)
    known = {"CID": id, "/NAME": f"/{name}"}
    expected = {row.words: known.get(row.expected, row.expected) for row in rows}
    assert {row.words: str(_at(document, row.script)) for row in rows} == expected
    assert (directory / "cid").read_text() == id


def test_every_limit_is_set_or_warned_of(somebody: Izba) -> None:
    block = next((path for path in sorted(Path("/dev").iterdir()) if path.is_block_device()), None)
    number = f"{os.major(block.stat().st_rdev)}:{os.minor(block.stat().st_rdev)}" if block else ""
    for row in _rows(LIMITS):
        if "BLOCK" in row.words and block is None:
            continue
        words = row.words.replace("BLOCK", str(block)).split()
        paths = " ".join(f"/sys/fs/cgroup/{file}" for file in row.script.split())

        done = somebody("run", "--rm", "--network", "none", *words, "busybox", "sh", "-c", f"cat {paths}")

        said = " ".join(done.stdout.split())
        is_set = any(fnmatch(said, f"{each.replace('NUMBER', number)}*") for each in row.expected.split(" or "))
        may_lack = somebody.user is not None or "is left out" in done.stderr
        assert is_set or (may_lack and "warning: " in done.stderr), (row.words, done)


def test_the_flags_of_a_run_itself(somebody: Izba, directory: Path) -> None:
    kept, gone, unwatched = somebody.name(), somebody.name(), somebody.name()

    id = somebody.ok("run", "--detach", "--name", kept, "--network", "none", "--stop-signal", "USR1", "busybox",
                     "sh", "-c", "trap 'echo got; exit 7' USR1; echo up; while :; do sleep 0.05; done")  # fmt: skip
    eventually(lambda: somebody.ok("logs", kept) == "up")
    somebody.ok("stop", kept)
    typed = somebody(
        "run", "--rm", "--interactive", "--name", gone, "--network", "none", "busybox", "cat", input="typed\n"
    )

    somebody.ok("create", "--name", unwatched, "--no-healthcheck", "--network", "none", "busybox")

    assert somebody.inspect(unwatched)["Config"]["Healthcheck"] == {"Test": ["NONE"]}
    assert somebody.inspect(id)["Name"] == f"/{kept}"
    assert (somebody.ok("logs", kept), somebody.state(kept)["ExitCode"]) == ("up\ngot", 7)
    assert typed.stdout == "typed\n"
    assert gone not in somebody.ok("ps", "-a", "--format", "{{.Names}}").split()


def test_a_signal_is_not_passed_on_where_it_is_not_wanted(somebody: Izba) -> None:
    name = somebody.name()
    script = "trap 'echo got' TERM; echo up; while :; do sleep 0.05; done"
    words = ("run", "--sig-proxy=false", "--name", name, "--network", "none", "busybox", "sh", "-c", script)
    with somebody.popen(*words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"

        process.send_signal(signal.SIGTERM)

        assert process.wait(60) != 0
    assert somebody.state(name)["Running"] is True
    assert somebody.ok("logs", name) == "up"


def test_when_an_image_is_pulled_and_what_is_said_about_it(somebody: Izba) -> None:
    here, nowhere = "127.0.0.1:1/here", "127.0.0.1:1/nowhere"  # nobody listens there
    somebody.ok("tag", "busybox", here)
    common = ("run", "--rm", "--network", "none")

    assert somebody.ok(*common, "--pull", "missing", here, "echo", "ran") == "ran"
    assert somebody(*common, "--pull", "always", here, "echo", "ran").returncode == 125
    never, missing = (somebody(*common, "--pull", policy, nowhere, "true") for policy in ("never", "missing"))
    quiet = somebody(*common, "--quiet", nowhere, "true")

    somebody.ok("rmi", here)
    assert (never.returncode, missing.returncode, quiet.returncode) == (125, 125, 125)
    assert "connect" not in never.stderr
    assert "Unable to find image" in missing.stderr
    assert "Unable to find image" not in quiet.stderr


def _at(document: object, path: str) -> object:
    for name in path.split("."):
        document = document[name]  # type: ignore[index]
    return document


def _own(field: str) -> str:
    """A field of /proc/self/status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{field}:"))


def _capabilities(izba: Izba) -> str:
    if izba.user:
        return f"{(1 << int(Path('/proc/sys/kernel/cap_last_cap').read_text()) + 1) - 1:016x}"
    return _own("CapEff")


def test_no_flag_is_left_out() -> None:
    tried = {row.flag for table in (TOGETHER, ALONE, SETTINGS, LIMITS) for row in _rows(table)} | HERE
    names = {f"--{flag.name}" for flag in COMMAND.flags if not flag.hidden}

    assert names - tried - set(ELSEWHERE) == set(), "they need a row"
    assert set(ELSEWHERE) <= names
    for where in ELSEWHERE.values():
        file, _, test = where.partition(": ")
        assert f"def {test}(" in (Path(__file__).parents[1] / file).read_text(), where
