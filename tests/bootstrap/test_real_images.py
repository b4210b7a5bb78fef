"""The images that people ask for, made from the mirrors that this machine is configured with."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.users import User

pytestmark = [pytest.mark.network, pytest.mark.slow]


def izba(root: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "izba", "--root", str(root), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    if check and done.returncode != 0:
        pytest.fail(f"{' '.join(words)} exited {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def sh(root: Path, image: str, script: str, *flags: str) -> str:
    """What a shell in a container of `image` prints."""
    return izba(root, "run", "--rm", *flags, image, "sh", "-ec", script).stdout.strip()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for the tests that only look."""
    return tmp_path_factory.mktemp("izba")


@pytest.fixture(scope="module")
def debian(root: Path) -> str:
    izba(root, "image", "bootstrap", "-q", "debian:bookworm-slim")
    return "debian:bookworm-slim"


@pytest.fixture(scope="module")
def python(root: Path, debian: str) -> str:
    izba(root, "image", "bootstrap", "-q", "python:3.11-slim")
    return "python:3.11-slim"


@pytest.fixture(scope="module")
def node(root: Path, debian: str) -> str:
    izba(root, "image", "bootstrap", "-q", "node:20-slim")
    return "node:20-slim"


def labels(root: Path, image: str) -> dict[str, str]:
    (document,) = json.loads(izba(root, "image", "inspect", image).stdout)
    found: dict[str, str] = document["Config"]["Labels"]
    return found


# --- busybox -------------------------------------------------------------------------------------------------------


def test_busybox_has_its_commands(root: Path) -> None:
    izba(root, "image", "bootstrap", "busybox")

    out = sh(root, "busybox", "whoami; stat -c '%a %u' /tmp /root /bin/busybox; ls /bin | wc -l; /usr/bin/env echo hi")

    who, tmp, home, program, count, hi = out.splitlines()
    assert (who, tmp, home, program, hi) == ("root", "1777 0", "700 0", "755 0", "hi")
    assert int(count) > 200


def test_run_and_build_bootstrap_when_they_are_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IZBA_BOOTSTRAP", raising=False)
    (tmp_path / "context").mkdir()
    (tmp_path / "context/Dockerfile").write_text("FROM busybox\nRUN echo built > /built\n")
    told, asked = tmp_path / "told", tmp_path / "asked"

    refused = izba(told, "run", "--pull", "never", "busybox", "true", check=False)
    ran = izba(told, "run", "--rm", "--bootstrap", "busybox", "echo", "ran")
    built = izba(told, "build", "-q", "--bootstrap", str(tmp_path / "context"))
    monkeypatch.setenv("IZBA_BOOTSTRAP", "1")
    by_variable = izba(asked, "build", "-q", str(tmp_path / "context"))

    assert refused.returncode == 125
    assert "izba image bootstrap busybox" in refused.stderr
    assert ran.stdout == "ran\n"
    layers = [
        izba(root, "image", "inspect", "-f", "{{.RootFS.Layers}}", one.stdout.strip()).stdout
        for root, one in ((told, built), (asked, by_variable))
    ]
    assert layers[0] == layers[1]


# --- debian --------------------------------------------------------------------------------------------------------


def test_debian_is_configured_to_the_last_package(root: Path, debian: str) -> None:
    out = sh(root, debian, "dpkg --audit; dpkg -l | grep -vc '^ii'; cat /etc/debian_version; awk 'BEGIN { print 6*7 }'")

    # Five lines are dpkg's own header; anything else would be a package in another state.
    assert out.splitlines()[0] == "5"
    assert out.splitlines()[1].startswith("12.")
    assert out.splitlines()[2] == "42"


def test_debians_files_are_those_of_its_packages(root: Path, debian: str) -> None:
    out = sh(root, debian, "dpkg -V 2>&1 | grep -v '^missing' || true")

    assert out == ""


def test_debian_tells_how_it_was_made_and_keeps_nothing_of_the_day(root: Path, debian: str) -> None:
    found = labels(root, debian)
    left = "{ cat /etc/machine-id; find /var/log -name '*.log'; find /tmp /run -type f; ls /etc/*-; } 2>/dev/null"
    out = sh(root, debian, f"{left} || true")

    assert found["izba.bootstrap.suite"] == "bookworm"
    assert found["org.opencontainers.image.version"].startswith("12")
    assert found["izba.bootstrap.packages"].startswith("sha256:")
    assert out == ""


def test_apt_installs_in_a_build_and_slim_stays_slim(root: Path, debian: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {debian}\nRUN apt-get update && apt-get install -y --no-install-recommends hello && hello\n"
        "RUN ! ls /var/cache/apt/archives/*.deb && ! ls /usr/share/man/man1/hello.1.gz\n"
    )
    izba(root, "build", "-t", "with-apt", str(tmp_path))

    assert sh(root, "with-apt", "hello") == "Hello, world!"


# --- python --------------------------------------------------------------------------------------------------------


def test_python_is_laid_out_as_dockerfiles_know_it(root: Path, python: str) -> None:
    script = (
        "import sys, sysconfig, ssl, sqlite3, ctypes, lzma, bz2, curses, readline, distutils, zoneinfo, venv;"
        "zoneinfo.ZoneInfo('Europe/Berlin');"
        "print(sys.prefix, sys.executable, sysconfig.get_path('scripts'), sysconfig.get_path('purelib'))"
    )
    out = sh(root, python, f'python -W ignore -c "{script}"; which python3 pip pip3 python3.11; echo $LANG')

    assert out.splitlines() == [
        "/usr/local /usr/local/bin/python /usr/local/bin /usr/local/lib/python3.11/site-packages",
        "/usr/local/bin/python3",
        "/usr/local/bin/pip",
        "/usr/local/bin/pip3",
        "/usr/local/bin/python3.11",
        "C.UTF-8",
    ]
    version = sh(root, python, "python -V; echo Python $PYTHON_VERSION").splitlines()
    assert version[0] == version[1]


