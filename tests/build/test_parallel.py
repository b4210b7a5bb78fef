"""Stages at the same time, failures among them, and processes that are killed in the middle."""

from __future__ import annotations

import hashlib
import io
import os
import pty
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from izba.build.progress import Canceled, Failed
from izba.engine.builds import StepFailed
from tests.build.builder import Builder
from tests.containers.conftest import eventually
from tests.containers.test_kills import MARK, marked

pytestmark = pytest.mark.root


def test_independent_stages_run_at_the_same_time(fresh: Builder) -> None:
    """Each waits for the other through a cache mount that they share."""
    step = (
        "RUN --mount=type=cache,id=meet,target=/m touch /m/{me}; "
        "for i in $(seq 600); do test -e /m/{other} && exit 0; sleep 0.1; done; exit 1"
    )
    done = fresh(
        f"FROM busybox AS a\n{step.format(me='a', other='b')}\nRUN echo a > /f\n"
        f"FROM busybox AS b\n{step.format(me='b', other='a')}\nRUN echo b > /f\n"
        "FROM scratch\nCOPY --from=a /f /a\nCOPY --from=b /f /b\n"
    )

    assert (done.read("a"), done.read("b")) == ("a\n", "b\n")


def test_a_cache_that_many_steps_begin_at_once_is_one(fresh: Builder) -> None:
    stages = "".join(
        f"FROM busybox AS s{number}\nRUN --mount=type=cache,id=new,target=/m touch /m/{number} && touch /{number}\n"
        for number in range(12)
    )
    done = fresh(
        f"{stages}FROM busybox\n"
        + "".join(f"COPY --from=s{number} /{number} /made/\n" for number in range(12))
        + "RUN --mount=type=cache,id=new,target=/m ls /m | wc -l > /count\n"
    )

    assert done.read("count").strip() == "12"


def test_a_stage_that_two_others_need_is_made_once(fresh: Builder) -> None:
    done = fresh(
        "FROM busybox AS base\nRUN --mount=type=cache,target=/c echo x >> /c/log && wc -l < /c/log > /count\n"
        "FROM base AS a\nRUN echo a > /a\nFROM base AS b\nRUN echo b > /b\n"
        "FROM scratch\nCOPY --from=a /a /count /\nCOPY --from=b /b /\n"
    )

    assert done.read("count").strip() == "1"
    assert len([step for step in done.executed if "wc -l" in step]) == 1


def test_equal_instructions_in_two_stages_are_one_step(fresh: Builder) -> None:
    text = "RUN --mount=type=cache,target=/c echo x >> /c/log && wc -l < /c/log > /n\n"
    done = fresh(
        f"FROM busybox AS a\n{text}FROM busybox AS b\n{text}FROM scratch\nCOPY --from=a /n /a\nCOPY --from=b /n /b\n"
    )

    assert (done.read("a"), done.read("b")) == ("1\n", "1\n")


def test_a_failure_ends_the_others_and_is_what_is_told(fresh: Builder) -> None:
    context = fresh.context(
        "FROM busybox AS slow\nRUN sleep 60\nFROM busybox AS bad\nRUN sleep 1.5; exit 7\n"
        "FROM scratch\nCOPY --from=slow /x /\nCOPY --from=bad /x /\n"
    )
    events: list[object] = []
    began = time.monotonic()

    with pytest.raises(StepFailed, match="exit code: 7"):
        from izba.build.options import Options
        from izba.engine.builds import BuildRequest, build

        build(fresh.engine, BuildRequest(context=str(context), options=Options()), events.append)

    assert time.monotonic() - began < 20
    assert any(isinstance(event, Failed) for event in events)
    assert any(isinstance(event, Canceled) for event in events)


def _izba(root: Path, *args: str) -> list[str]:
    return [sys.executable, "-m", "izba", "--root", str(root), *args]


def _start(root: Path, *args: str, mark: str = "", **options: object) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": "src", MARK: mark}
    return subprocess.Popen(_izba(root, *args), env=environment, **options)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("delay", [0.1, 0.25, 0.4, 0.7, 1.0, 1.4])
def test_a_killed_build_leaves_a_store_that_is_whole(fresh: Builder, delay: float) -> None:
    context = fresh.context(
        "FROM busybox AS a\nRUN seq 20000 > /big && sleep 0.2\nCOPY d /d\n"
        "FROM busybox\nRUN --mount=type=cache,target=/c sleep 0.3; mkdir -p /x/y && cp /bin/busybox /x/y/\n"
        "COPY --from=a /big /big\nCOPY --link d /l\nRUN --mount=target=/ctx sleep 0.2; ls /ctx > /list\n",
        {f"d/{number}": "x" * 1000 for number in range(500)},
    )
    root = Path(fresh.engine.roots.data)
    mark = uuid.uuid4().hex
    silent = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = _start(root, "build", "--progress", "quiet", str(context), mark=mark, **silent)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    eventually(lambda: marked(mark) == [])  # its children go with it, but a moment later

    done = fresh.build(context)
    fresh(f"FROM busybox\nRUN echo {delay}\n")
    store = fresh.engine.store
    store.collect()

    assert done.read("big").endswith("20000\n")
    assert store.check(verify=True) == []
    assert os.listdir(root / "build/work") == []


