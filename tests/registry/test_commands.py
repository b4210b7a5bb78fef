"""pull, push, login, search, ls-remote, copy and manifest inspect as people run them, root and rootless."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.archive import peers
from tests.registry import servers
from tests.registry.servers import PASSWORD, USER, Request, scripted
from tests.support.users import User

SOURCE = Path(__file__).parents[2] / "src"
pytestmark = [pytest.mark.root, pytest.mark.peer("docker-registry")]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.debian_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("guarded")
    with servers.debian_registry(directory, servers.htpasswd_auth(directory)) as host:
        yield host


@pytest.fixture
def izba(tmp_path: Path) -> Run:
    """An izba of the tests' own user, with a Docker configuration of its own."""
    (tmp_path / "docker").mkdir()

    def run(*words: str, code: int = 0, **options: object) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {
            "PYTHONPATH": str(SOURCE),
            "IZBA_ROOT": str(tmp_path / "izba"),
            "DOCKER_CONFIG": str(tmp_path / "docker"),
        }
        argv = [sys.executable, "-m", "izba", *words]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False, **options)  # type: ignore[call-overload]
        assert done.returncode == code, f"{words}: {done.stdout}{done.stderr}"
        return done  # type: ignore[no-any-return]

    return run


def test_push_and_pull_say_what_docker_says(izba: Run, registry: str, tar: Path) -> None:
    name = f"{registry}/team/said"
    izba("import", str(tar), name)

    first, again = izba("push", name), izba("push", name)
    izba("rmi", "-f", name)
    pulled, there = izba("pull", name), izba("pull", name)

    assert first.stdout.splitlines()[:2] == ["Using default tag: latest", f"The push refers to repository [{name}]"]
    assert re.search(r"^[0-9a-f]{12}: Pushed$", first.stdout, re.MULTILINE)
    assert re.search(r"^[0-9a-f]{12}: Layer already exists$", again.stdout, re.MULTILINE)
    digest = re.findall(r"latest: digest: (sha256:\w+) size: \d+", first.stdout)[0]
    assert pulled.stdout.splitlines()[:2] == ["Using default tag: latest", "latest: Pulling from team/said"]
    assert f"Digest: {digest}\nStatus: Downloaded newer image for {name}:latest\n{name}:latest\n" in pulled.stdout
    assert f"Status: Image is up to date for {name}:latest" in there.stdout
    assert json.loads(izba("image", "inspect", name).stdout)[0]["RepoDigests"] == [f"{name}@{digest}"]
    assert izba("pull", "-q", f"{name}@{digest}").stdout == f"{name}@{digest}\n"


def test_all_tags_go_and_come(izba: Run, registry: str, tar: Path) -> None:
    name = f"{registry}/team/tags"
    for tag in ("1", "2", "3"):
        izba("import", str(tar), f"{name}:{tag}")

    assert izba("push", "-a", name).stdout.count("digest: sha256:") == 3
    izba("rmi", "-f", *(f"{name}:{tag}" for tag in "123"))
    izba("pull", "--all-tags", "-q", name)

    assert sorted(izba("images", "--format", "{{.Tag}}", name).stdout.split()) == ["1", "2", "3"]
    assert izba("image", "ls-remote", name).stdout.split() == ["1", "2", "3"]
    table = izba("image", "ls-remote", "--digests", name).stdout.splitlines()
    assert table[0].split() == ["TAG", "DIGEST"]
    assert all(re.fullmatch(r"\d +sha256:[0-9a-f]{64}", line) for line in table[1:])
    assert "tag can't be used with --all-tags" in izba("pull", "-a", f"{name}:1", code=1).stderr
    assert "does not exist locally with the tag" in izba("push", "-a", f"{registry}/team/none", code=1).stderr


def test_what_is_not_there_is_told_in_one_line_with_a_hint(izba: Run, registry: str) -> None:
    said = izba("pull", f"{registry}/team/missing:1", code=1).stderr.splitlines()
    assert said == [f"error: manifest for {registry}/team/missing:1 not found: manifest unknown"]
    ran = izba("run", "--rm", f"{registry}/team/missing:1", "true", code=125).stderr
    assert f"Unable to find image '{registry}/team/missing:1' locally" in ran
    assert "manifest unknown" in ran


