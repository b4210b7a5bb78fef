"""The same command lines for izba and for the real docker on a dockerd of our own: output and exit codes are compared.

Both go through the script at the same time, each in order. Ids, times and pids are not compared, and of what goes to
stderr only whether there was any: izba has its own sentences there, with hints.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from izba.linux.mount import umount

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.peer("dockerd", "docker", "busybox")]

RUN = "run --rm --network none"
SCRIPT = [
    line.strip()
    for line in f"""
    import -c 'CMD ["sh"]' -c 'ENV IMAGE=busybox' -c 'LABEL of=image' ARCHIVE busybox
    images
    images --digests --format 'table {{{{.Repository}}}}\\t{{{{.Tag}}}}\\t{{{{.Digest}}}}\\t{{{{.ID}}}}'
    images -f dangling=true -q
    tag busybox two:x
    images two --format '{{{{.Repository}}}}:{{{{.Tag}}}}'
    image inspect two:x --format '{{{{.RepoTags}}}} {{{{.Os}}}} {{{{json .Config.Cmd}}}} {{{{.RootFS.Type}}}}'
    rmi two:x
    history --format '{{{{.CreatedBy}}}}|{{{{.CreatedSince}}}}' busybox
    run -d --name first --network none busybox sleep 600
    run --name second --network none busybox sh -c 'echo to stdout; exit 3'
    create --name third --network none busybox true
    ps -a
    ps -a --no-trunc
    ps -aq --no-trunc
    ps -as --format '{{{{.Names}}}} {{{{.Size}}}}' --filter name=nobody
    ps -a --filter exited=3 --format '{{{{.Names}}}}\\t{{{{.Command}}}}\\t{{{{.Networks}}}}\\t{{{{.LocalVolumes}}}}'
    ps -n 1 --format '{{{{.Names}}}}'
    ps -f foo=bar
    ps foo
    logs second
    logs --tail 0 second
    logs --since nonsense second
    wait second
    inspect --format '{{{{json .State.ExitCode}}}} {{{{.Path}}}} {{{{json .Args}}}} {{{{.Platform}}}}' second
    inspect --format '{{{{json .Config}}}}' third
    inspect --type nonsense first
    inspect nobody
    inspect --size --format '{{{{.SizeRw}}}}' third
    pause first
    exec first true
    unpause first
    unpause first
    top first -o pid,comm
    exec first sh -c 'echo x > /data/new; rm /data/seed; mkdir /data/d'
    diff first
    exec -e A=1 -w /data -u app first sh -c 'echo $A $PWD; id'
    exec first sh -c 'exit 7'
    exec first /etc/not-executable
    exec -u nobody-knows first true
    exec -w /nowhere first true
    exec nobody true
    exec second true
    exec first
    cp nobody:/x /tmp/x
    cp first:/x third:/x
    update --memory 64m --memory-swap 128m first
    update first
    update --restart nonsense first
    stats --no-stream --format '{{{{.Name}}}} {{{{.PIDs}}}}' first
    kill -s NONSENSE first
    kill second
    rename second renamed
    rename renamed first
    attach renamed
    stop -t 0 first
    start first
    start -a third
    restart -t 0 first
    commit -m message -a me -c 'ENV X=1' renamed made:1
    image inspect made:1 --format '{{{{.Author}}}} {{{{.Comment}}}} {{{{json .Config.Env}}}}'
    create --name first busybox
    create -p bad:x:y:z busybox
    create --memory 1x busybox
    create -e =x busybox
    create --add-host x busybox
    create --nonsense busybox
    rm first
    rm -f first renamed third
    rm nobody
    container prune -f
    {RUN} busybox nonsense
    {RUN} busybox /etc/not-executable
    {RUN} busybox sh -c 'kill -9 $$'
    {RUN} -u app --group-add staff --group-add 77 busybox id
    {RUN} -e A -e B=2 --entrypoint env busybox
    {RUN} --hostname h busybox hostname
    {RUN} --memory 64m --memory-reservation 32m busybox cat /sys/fs/cgroup/memory/memory.soft_limit_in_bytes
    {RUN} --cpus 0.5 --cpu-shares 512 busybox cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.shares
    {RUN} --ulimit nofile=100:200 --shm-size 8m busybox sh -c 'ulimit -n; ulimit -Hn; df -k /dev/shm'
    {RUN} --oom-kill-disable -m 64m busybox grep oom_kill_disable /sys/fs/cgroup/memory/memory.oom_control
    {RUN} --sysctl net.ipv4.ip_forward=1 busybox cat /proc/sys/net/ipv4/ip_forward
    {RUN} --oom-score-adj 500 busybox cat /proc/1/oom_score_adj
    {RUN} --device /dev/zero:/dev/nought:r --device-cgroup-rule 'c 1:7 r' busybox stat -c %n:%t:%T /dev/nought
    {RUN} --cap-drop all --cap-add chown --security-opt no-new-privileges busybox grep -E 'Cap|NoNew' /proc/self/status
    {RUN} --read-only --tmpfs /t:size=1m,mode=700 busybox sh -c 'touch /t/x && stat -c %a /t; touch /x'
    {RUN} --uts host --hostname h busybox true
    {RUN} --pid nonsense busybox true
    {RUN} --isolation default --log-driver none busybox echo x
    {RUN} --restart always busybox true
    {RUN} --nonsense busybox
    run
    volume create kept
    volume create --label a=b --label c labelled
    volume create x
    volume create bad/name
    volume create -o nonsense=1 refused
    volume ls --format '{{{{.Name}}}} {{{{.Driver}}}} {{{{.Scope}}}} {{{{.Label "a"}}}}' -f name=lab -f label=a
    volume ls --format json -f label=a | sed 's/"Labels":"[^"]*"//; s/"Mountpoint":"[^"]*"//'
    volume ls --format 'table {{{{.Name}}}}\\t{{{{.Status}}}}\\t{{{{.Label "a"}}}}' -f label=a
    volume ls --format '{{{{.Nope}}}}'
    volume ls -q --format '{{{{.Driver}}}}' -f label=a
    volume ls -q -f label=a -f label=c
    volume ls -q -f label=a=c
    volume ls -f 'name=['
    volume ls -f dangling
    volume ls -f dangling=nonsense
    volume ls -f nonsense=1
    volume inspect --format '{{{{.Name}}}} {{{{json .Labels}}}} {{{{json .Options}}}} {{{{.Scope}}}}' labelled kept
    volume inspect --format '{{{{index .Labels "a"}}}}|{{{{.Labels.a}}}}|{{{{len .Options}}}}' labelled kept
    volume inspect kept nowhere | grep -v Mountpoint
    volume inspect nowhere nothing
    volume inspect ''
    volume inspect
    volume create a b
    volume create -- -x
    volume create --label =x refused
    volume create --label only=one -o type=none -o o=bind -o device=/nowhere bound
    volume ls --format '{{{{.Labels}}}}' -f name=bound
    volume inspect --format '{{{{json .Options}}}}' bound
    volume rm bound ''
    volume rm
    volume prune x
    volume prune -f --filter nonsense=1
    volume prune -f --filter label=nonsense
    create --name mounts -v kept:/k -v /mine -v /etc:/e:ro --tmpfs /t --mount type=volume,src=labelled,dst=/l,ro busybox
    inspect --format '{{{{len .Mounts}}}} {{{{len .HostConfig.Binds}}}} {{{{json .HostConfig.Tmpfs}}}}' mounts
    inspect --format '{{{{json .Config.Volumes}}}} {{{{json .HostConfig.VolumesFrom}}}}' mounts
    inspect --format '{{{{range .Mounts}}}}{{{{.Driver}}}}|{{{{.Destination}}}} {{{{end}}}}' mounts | xargs -n1 | sort
    ps -a --filter volume=kept --format '{{{{.Names}}}} {{{{.LocalVolumes}}}}'
    ps -a --filter volume=/l --format '{{{{.Names}}}}'
    volume rm kept
    volume rm -f kept
    volume ls -q -f dangling=false | wc -l
    {RUN} --volumes-from mounts busybox sh -c 'ls -d /k /e /l /mine /t; touch /l/x; echo lent >/mine/x'
    {RUN} --volumes-from mounts:ro busybox sh -c 'cat /mine/x; touch /mine/y'
    {RUN} --volumes-from mounts:nonsense busybox true
    {RUN} --volumes-from nobody busybox true
    rm -v mounts
    volume ls -q -f dangling=true | sort
    volume rm nowhere kept labelled
    volume rm -f nowhere
    {RUN} -v full:/data -v /anonymous busybox sh -c 'stat -c %u:%a /data; ls /data; touch /data/x'
    {RUN} -v full:/data -v empty:/data:nocopy busybox true
    {RUN} -v full:/data:ro busybox sh -c 'ls /data; touch /data/y'
    {RUN} -v empty:/data:nocopy busybox ls -a /data
    {RUN} -v full:/data:ro,rw busybox true
    {RUN} -v full:/data:nonsense busybox true
    {RUN} -v /etc:/e:nocopy busybox true
    {RUN} -v full:relative busybox true
    {RUN} --mount type=volume,dst=/v,bind-propagation=rslave busybox true
    {RUN} --mount type=bind,src=/nowhere,dst=/v busybox true
    {RUN} --mount type=tmpfs,src=/nowhere,dst=/v busybox true
    {RUN} -u app --tmpfs /new --tmpfs /data busybox stat -c %a /new /data
    volume ls -q
    save nobody
    load -i /nowhere
    export nobody
    rmi nobody
    image prune -f --filter nonsense=1
    """.strip().splitlines()
]
CHANGED_SINCE = {
    # What Docker 20.10 says is not what later ones say, and izba is with these.
    "exec first /etc/not-executable": "the sentence is not on stdout any more",
    "exec -u nobody-knows first true": "the sentence is not on stdout any more",
    "exec -w /nowhere first true": "the sentence is not on stdout any more",
}


@dataclass
class Said:
    code: int
    stdout: str
    has_stderr: bool


@pytest.fixture(scope="module")
def said(busybox_archive: Path) -> Iterator[Callable[[str], tuple[Said, Said]]]:
    """What docker and izba said to each line of the script."""
    with tempfile.TemporaryDirectory(prefix="izba-beside-") as home:
        daemon = _dockerd(Path(home))
        docker = [shutil.which("docker") or "docker", "-H", f"unix://{home}/sock"]
        izba = [sys.executable, "-m", "izba", "--root", f"{home}/izba"]
        try:
            with ThreadPoolExecutor(2) as both:
                theirs, ours = both.map(lambda base: _play(base, busybox_archive), (docker, izba))
            yield lambda line: (theirs[line], ours[line])
        finally:
            for base in (docker, izba):
                left = subprocess.run([*base, "ps", "-aq"], capture_output=True, text=True, check=False).stdout.split()
                if left:
                    subprocess.run([*base, "rm", "-f", *left], capture_output=True, check=False)
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(120)
            for left_mount in Path(home, "exec/netns").glob("*"):
                umount(str(left_mount))


def _dockerd(home: Path) -> subprocess.Popen[bytes]:
    paths = ["--data-root", f"{home}/data", "--exec-root", f"{home}/exec", "--pidfile", f"{home}/pid"]
    quiet = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--storage-driver=overlay2"]
    with (home / "log").open("wb") as log:
        daemon = subprocess.Popen(["dockerd", *paths, *quiet, "-H", f"unix://{home}/sock"], stdout=log, stderr=log)
    deadline = time.monotonic() + 60
    while not (home / "sock").exists():
        assert daemon.poll() is None, (home / "log").read_text()[-2000:]
        assert time.monotonic() < deadline, "dockerd does not begin"
        time.sleep(0.05)
    return daemon


def _play(base: list[str], archive: Path) -> dict[str, Said]:
    said = {}
    for line in SCRIPT:
        words = f'"$@" {line.replace("ARCHIVE", str(archive))}'
        done = subprocess.run(
            ["sh", "-c", words, "sh", *base],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
            check=False,
        )
        said[line] = Said(done.returncode, _settled(done.stdout), bool(done.stderr))
    return said


def _settled(text: str) -> str:
    """Without what differs from one run to the next: ids, times, pids, and with them the widths of columns."""
    text = re.sub(r"sha256:[0-9a-f]{12,64}|\b[0-9a-f]{64}\b|\b[0-9a-f]{12}\b", "ID", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", "TIME", text)
    text = re.sub(r"(\d+|Less than a|About an?) (second|minute)s?( ago)?", "TIME", text)
    text = re.sub(r"(?m)^\d+ +(?=sleep$)", "PID ", text)
    text = re.sub(r"\b\d\.\d+[MkG]?B\b", "SIZE", text)
    return re.sub(r" +", " ", text)


def _ordered(line: str, text: str) -> list[str]:
    """Its lines; Docker lists what changed in the order in which the file system happens to have it."""
    lines = text.splitlines()
    return sorted(lines) if line.startswith("diff ") else lines


@pytest.mark.parametrize("line", SCRIPT)
def test_output_and_exit_code_are_dockers(said: Callable[[str], tuple[Said, Said]], line: str) -> None:
    theirs, ours = said(line)

    assert ours.code == theirs.code
    if line not in CHANGED_SINCE:
        assert _ordered(line, ours.stdout) == _ordered(line, theirs.stdout)
        assert ours.has_stderr == theirs.has_stderr