def test_an_interrupted_build_says_so_and_ends_its_commands(fresh: Builder) -> None:
    words = f"sleep 97.{os.getpid()}"
    context = fresh.context(f"FROM busybox\nRUN echo begun; {words}\n")
    process = _start(Path(fresh.engine.roots.data), "build", str(context), stderr=subprocess.PIPE)
    assert process.stderr is not None
    for line in process.stderr:
        if b" begun" in line and b"RUN" not in line:
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)

    assert process.returncode == 130
    # They are killed with the first process of their namespace, each when its turn comes.
    eventually(lambda: not subprocess.run(["pgrep", "-f", f"^{words}$"], check=False, capture_output=True).stdout)


def test_ctrl_c_cancels_what_runs_and_nothing_is_told_to_have_failed(fresh: Builder) -> None:
    context = fresh.context("FROM busybox\nRUN echo begun; sleep 98\n")
    command = _izba(Path(fresh.engine.roots.data), "build", "--progress", "plain", str(context))
    # The terminal's session has to outlast the build: its end takes along what was not read yet.
    session = ["setsid", "--ctty", "sh", "-c", 'trap : INT; "$@"; echo exit code $? >&2; read _', "sh"]
    master, slave = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": "src"}
    with subprocess.Popen([*session, *command], stdin=slave, stderr=slave, env=environment):
        os.close(slave)
        _read_until(master, b" begun\r\n")
        os.write(master, b"\x03")
        shown = _read_until(master, b"exit code ")
        os.write(master, b"\n")
    os.close(master)

    assert b" CANCELED\r\n" in shown
    assert shown.endswith(b"exit code 130\r\n")
    assert b"ERROR" not in shown.upper()
    assert subprocess.run(["pgrep", "-f", "^sleep 98$"], check=False, capture_output=True).stdout == b""


def _read_until(terminal: int, text: bytes) -> bytes:
    """What a terminal shows, to the end of the line with `text`."""
    shown = b""
    while text not in shown or not shown.endswith(b"\n"):
        shown += os.read(terminal, 65536)
    return shown


def test_two_builds_at_once_do_not_disturb_each_other(fresh: Builder) -> None:
    context = fresh.context("FROM busybox\nRUN sleep 0.3; echo x > /x\nCOPY f /f\n", {"f": "f"})
    root = Path(fresh.engine.roots.data)

    processes = [
        _start(root, "build", "-q", "-t", f"t{number}", str(context), stdout=subprocess.PIPE) for number in range(3)
    ]
    outputs = [process.communicate(timeout=120)[0] for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert all(output.startswith(b"sha256:") for output in outputs)
    assert fresh.engine.store.check() == []


def test_several_builds_at_once_in_a_process_that_has_threads(fresh: Builder) -> None:
    """As Compose builds: the same engine, some builds of one context, all with commands to run."""
    shared = fresh.context("FROM busybox\nCOPY . /c\nRUN cat /c/f > /copied; sleep 0.2\n", {"f": "shared"})
    own = [fresh.context(f"FROM busybox\nRUN echo {n} > /n; sleep 0.2\nCOPY f /\n", {"f": f"{n}"}) for n in range(3)]
    over = threading.Event()
    others = [threading.Thread(target=_be_busy, args=(over,), daemon=True) for _ in range(3)]
    for thread in others:
        thread.start()

    with ThreadPoolExecutor(5) as pool:
        done = list(pool.map(lambda context: fresh.build(context, tags=("mine",)), [shared, *own, shared]))
        again = list(pool.map(fresh.build, [shared, *own, shared] * 3))
    over.set()
    for thread in others:
        thread.join()

    assert [each.read("n") for each in done[1:4]] == ["0\n", "1\n", "2\n"]
    assert done[0].read("copied") == done[4].read("copied") == "shared"
    assert [each.image.id for each in again] == [each.image.id for each in done] * 3
    assert all(each.executed == [] for each in again)
    assert fresh.engine.store.check(verify=True) == []


def _be_busy(over: threading.Event) -> None:
    """Hold the locks that a forked child would find held: of the allocator, of buffers, of imports."""
    while not over.is_set():
        io.TextIOWrapper(io.BytesIO()).write("x" * 1000)
        hashlib.sha256(bytes(1 << 16)).hexdigest()
        time.sleep(0.001)


def test_the_same_inputs_give_the_same_layers_in_another_store(
    new_store: Callable[[], Builder], tmp_path: Path
) -> None:
    text = (
        "FROM busybox AS make\nWORKDIR /src\nCOPY . .\n"
        "RUN mkdir out && cat a.txt sub/b.txt > out/c && touch out/d && ln out/c out/e\n"
        "FROM busybox\nENV X=1\nRUN echo $(ls /bin | wc -l) > /count; date > /dev/null\n"
        "COPY --from=make /src/out /out\nCOPY --link --chmod=u=rwX sub /sub\nADD <<EOF /here\ndoc\nEOF\n"
        "WORKDIR /made/by\n"
    )
    files = {"a.txt": "a", "sub/b.txt": "b"}
    results = []
    for age in (10_000, 20_000):
        builder = new_store()
        context = builder.context(text, files)
        for path in context.rglob("*"):
            os.utime(path, (age, age))
        results.append(builder.build(context, no_cache=True))
        time.sleep(1.1)

    assert results[0].layers == results[1].layers
    assert len(results[0].layers) == 6
