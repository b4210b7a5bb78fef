"""The whole stack through real containers: the demo, the journey in a browser, ten of one service, other engines."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.archive.peers import docker
from tests.defect_control.composed import BACKENDS, EXAMPLE, IMAGES, SERVICES, Composed, copy_example, data_of, of_root
from tests.defect_control.stack import PASSWORD
from tests.support.users import User

# Six images are built, six services started: a minute before the first test, seconds for each.
pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.root]

ALL_HEALTHY = dict.fromkeys(SERVICES, "healthy")


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """One izba for all of this module, so that its images are built once."""
    path = Path(tempfile.mkdtemp(prefix="dc-", dir="/var/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def stack(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    """Brought up by the demo's one command, and taken down by its other."""
    one = of_root(copy_example(tmp_path_factory.mktemp("demo") / "defect-control"), root)
    done = one.demo("up")
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    one.told = done.stdout
    yield one
    cleaned = one.demo("clean")
    assert cleaned.returncode == 0, cleaned.stderr
    assert one.ids() == {}
    assert one.izba("network", "ls", "--filter", "type=custom", "--quiet") == ""
    assert one.izba("images", "--quiet") == ""
    data = [path.name for name in BACKENDS for path in (one.directory / data_of(name)).iterdir()]
    assert data == [".gitignore"] * len(BACKENDS)


@pytest.fixture(scope="module")
def archive(stack: Composed, root: Path) -> Iterator[Path]:
    """The six images, as `docker load` and any user of the machine can read them."""
    path = root.with_suffix(".tar")
    stack.izba("save", "--output", str(path), *IMAGES)
    path.chmod(0o644)
    yield path
    path.unlink()


def test_one_command_brings_six_services_up_and_says_where_their_page_is(stack: Composed) -> None:
    for service in SERVICES:
        assert re.search(rf"^{service} +Up .*\(healthy\)", stack.told, re.MULTILINE), service
    assert f"http://localhost:{stack.page_port} " in stack.told
    assert (stack.directory / ".env").stat().st_mode & 0o777 == 0o600
    with stack.client() as client:
        assert '<div id="root">' in client.get("/").text
        health = client.get(f"http://127.0.0.1:{stack.gateway_port}/health").json()
    assert set(health["services"]) == {name.removesuffix("-service") for name in BACKENDS}
    assert health["status"] == "ok"


def test_a_second_demo_has_nothing_to_do(stack: Composed) -> None:
    before = stack.ids()

    done = stack.demo("up")

    assert stack.ids() == before
    assert done.stderr == ""


def test_a_taken_port_is_named_with_its_remedy_before_anything_is_built(stack: Composed) -> None:
    done = stack.demo("up", COMPOSE_PROJECT_NAME="other")

    assert done.returncode == 1
    assert f"api-gateway is to be on port {stack.gateway_port}: Address already in use" in done.stderr
    assert f"make demo GATEWAY_PORT={stack.gateway_port + 1}" in done.stderr
    assert stack.compose("--project-name", "other", "ps", "--all", "--quiet") == ""


@pytest.mark.peer("npm")
@pytest.mark.peer("chromium")
def test_a_defect_goes_its_way_in_a_browser(stack: Composed) -> None:
    browser = stack.directory / "e2e"
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]
    stack.ok("npm", "--prefix", str(browser), "ci", *quiet)

    done = stack.run("npm", "--prefix", str(browser), "test", BASE_URL=stack.page)

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_ten_of_one_service_share_its_work_and_one_goes_on_with_it(stack: Composed) -> None:
    person = stack.register()

    stack.compose("up", "--detach", "--wait", "--scale", "auth-service=10")
    with ThreadPoolExecutor(20) as pool:
        sessions = list(pool.map(lambda _: stack.sign_in(person), range(60)))

    assert {session["user"]["email"] for session in sessions} == {person["email"]}
    signed_in = re.findall(r"^auth-service-(\d+) .*/auth/login", stack.compose("logs", "auth-service"), re.MULTILINE)
    assert len(set(signed_in)) >= 5, "few of the ten were asked"

    stack.compose("up", "--detach", "--wait", "--scale", "auth-service=1")

    assert len(stack.ids()) == 6
    with stack.client() as client:
        token = {"Authorization": f"Bearer {sessions[-1]['access_token']}"}
        assert client.get("/api/auth/me", headers=token).json()["email"] == person["email"]