def test_a_registry_that_is_away_is_told_at_once(izba: Run) -> None:
    port = servers.free_port()
    import time

    started = time.monotonic()
    said = izba("pull", f"127.0.0.1:{port}/a/b", code=1).stderr
    assert "cannot be reached: Connection refused" in said
    assert time.monotonic() - started < 3


def test_login_keeps_the_password_for_docker_too_and_logout_forgets_it(
    izba: Run, guarded: str, tar: Path, tmp_path: Path
) -> None:
    name = f"{guarded}/team/secret:1"
    izba("import", str(tar), name)
    refused = izba("push", name, code=1)
    assert f"izba login {guarded}" in refused.stderr

    wrong = izba("login", "-u", USER, "--password-stdin", guarded, input="wrong\n", code=1)
    assert "wrong\n" not in wrong.stderr
    assert not (tmp_path / "docker" / "config.json").exists()
    done = izba("login", "-u", USER, "--password-stdin", guarded, input=f"{PASSWORD}\n")
    assert "Login Succeeded" in done.stdout
    assert (tmp_path / "docker" / "config.json").stat().st_mode & 0o777 == 0o600
    pushed = izba("push", name)
    inspected = izba("image", "inspect", name)
    debugged = izba("--debug", "pull", name)
    for shown in (done, pushed, inspected, debugged):
        assert PASSWORD not in shown.stdout + shown.stderr, "E5"

    assert izba("logout", guarded).stdout == f"Removing login credentials for {guarded}\n"
    assert "access denied" in izba("pull", name, code=1).stderr


@pytest.mark.peer("skopeo")
def test_a_login_of_izba_is_one_of_skopeo(izba: Run, guarded: str, tar: Path, tmp_path: Path) -> None:
    name = f"{guarded}/team/shared:1"
    izba("login", "-u", USER, "--password-stdin", guarded, input=PASSWORD)
    izba("import", str(tar), name)
    izba("push", name)
    listed = peers.skopeo(
        *("list-tags", "--tls-verify=false", "--authfile", tmp_path / "docker" / "config.json"),
        f"docker://{guarded}/team/shared",
        directory=tmp_path,
    )
    assert json.loads(listed)["Tags"] == ["1"]


def test_a_terminal_gets_bars_and_no_line_twice(registry: str, izba: Run, tar: Path, tmp_path: Path) -> None:
    name = f"{registry}/team/bars:1"
    izba("import", str(tar), name)
    master, slave = pty.openpty()
    environment = os.environ | {
        "PYTHONPATH": str(SOURCE),
        "IZBA_ROOT": str(tmp_path / "izba"),
        "TERM": "xterm",
        "COLUMNS": "60",
        "LINES": "10",
    }
    argv = [sys.executable, "-m", "izba", "push", name]
    process = subprocess.Popen(argv, env=environment, stdout=slave, stderr=slave)
    os.close(slave)
    seen = b""
    try:
        while data := os.read(master, 4096):
            seen += data
    except OSError:
        pass  # the other end is closed
    os.close(master)
    assert process.wait(60) == 0
    text = seen.decode()
    assert "Pushed" in text
    lines = re.sub(r"\x1b\[\d*[A-Z]", "", text).splitlines()
    assert all(len(line) < 60 for line in lines if re.match("[0-9a-f]{12}: ", line))


def test_search_asks_the_catalog_or_says_that_there_is_none(izba: Run, registry: str, tar: Path) -> None:
    izba("import", str(tar), f"{registry}/team/findable:1")
    izba("push", "-q", f"{registry}/team/findable:1")
    found = izba("search", f"{registry}/findab", "--format", "{{.Name}}").stdout
    assert found == f"{registry}/team/findable\n"

    with scripted(lambda request: request.answer(200 if request.path == "/v2/" else 404)) as silent:
        assert "neither a search nor a catalog" in izba("search", f"{silent.host}/x", code=1).stderr


def test_search_understands_docker_hub_s_answer(izba: Run, tmp_path: Path) -> None:
    results = [
        {"name": "web", "description": "a\nserver \x1b[31m", "star_count": 3, "is_official": False},
        {"name": "nginx", "description": "Official build of Nginx." * 5, "star_count": 20000, "is_official": True},
    ]

    def hub(request: Request) -> None:
        request.answer(200, json.dumps({"num_results": 2, "results": results}).encode())

    with scripted(hub) as server:
        izba("images")  # makes the root
        (tmp_path / "izba" / "registries.toml").write_text(f'[registry."docker.io"]\nsearch = "http://{server.host}"\n')
        shown = izba("search", "nginx").stdout
        asked = server.seen[-1].path
        official = izba("search", "-f", "is-official=true", "--format", "{{.Name}} {{.StarCount}}", "nginx").stdout

    assert asked == "/v1/search?q=nginx&n=25"
    assert shown.splitlines()[0].split() == ["NAME", "DESCRIPTION", "STARS", "OFFICIAL"]
    assert re.match(r"nginx +Official build of Nginx\.Official build of Ng… +20000 +\[OK\]", shown.splitlines()[1])
    assert "\x1b" not in shown
    assert official == "nginx 20000\n"


