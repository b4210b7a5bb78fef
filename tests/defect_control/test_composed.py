"""The whole stack through real containers: the demo, the journey in a browser, ten of one service, other engines."""

from __future__ import annotations

import json
import mmap
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.archive.peers import docker
from tests.defect_control.composed import BACKENDS, EXAMPLE, IMAGES, SERVICES, Composed, copy_example, data_of, of_root
from tests.defect_control.podman import through_podman
from tests.defect_control.stack import PASSWORD
from tests.support.users import User

# Six images are built, six services started: a minute before the first test, seconds for each.
pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.root]

FIRST = {"EMAIL": "first@example.com", "PASSWORD": PASSWORD}
ADMINISTRATOR = "admin@demo.example"
Done = subprocess.CompletedProcess[str]
Browser = Callable[..., Done]

ALL_HEALTHY = dict.fromkeys(SERVICES, "healthy")


@dataclass(frozen=True)
class Seeded:
    stack: Composed
    password: str


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


@pytest.fixture(scope="module")
def browser(stack: Composed) -> Browser:
    """`browser(script, stack, …)` is one of e2e's scripts, with Debian's Chromium, through a stack."""
    directory = str(stack.directory / "e2e")
    stack.ok("npm", "--prefix", directory, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline")

    def run(script: str, through: Composed, **environment: str) -> Done:
        return through.run("npm", "--prefix", directory, "run", script, BASE_URL=through.page, **environment)

    return run


@pytest.fixture(scope="module")
def phone(stack: Composed, browser: Browser) -> Done:
    """The first who registers does so on a phone, and is the administrator of the tests that follow."""
    return browser("phone", stack, **FIRST)


@pytest.fixture(scope="module")
def seeded(stack: Composed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seeded]:
    """Another one on the same images, with the demonstration site in it."""
    one = of_root(copy_example(tmp_path_factory.mktemp("seeded") / "defect-control"), stack.root)
    for verb in ("up", "seed"):
        done = one.demo(verb)
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    password = re.search(r"Sign in with password (\S+) as:", done.stdout)
    assert password, done.stdout
    yield Seeded(one, password[1])
    one.compose("down")


def test_one_command_brings_six_services_up_and_says_where_their_page_is(stack: Composed) -> None:
    for service in SERVICES:
        assert re.search(rf"^{service} +Up .*\(healthy\)", stack.told, re.MULTILINE), service
    assert f"http://localhost:{stack.page_port} " in stack.told
    assert (stack.directory / ".env").stat().st_mode & 0o777 == 0o600
    with stack.client() as client:
        page = client.get("/")
        assert '<div id="root">' in page.text
        assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
        health = client.get(f"http://127.0.0.1:{stack.gateway_port}/health").json()
    assert set(health["services"]) == {name.removesuffix("-service") for name in BACKENDS}
    assert health["status"] == "ok"


def test_only_the_gateway_and_the_page_can_be_reached_and_nothing_of_it_is_root(stack: Composed) -> None:
    published = {}
    for line in stack.compose("ps", "--format", "json").splitlines():
        one = json.loads(line)
        published[one["Service"]] = "->" in one["Ports"]
        pid = stack.izba("inspect", "--format", "{{.State.Pid}}", one["ID"]).strip()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for process in (pid, *children):
            uids = re.search(r"^Uid:(.*)$", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
            assert uids
            assert "0" not in uids[1].split(), f"{one['Service']}: {process}"
    assert {service for service, is_published in published.items() if is_published} == {"api-gateway", "frontend"}
    assert set(published) == set(SERVICES)


def test_each_service_keeps_its_own_database_in_its_folder_with_a_write_ahead_log(stack: Composed) -> None:
    for service in BACKENDS:
        file = stack.directory / data_of(service) / "database.sqlite3"
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            assert database.execute("pragma journal_mode").fetchone() == ("wal",), service
            assert database.execute("select count(*) from alembic_version").fetchone() == (1,), service


def test_no_secret_is_in_a_layer(stack: Composed, archive: Path) -> None:
    secret = re.search(r"^SECRET_KEY=([0-9a-f]{64})$", (stack.directory / ".env").read_text(), re.MULTILINE)
    assert secret

    with archive.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as everything:
        assert everything.find(b"A bind-mounted data folder belongs to whoever made it") > 0, "layers can be searched"
        assert everything.find(secret[1].encode()) == -1
        assert everything.find(b"SECRET_KEY=") == everything.find(b"RATE_AUTH=") == -1, "no .env was copied"


def test_without_a_secret_key_nothing_starts_and_the_place_and_the_remedy_are_told(tmp_path: Path) -> None:
    one = of_root(copy_example(tmp_path / "defect-control"), tmp_path)
    one.environment.pop("SECRET_KEY", None)

    done = one.run(*one.command, "compose", "up", "--detach")

    assert done.returncode == 1
    assert "required variable SECRET_KEY is missing a value: is missing - copy .env.example to .env" in done.stderr


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
def test_somebody_who_has_never_seen_it_records_a_defect_from_a_phone(phone: Done) -> None:
    assert phone.returncode == 0, f"{phone.stdout}\n{phone.stderr}"


@pytest.mark.peer("npm")
@pytest.mark.peer("chromium")
def test_a_defect_goes_its_way_in_a_browser(stack: Composed, browser: Browser, phone: Done) -> None:
    assert phone.returncode == 0, "the administrator was to register on the phone"

    done = browser("test", stack, ADMIN_EMAIL=FIRST["EMAIL"], ADMIN_PASSWORD=FIRST["PASSWORD"])

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_a_seeded_demo_says_how_to_sign_in_and_cannot_be_seeded_again(seeded: Seeded) -> None:
    session = seeded.stack.sign_in({"email": ADMINISTRATOR, "password": seeded.password})

    again = seeded.stack.demo("seed")

    assert session["user"]["role"] == "administrator"
    assert again.returncode != 0
    assert "error: somebody has registered here already" in again.stderr
    assert "Traceback" not in again.stderr


def test_seeding_what_is_not_up_names_the_command_that_brings_it_up(stack: Composed) -> None:
    done = stack.demo("seed", COMPOSE_PROJECT_NAME="other")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: the services are not running\nhint: `make demo` brings them up\n"


@pytest.mark.peer("npm")
@pytest.mark.peer("chromium")
def test_every_page_is_clean_to_axe_on_a_phone_and_a_desktop_light_and_dark(seeded: Seeded, browser: Browser) -> None:
    done = browser("pages", seeded.stack, ADMIN_EMAIL=ADMINISTRATOR, ADMIN_PASSWORD=seeded.password)

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.count("✔ every page") == 4


def test_fifty_people_at_work_are_answered_within_a_second(seeded: Seeded) -> None:
    """With the limits of requests as they ship, except for signing in: all fifty come from one address."""
    who = ("--email", ADMINISTRATOR, "--password", seeded.password)
    done = seeded.stack.run(
        sys.executable, "load.py", "--url", seeded.stack.page, *who, "--seconds", "12", "--defects", "3", "--json"
    )
    told = json.loads(done.stdout)

    assert told["failed"] == {}
    assert done.returncode == 0, told
    assert set(told["pages"]) >= {"sign-in", "board", "table", "card", "record", "reports", "administration"}
    assert told["pages"]["sign-in"]["calls"] == 50
    assert sum(page["calls"] for page in told["pages"].values()) > 300


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


@pytest.mark.peer("podman")
@pytest.mark.peer("/usr/lib/podman/netavark")
@pytest.mark.peer("/usr/lib/podman/aardvark-dns")
@pytest.mark.peer("catatonit")
def test_podman_compose_brings_the_same_up_on_images_that_izba_built(archive: Path, tmp_path: Path, root: Path) -> None:
    one = of_root(copy_example(tmp_path / "defect-control"), tmp_path)
    one.environment |= {"SECRET_KEY": "k" * 64}
    gateway = f"http://127.0.0.1:{one.gateway_port}"
    asked = (f"{one.page}/api/auth/register", one.page, f"{gateway}/health")

    storage = root.with_suffix(".podman")
    try:
        told = through_podman(one, archive, storage, *(_ask(address) for address in asked))
    finally:
        shutil.rmtree(storage)

    assert [line for line in told.splitlines() if line.endswith(" healthy")] == [f"{name} healthy" for name in SERVICES]
    assert '"role":"administrator"' in told.replace(" ", "")
    assert '<div id="root">' in told
    assert '"status":"degraded"' not in told


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
