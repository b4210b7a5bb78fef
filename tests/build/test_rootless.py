"""Builds by ordinary users: with a range of subordinate ids, and with a single one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.build import busybox
from tests.support.users import User

pytestmark = pytest.mark.root


@pytest.fixture
def user(user_izba: User, tmp_path_factory: pytest.TempPathFactory) -> User:
    """A user who has the busybox image."""
    archive = user_izba.home / "busybox.tar"
    if not archive.exists():
        archive.write_bytes(busybox.root_tar())
        user_izba.run("import", "--change", "ENV PATH=/bin", str(archive), "busybox", check=True)
    return user_izba


def _context(user: User, name: str, files: dict[str, str]) -> Path:
    directory = user.home / name
    for path, content in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(content)
    for path in [directory, *directory.rglob("*")]:
        os.chown(path, user.uid, user.gid)
    return directory


def test_every_kind_of_step(user: User) -> None:
    context = _context(
        user,
        "every",
        {
            "Dockerfile": "FROM busybox AS one\n"
            "WORKDIR /w\nCOPY --chown=app:staff . .\n"
            "RUN id -u && touch made && chown app made && stat -c %u made || true\n"
            "FROM busybox\n"
            "COPY --from=one /w /from\nCOPY --link d /linked\nADD <<EOF /here\ndoc\nEOF\n"
            "RUN --mount=type=cache,target=/c echo x >> /c/log && wc -l < /c/log\n"
            "RUN --mount=target=/ctx --mount=type=tmpfs,target=/t cat /ctx/d/f && touch /t/x\n"
            "RUN --mount=target=/ctx,rw echo changed > /ctx/d/f && rm /bin/vi && ls -l /from\n",
            "d/f": "content\n",
        },
    )

    done = user.run("build", "--progress=plain", "-t", "every", str(context))

    assert done.returncode == 0, done.stderr
    assert "content" in done.stderr
    again = user.run("build", "--progress=plain", "-t", "every", str(context), check=True)
    assert again.stderr.count("CACHED") == 7, again.stderr
    assert (context / "d/f").read_text() == "content\n"


def test_the_layers_are_those_that_root_makes(user: User, fresh) -> None:
    files = {
        "Dockerfile": "FROM busybox\nCOPY --chown=12:34 d /d\nCOPY --chmod=4755 d/f /setuid\n"
        "RUN echo x > /x; mkdir -m 1777 /sticky\n",
        "d/f": "content",
    }
    context = _context(user, "same", files)
    by_root = fresh.build(context, epoch=busybox.CREATED)

    user.run(
        "build",
        "-q",
        "--iidfile",
        str(user.home / "iid"),
        "-t",
        "same",
        str(context),
        env={"SOURCE_DATE_EPOCH": str(busybox.CREATED)},
        check=True,
    )
    inspected = user.run("image", "inspect", "same", check=True)

    layers = json.loads(inspected.stdout)[0]["RootFS"]["Layers"]
    assert tuple(layers[1:]) == by_root.layers[1:]


@pytest.mark.parametrize("flags", ["", "--chown=12:34 ", "--chmod=0640 "])
def test_a_file_added_to_many_gives_the_layer_that_root_makes_of_all_of_them(user: User, fresh, flags: str) -> None:
    files = {f"d{number % 7}/f{number}": f"content {number}\n" for number in range(130)}
    files |= {"Dockerfile": f"FROM busybox\nCOPY {flags}. /many\n", "large": "large" * (1 << 19)}
    name = f"reused{len(flags)}"
    epoch = {"SOURCE_DATE_EPOCH": str(busybox.CREATED)}
    context = _context(user, name, files)
    user.run("build", "-q", "-t", name, str(context), env=epoch, check=True)
    _context(user, name, {"added": "new\n", "d0/f0": "changed\n"})

    user.run("build", "-q", "-t", name, str(context), env=epoch, check=True)

    inspected = user.run("image", "inspect", name, check=True)
    layers = json.loads(inspected.stdout)[0]["RootFS"]["Layers"]
    assert tuple(layers[1:]) == fresh.build(context, epoch=busybox.CREATED).layers[1:]
    assert user.run("system", "check", "--verify").returncode == 0
    stat = ("stat", "-c", "%h %a", "/many/large")
    found = user.run("run", "--name", name, "--network=none", name, *stat, check=True)
    user.run("rm", name, check=True)
    links, mode = found.stdout.split()
    has_one_id = f"{user.name}:" not in Path("/etc/subuid").read_text()
    assert links == ("1" if has_one_id and "--chown" in flags else "2"), "one id: owners are attributes, not shared"
    assert mode == ("640" if "--chmod" in flags else "644")


def test_a_failing_step_is_told_as_to_root(user: User) -> None:
    context = _context(user, "failing", {"Dockerfile": "FROM busybox\nRUN exit 3\n"})

    done = user.run("build", str(context))

    assert done.returncode == 1
    assert "exit code: 3" in done.stderr
    assert ">>> RUN exit 3" in done.stderr


def test_prune_gives_back_what_other_ids_own(user: User) -> None:
    context = _context(
        user, "pruned", {"Dockerfile": "FROM busybox\nRUN mkdir -m 700 /p && touch /p/f && chown -R app /p || true\n"}
    )
    user.run("build", "-q", str(context), check=True)

    done = user.run("builder", "prune", "-af")

    assert done.returncode == 0, done.stderr
    assert "Total reclaimed space" in done.stdout
