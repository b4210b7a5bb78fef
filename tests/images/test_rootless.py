"""Images of ordinary users, with ranges of ids and with a single one."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from izba.engine.engine import Engine
from izba.ids import new_id
from tests.support.layers import load, tar
from tests.support.users import User

pytestmark = pytest.mark.root

Izba = Callable[..., "subprocess.CompletedProcess[str]"]


def _owned() -> bytes:
    """A layer with a file of www-data, a closed directory and a setuid program."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, uid, mode, kind in (
            ("srv", 0, 0o000, tarfile.DIRTYPE),
            ("srv/page", 33, 0o640, tarfile.REGTYPE),
            ("su", 0, 0o4755, tarfile.REGTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.uid = info.gid = uid
            info.mode, info.type, info.mtime = mode, kind, 1_000_000_000
            archive.addfile(info)
    return buffer.getvalue()


@pytest.fixture
def user_izba(user_izba: User) -> User:
    """The user with a data root of its own for each test: what others left in the usual one is not looked at."""
    parent = user_izba.home / "roots"
    return replace(user_izba, environ={"XDG_DATA_HOME": f"{parent}/{new_id()[:12]}"})


@pytest.fixture
def archive(engine: Engine, izba: Izba, user_izba: User) -> Path:
    """An image, saved by root where the user can read it."""
    load(engine.store, [_owned(), tar({"srv/.wh.page": b"", "new": b"n"})], "app:1", config={"Cmd": ["sh"]})
    path = user_izba.home / "app.tar"
    saved = izba("save", "-o", str(path), "app:1")
    assert saved.returncode == 0, saved.stderr
    path.chmod(0o644)
    return path


def test_a_user_loads_lists_tags_and_removes_an_image(archive: Path, engine: Engine, user_izba: User) -> None:
    user_izba.run("load", "-i", str(archive), check=True)
    image = engine.images.require("app:1")

    listed = user_izba.run("images", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}", check=True).stdout
    assert listed == f"app:1 {image.id}\n"
    user_izba.run("tag", "app:1", "mine", check=True)
    assert user_izba.run("image", "inspect", "-f", "{{.Id}}", "mine", check=True).stdout == f"{image.id}\n"
    assert user_izba.run("system", "check", "--verify", check=True).stdout == "no problem found\n"
    user_izba.run("rmi", "mine", check=True)
    removed = user_izba.run("rmi", "app:1", check=True).stdout

    assert removed.splitlines()[:3] == ["Untagged: app:1", f"Deleted: {image.id}", f"Deleted: {image.chain_id}"]
    assert user_izba.run("images", "-q", check=True).stdout == ""
    assert user_izba.run("system", "check", check=True).stdout == "no problem found\n"
    overlays = Path(user_izba.environ["XDG_DATA_HOME"]) / "izba/snapshots/overlay"
    assert [path.name for path in overlays.iterdir()] == []


def test_what_a_user_saves_is_what_root_saved(archive: Path, engine: Engine, user_izba: User) -> None:
    """The owners that a single id cannot give are remembered, so that the layers stay what they were."""
    user_izba.run("load", "-i", str(archive), check=True)
    again = user_izba.home / "again.tar"
    user_izba.run("save", "-o", str(again), "app:1", check=True)

    with tarfile.open(archive) as one, tarfile.open(again) as other:
        assert sorted(member.name for member in one) == sorted(member.name for member in other)
    user_izba.run("rmi", "app:1", check=True)


def test_an_izba_of_a_user_is_closed_to_others(archive: Path, user_izba: User) -> None:
    """Setuid programs of images must not be reachable by other users of the machine."""
    user_izba.run("load", "-i", str(archive), check=True)
    data = Path(user_izba.environ["XDG_DATA_HOME"]) / "izba"
    for part in ("", "izba.db", "izba.db-wal", "content", "snapshots", "leases", "locks", "containers"):
        path = data / part
        assert not path.exists() or path.stat().st_mode & 0o077 == 0, part
    user_izba.run("rmi", "app:1", check=True)