def test_the_data_stay_when_the_demo_ends(stack: Composed) -> None:
    person = stack.register()

    assert "The data stay" in stack.demo("down").stdout
    assert stack.ids() == {}
    assert stack.demo("up").returncode == 0

    assert stack.sign_in(person)["user"]["email"] == person["email"]


def test_the_small_demo_shows_one_service(stack: Composed) -> None:
    done = stack.script(str(EXAMPLE.parent / "hello/demo"))

    assert done.returncode == 0, done.stderr
    assert '"visits":1' in done.stdout
    assert stack.izba("ps", "--all", "--quiet", "--filter", "name=hello-demo") == ""


def test_ordinary_users_bring_it_up_too(archive: Path, user_izba: User) -> None:
    """On images that are carried: each build of them would take another minute."""
    directory = copy_example(user_izba.home / "defect-control")
    for path in (directory, *directory.rglob("*")):
        os.chown(path, user_izba.uid, user_izba.gid)
    account = {"user": user_izba.uid, "group": user_izba.gid, "extra_groups": []}
    one = Composed(
        directory=directory,
        root=user_izba.home / "stack",
        environment=user_izba.environment({"SECRET_KEY": "k" * 64}),
        command=user_izba.command(),
        account=account,
    )
    one.izba("load", "--input", str(archive))
    try:
        one.compose("up", "--detach", "--wait", "--no-build")

        assert one.healths() == ALL_HEALTHY
        assert one.sign_in(one.register())["user"]["role"] == "administrator"
    finally:
        one.compose("down")
    assert one.ids() == {}


@pytest.mark.peer("docker")
@pytest.mark.peer("dockerd")
def test_docker_compose_brings_the_same_up_on_images_that_izba_built(archive: Path, tmp_path: Path) -> None:
    short = Path(tempfile.mkdtemp(prefix="dk", dir="/tmp"))  # a socket's path has 108 bytes
    try:
        with docker(short, own_network=True) as engine:
            engine("load", "--input", archive)
            one = of_root(copy_example(tmp_path / "defect-control"), tmp_path)
            one.environment |= {"DOCKER_HOST": engine.socket, "SECRET_KEY": "k" * 64, "HEALTH_INTERVAL": "1s"}
            compose = str(Path(sys.prefix) / "bin" / "docker-compose")
            one.ok(compose, "up", "--detach", "--wait", "--no-build")

            registered = engine.in_network(*_ask(f"{one.page}/api/auth/register"))
            page = engine.in_network(*_ask(one.page))
            one.ok(compose, "down")
    finally:
        shutil.rmtree(short)
    assert '"role":"administrator"' in registered.replace(" ", "")
    assert '<div id="root">' in page


def test_on_postgresql_in_a_container_of_its_own(stack: Composed, tmp_path: Path) -> None:
    files = ("docker-compose.yml", "docker-compose.postgres.yml")
    one = of_root(copy_example(tmp_path / "defect-control"), stack.root, files=files)
    one.environment |= {"SECRET_KEY": "k" * 64, "POSTGRES_PASSWORD": "password-of-the-test"}
    try:
        one.compose("up", "--detach", "--wait")
        person = one.register()
        one.compose("up", "--detach", "--wait", "--force-recreate", "postgres")
        assert one.sign_in(person)["user"]["role"] == "administrator"

        asked = ("exec", "-T", "postgres", "psql", "-U", "postgres", "-d", "auth", "-tAc", "select email from users")
        assert one.compose(*asked).strip() == person["email"]
        one.compose("exec", "-T", "postgres-backup", "sh", "/backup.sh", "now")
        kept = {path.name.partition("-")[0] for path in (one.directory / "postgres/backups").iterdir()}
        assert kept == {"auth", "projects", "defects", "reports"}
    finally:
        one.compose("down")
    assert not any((one.directory / data_of(name) / "database.sqlite3").exists() for name in BACKENDS)


def _ask(address: str) -> list[str]:
    """A command line that prints the answer; a registration is posted."""
    program = """
import json, sys, urllib.request
body = json.dumps({"email": "first@example.com", "password": sys.argv[2], "full_name": "Анна Первая"}).encode()
wanted = urllib.request.Request(sys.argv[1], headers={"Content-Type": "application/json", "X-Requested-With": "test"})
if "register" in sys.argv[1]:
    wanted.data = body
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
print(opener.open(wanted, timeout=30).read().decode())
"""
    return [sys.executable, "-c", program, address, PASSWORD]