def test_a_user_pulls_pushes_and_copies(registry: str, izba: Run, tar: Path, user_izba: User) -> None:
    """Rootless, with a range of ids and with a single one."""
    name = f"{registry}/team/users-{user_izba.name}:1"
    izba("import", str(tar), name)
    pushed = izba("push", name).stdout

    pulled = user_izba.run("pull", name, check=True).stdout
    user_izba.run("tag", name, f"{name}-back", check=True)
    back = user_izba.run("push", f"{name}-back", check=True).stdout
    copied = user_izba.run("image", "copy", "-q", name, f"oci:{user_izba.home}/layout:1", check=True).stdout

    digest = re.findall(r"sha256:\w{64}", pushed)[-1]
    assert digest in pulled
    assert digest in back
    assert copied.strip() == digest
    listed = user_izba.run("image", "ls-remote", name.rpartition(":")[0], check=True).stdout
    assert listed.split() == ["1", "1-back"]
    inspected = user_izba.run("manifest", "inspect", name, check=True).stdout
    assert json.loads(inspected)["schemaVersion"] == 2
    assert f"team/users-{user_izba.name}" in user_izba.run("search", f"{registry}/users-", check=True).stdout
    assert user_izba.run("system", "check", "--verify", check=True).returncode == 0


def test_what_a_build_pushes_can_be_pulled(registry: str, izba: Run, user_izba: User) -> None:
    name = f"{registry}/team/built-{user_izba.name}:1"
    context = user_izba.home / "pushed"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /plan\n")
    metadata = user_izba.home / "pushed.json"
    flags = ("--push", "-t", name, "--metadata-file", str(metadata))

    user_izba.run("build", *flags, str(context), check=True)
    digest = json.loads(metadata.read_text())["containerimage.digest"]
    pulled = izba("pull", name)

    assert f"Downloaded newer image for {name}" in pulled.stdout
    assert f"Digest: {digest}\n" in pulled.stdout


def test_a_user_logs_in_and_out(guarded: str, user_izba: User) -> None:
    own = {"DOCKER_CONFIG": f"{user_izba.home}/logins"}
    login = ("login", "-u", USER, "--password-stdin", guarded)

    assert user_izba.run(*login, env=own, input="wrong").returncode == 1
    user_izba.run(*login, env=own, input=PASSWORD, check=True)
    config = user_izba.home / "logins" / "config.json"
    assert (config.stat().st_mode & 0o777, config.stat().st_uid) == (0o600, user_izba.uid)
    user_izba.run("logout", guarded, env=own, check=True)
    assert guarded not in config.read_text()


def test_from_takes_what_is_here_then_the_registrys_and_with_pull_always_the_registrys(
    izba: Run, registry: str, tar: Path, tmp_path: Path
) -> None:
    name = f"{registry}/team/base:1"
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(f"FROM {name}\nENV built=yes\n")

    def base_of_a_build(*flags: str) -> object:
        izba("build", *flags, "-t", "built", str(context))
        return json.loads(izba("image", "inspect", "built").stdout)[0]["RootFS"]["Layers"]

    def publish() -> object:
        with tarfile.open(tar, "w") as archive:
            archive.addfile(tarfile.TarInfo(f"version-{os.urandom(4).hex()}"))
        izba("import", str(tar), name)
        izba("push", name)
        layers = json.loads(izba("image", "inspect", name).stdout)[0]["RootFS"]["Layers"]
        izba("rmi", name)
        return layers

    missing = izba("build", "-t", "built", str(context), code=1).stderr
    assert name in missing
    first = publish()
    assert base_of_a_build() == first
    izba("tag", name, "kept:1")
    second = publish()
    izba("tag", "kept:1", name)
    assert base_of_a_build() == first
    assert base_of_a_build("--pull") == second