def test_pip_replaces_itself_and_installs_commands_on_the_path(root: Path, python: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {python} AS build\n"
        "RUN pip install --upgrade pip\n"
        "RUN pip install --no-cache-dir idna && idna --help\n"
        "RUN pip install --prefix=/install six && test -d /install/lib/python3.11/site-packages/six-*info\n"
        "RUN pip install --user packaging && python -c 'import packaging'\n"
        "RUN python -m venv /venv && /venv/bin/pip --version\n"
        "RUN pip check && apt-get update -qq && apt-get install -y -qq python3-yaml\n"
        "RUN /usr/bin/python3 -c 'import yaml'\n"
        f"FROM {python}\n"
        "COPY --from=build /install /usr/local\n"
        "COPY --from=build /usr/local/lib/python3.11/site-packages /usr/local/lib/python3.11/site-packages\n"
        "RUN python -c 'import six, idna'\n"
    )
    izba(root, "build", "-t", "with-pip", str(tmp_path))


INSTALLS = "apt-get update -qq && apt-get install -y -qq --no-install-recommends hello && pip install -q six"
INSTALLED = "hello && python -c 'import six'"


def test_apt_and_pip_install_in_a_container_on_the_default_network(root: Path, python: str) -> None:
    assert sh(root, python, f"{{ {INSTALLS}; }} >&2 && {INSTALLED}") == "Hello, world!"


@pytest.mark.root
def test_apt_and_pip_install_for_an_ordinary_user_in_a_build_and_in_a_container(
    root: Path, python: str, user_izba: User
) -> None:
    home = user_izba.home
    izba(root, "save", "-o", str(home / "python.tar"), python)
    (home / "python.tar").chmod(0o644)
    user_izba.run("load", "-q", "-i", "python.tar", check=True)
    (home / "installs").mkdir()
    (home / "installs/Dockerfile").write_text(f"FROM {python}\nRUN {INSTALLS}\n")

    user_izba.run("build", "-q", "-t", "installed", "installs", check=True, timeout=280)
    # The lists of packages are in the image: to fetch them once more would take as long as all else together.
    again = INSTALLS.partition(" && ")[2].replace("install", "install --reinstall", 1) + " --force-reinstall"
    script = f"{INSTALLED} && {{ {again}; }} >&2 && {INSTALLED}"
    ran = user_izba.run("run", "--rm", "installed", "sh", "-ec", script, check=True, timeout=280).stdout

    assert ran == "Hello, world!\n" * 2


def test_an_extension_builds_once_there_is_a_compiler(root: Path, python: str, tmp_path: Path) -> None:
    (tmp_path / "hello.c").write_text(
        "#include <Python.h>\n"
        'static struct PyModuleDef m = {PyModuleDef_HEAD_INIT, "hello", NULL, -1, NULL};\n'
        "PyMODINIT_FUNC PyInit_hello(void) { return PyModule_Create(&m); }\n"
    )
    (tmp_path / "setup.py").write_text(
        "from setuptools import Extension, setup\nsetup(name='hello', ext_modules=[Extension('hello', ['hello.c'])])\n"
    )
    (tmp_path / "Dockerfile").write_text(
        f"FROM {python}\nRUN apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev\n"
        "COPY . /src\nRUN pip install --no-build-isolation /src && python -c 'import hello'\n"
    )
    izba(root, "build", str(tmp_path))


# --- node ----------------------------------------------------------------------------------------------------------


def test_node_and_npm_are_there_for_an_ordinary_user(root: Path, node: str) -> None:
    out = sh(root, node, "id -u; node -p 'process.versions.node'; npm -v; npx -v; echo ~", "-u", "node")
    uid, version, npm, npx, home = out.splitlines()

    assert uid == "1000"
    assert version.startswith("20.")
    assert npm == npx
    assert npm.startswith("10.")
    assert home == "/home/node"


def test_nodes_entrypoint_takes_arguments_of_node_and_commands(root: Path, node: str) -> None:
    assert izba(root, "run", "--rm", node, "-p", "6*7").stdout == "42\n"
    assert izba(root, "run", "--rm", node, "echo", "hi").stdout == "hi\n"


def test_npm_installs_in_a_build(root: Path, node: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {node}\nWORKDIR /app\nRUN npm init -y && npm install is-odd && node -e 'require(\"is-odd\")'\n"
    )
    izba(root, "build", str(tmp_path))


# --- the same again ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image", ["busybox:latest", "python:3.11-slim", "node:20-slim"])
def test_two_stores_get_the_same_image(root: Path, python: str, node: str, image: str, tmp_path: Path) -> None:
    first = izba(root, "image", "bootstrap", "-q", image).stdout
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/bootstrap").mkdir()
    for algorithm in ("sha256", "sha512"):
        if (kept := root / "cache/bootstrap" / algorithm).is_dir():
            (tmp_path / "cache/bootstrap" / algorithm).symlink_to(kept)

    assert izba(tmp_path, "image", "bootstrap", "-q", image).stdout == first


@pytest.mark.root
def test_an_ordinary_user_gets_the_image_that_root_gets(root: Path, debian: str, user_izba: User) -> None:
    first = izba(root, "image", "bootstrap", "-q", debian).stdout

    second = user_izba.run("image", "bootstrap", "-q", debian, check=True, timeout=280).stdout

    assert second == first
