"""`izba build` and `izba builder` as people type them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.build.builder import Builder

pytestmark = pytest.mark.root


def izba(builder: Builder, *args: str, **options: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path("src").absolute())}
    command = [sys.executable, "-m", "izba", "--root", builder.engine.roots.data, *args]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload, no-any-return]


def test_plain_progress_is_told_on_stderr_and_nothing_on_stdout(build: Builder) -> None:
    context = build.context("FROM busybox\nRUN echo said-$V\n", {})

    done = izba(build, "build", "-t", "plain:v1", "--label", "a=b", str(context))

    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "#1 [internal] load build definition from Dockerfile\n#1 DONE" in done.stderr
    assert "[2/2] RUN echo said-$V" in done.stderr
    assert " said-\n" in done.stderr


def test_quiet_prints_the_id_and_files_get_the_results(build: Builder, tmp_path: Path) -> None:
    context = build.context("FROM busybox\nLABEL q=1\n")
    iid, metadata = tmp_path / "iid", tmp_path / "metadata"

    done = izba(
        build,
        "build",
        "-q",
        "--iidfile",
        str(iid),
        "--metadata-file",
        str(metadata),
        "-t",
        "q",
        "-t",
        "r:2",
        str(context),
    )

    id = done.stdout.strip()
    assert done.stderr == ""
    assert id.startswith("sha256:")
    assert iid.read_text() == id
    told = json.loads(metadata.read_text())
    assert told["containerimage.config.digest"] == id
    assert told["image.name"] == "docker.io/library/q:latest,docker.io/library/r:2"


@pytest.mark.parametrize("start", [["-m", "izba"], ["scripts/izba"]])
def test_in_any_locale_names_and_texts_are_utf8(build: Builder, start: list[str]) -> None:
    text = "FROM busybox\nCOPY <<ü /dir/ü\nwörd\nü\nRUN echo ünï > /ä\nLABEL of=Ö\n"
    context = build.context(text, {"ß": ""})
    of_utf8 = build.build(context).image
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

    done = subprocess.run(
        [sys.executable, *start, "--root", build.engine.roots.data, "build", "--no-cache", "-t", "ünicode", context],
        env={**os.environ, "PYTHONPATH": "src", **ascii_only},
        capture_output=True,
        check=False,
    )
    assert b"invalid reference" in done.stderr
    assert "ünicode".encode() in done.stderr
    done = subprocess.run(
        [sys.executable, *start, "--root", build.engine.roots.data, "build", "--no-cache", "-q", context],
        env={**os.environ, "PYTHONPATH": "src", **ascii_only},
        capture_output=True,
        check=True,
    )

    image = build.engine.images.require(done.stdout.decode().strip())
    assert image.config["rootfs"] == of_utf8.config["rootfs"]
    assert image.config["config"]["Labels"] == {"of": "Ö"}


def test_an_error_shows_the_place_the_last_words_and_exits_with_1(build: Builder) -> None:
    context = build.context("FROM busybox\n# why\nRUN echo last words; exit 9\n")

    done = izba(build, "build", str(context))

    assert done.returncode == 1
    assert done.stderr.endswith(
        "------\n > last words\n------\n"
        'error: Dockerfile:3: process "/bin/sh -c echo last words; exit 9" did not complete successfully: '
        "exit code: 9\n"
        "  1 |     FROM busybox\n"
        "  2 |     # why\n"
        "  3 | >>> RUN echo last words; exit 9\n"
    )


def test_build_args_and_secrets_come_from_the_environment(
    build: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FROM_ENV", "value")
    monkeypatch.delenv("UNSET", raising=False)
    (tmp_path / "s").write_text("file-secret")
    context = build.context(
        "FROM busybox\nARG FROM_ENV=d\nARG UNSET=default\nRUN echo [$FROM_ENV] [$UNSET]\n"
        "RUN --mount=type=secret,id=FROM_ENV --mount=type=secret,id=s wc -c /run/secrets/FROM_ENV /run/secrets/s\n"
    )

    done = izba(
        build,
        *("build", "--build-arg", "FROM_ENV", "--build-arg", "UNSET"),
        *("--secret", "id=FROM_ENV", "--secret", f"id=s,src={tmp_path}/s", str(context)),
    )

    assert "[value] [default]" in done.stderr
    assert " 5 /run/secrets/FROM_ENV" in done.stderr
    assert " 11 /run/secrets/s" in done.stderr


def test_a_dockerfile_comes_on_stdin(build: Builder) -> None:
    done = izba(build, "build", "-", input="FROM busybox\nRUN echo from-stdin\n")
    assert " from-stdin\n" in done.stderr


def test_a_tar_goes_to_stdout(build: Builder) -> None:
    context = build.context("FROM scratch\nCOPY f /f\n", {"f": "x"})
    environment = {**os.environ, "PYTHONPATH": "src"}
    command = [sys.executable, "-m", "izba", "--root", build.engine.roots.data, "build", "-o", "-", str(context)]

    built = subprocess.run(command, env=environment, capture_output=True, check=True)
    listed = subprocess.run(["tar", "-t"], input=built.stdout, capture_output=True, check=True)

    assert b"f\n" in listed.stdout


def test_a_terminal_gets_a_view_that_moves(build: Builder) -> None:
    context = build.context("FROM busybox\nRUN echo viewed\n")
    master, slave = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": "src", "TERM": "xterm"}
    command = [sys.executable, "-m", "izba", "--root", build.engine.roots.data, "build", str(context)]
    process = subprocess.Popen(command, env=environment, stderr=slave, stdout=slave)
    os.close(slave)
    seen = b""
    try:
        while data := os.read(master, 65536):
            seen += data
    except OSError:  # the other side is closed
        pass
    os.close(master)

    assert process.wait() == 0
    assert b"\x1b[" in seen
    assert b"RUN echo viewed" in seen


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--platform=linux/amd64,linux/arm 64", "."], "invalid platform"),
        (["--cache-to=type=inline", "."], "type=inline is not supported"),
        (["--network=bridge", "."], "invalid network mode"),
        (["--secret", "src=x,foo=y", "."], "unexpected key 'foo'"),
        (["--output", "type=tra,dest=x", "."], "did you mean tar?"),
        (["-t", "UPPER", "."], "invalid reference format"),
        ([], "requires 1 argument"),
        (["--no-such-flag", "."], "unknown flag: --no-such-flag"),
    ],
)
def test_wrong_words_are_told(build: Builder, words: list[str], message: str) -> None:
    done = izba(build, "build", *words)

    assert done.returncode in {1, 125}
    assert message in done.stderr


def test_the_cache_is_listed_and_pruned(fresh: Builder) -> None:
    context = fresh.context(
        "FROM busybox AS one\nRUN echo builder-only > /f\nFROM busybox\nCOPY --from=one /f /f\n"
        "RUN --mount=type=cache,target=/c dd if=/dev/zero of=/c/big bs=1k count=100\n"
    )
    fresh.build(context, tags=("kept",))

    listed = izba(fresh, "builder", "du", "--verbose")
    pruned = izba(fresh, "builder", "prune", "-f")
    again = fresh.build(context)

    assert "RUN echo builder-only" in listed.stdout
    assert "cache mount" in listed.stdout
    assert pruned.stdout.startswith("Deleted build cache objects:\n")
    assert "Total reclaimed space: 1" in pruned.stdout
    assert again.executed == []  # what the image is made of is still known
    assert izba(fresh, "builder", "prune", "-a", "-f").returncode == 0
    assert len(fresh.build(context).executed) == 3
    assert fresh.engine.store.check() == []


def test_a_prune_leaves_a_cache_mount_that_is_in_use(fresh: Builder) -> None:
    import threading

    context = fresh.context("FROM busybox\nRUN --mount=type=cache,target=/c echo x > /c/f; sleep 3; cat /c/f\n")
    outputs: list[str] = []
    thread = threading.Thread(target=lambda: outputs.append(izba(fresh, "build", str(context)).stderr))
    thread.start()
    directory = Path(fresh.engine.roots.data) / "build/mounts"
    for _ in range(100):
        if list(directory.glob("*/f")):
            break
        threading.Event().wait(0.05)

    izba(fresh, "builder", "prune", "-af")
    thread.join()

    assert " x\n" in outputs[0]


def test_no_is_an_answer_to_prune(fresh: Builder) -> None:
    fresh("FROM busybox\nRUN echo x > /x\n")
    done = izba(fresh, "builder", "prune", input="n\n")

    assert "Are you sure" in done.stdout
    assert "Deleted" not in done.stdout
