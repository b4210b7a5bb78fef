"""Ordinary users: owners and devices that cannot be are recorded, and layers tell of them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from izba.layer.fsops import RECORD, Mapped, Node, Privileged, Rootless, fsops
from tests.layer.tars import END, apply_bytes, directory, member, symlink
from tests.support.users import User

LAYER = (
    directory("d", uid=5, gid=6)
    + member("d/f", b"data", uid=1000, gid=50, mode=0o4755)
    + member("root", b"1")
    + symlink("l", "d/f")
    + member("null", type=b"3", device=(1, 3), mode=0o666, uid=0, gid=5)
    + member("fifo", type=b"6", mode=0o640)
    + member(".wh.gone")
    + member("o/.wh..wh..opq")
    + END
)

# Applied, described, written again and applied once more, in the user namespace that all of izba's commands enter.
SCRIPT = """
import io, json, os, sys
from izba.engine.engine import Engine
from izba.layer.apply import apply
from izba.layer.diff import write_layer
from izba.layer.fsops import fsops
from izba.layer.xattrs import read
from izba.linux.overlay import encoding
engine = Engine.open()
engine.enter_user_namespace()
layer, one, two = sys.argv[1:]
ops = fsops()
tars = []
stream = open(layer, "rb")
for directory in (one, two):
    os.mkdir(directory)
    apply(stream, directory, ops=ops, overlay=encoding())
    out = io.BytesIO()
    write_layer(directory, out, ops=ops, overlay=encoding())
    tars.append(out.getvalue())
    stream = io.BytesIO(out.getvalue())
found = {}
for name in sorted(os.listdir(one)) + ["d/f"]:
    status = os.lstat(f"{one}/{name}")
    found[name] = [oct(status.st_mode), status.st_uid, status.st_gid]
with open(f"{one}.tar", "wb") as file:
    file.write(tars[0])
print(json.dumps({"kind": type(ops).__name__, "same": tars[0] == tars[1], "found": found}))
"""


def in_namespace(user: User, tmp_path: Path) -> dict[str, object]:
    os.chmod(tmp_path, 0o755)
    work = user.home / f"layer-{os.urandom(4).hex()}"
    work.mkdir()
    os.chown(work, user.uid, user.gid)
    (work / "layer.tar").write_bytes(LAYER)
    (work / "layer.tar").chmod(0o644)
    done = user.execute(
        [user.installation.python, "-c", SCRIPT, f"{work}/layer.tar", f"{work}/one", f"{work}/two"], check=True
    )
    result: dict[str, object] = json.loads(done.stdout)
    result["tar"] = (work / "one.tar").read_bytes()
    return result


def told(tar: bytes) -> dict[str, tuple[int, int, int, bytes, tuple[int, int]]]:
    """What a tar says of each entry."""
    from tests.layer.test_tarstream import entries

    return {
        os.fsdecode(entry.name): (entry.uid, entry.gid, entry.mode, entry.type, entry.device) for entry in entries(tar)
    }


@pytest.mark.root
@pytest.mark.peer("newuidmap")
def test_with_a_range_of_ids_owners_are_real_and_devices_recorded(range_user: User, tmp_path: Path) -> None:
    result = in_namespace(range_user, tmp_path)

    assert (result["kind"], result["same"]) == ("Mapped", True)
    assert result["found"]["d/f"] == ["0o104755", 1000, 50]  # type: ignore[index]
    assert result["found"]["null"] == ["0o100666", 0, 5]  # type: ignore[index]
    check_told(told(result["tar"]))  # type: ignore[arg-type]


@pytest.mark.root
def test_with_one_id_owners_and_devices_are_recorded(single_user: User, tmp_path: Path) -> None:
    result = in_namespace(single_user, tmp_path)

    assert (result["kind"], result["same"]) == ("Rootless", True)
    assert result["found"]["d/f"] == ["0o104755", 0, 0]  # type: ignore[index]
    check_told(told(result["tar"]))  # type: ignore[arg-type]


def check_told(found: dict[str, tuple[int, int, int, bytes, tuple[int, int]]]) -> None:
    assert found["d/"] == (5, 6, 0o755, b"5", (0, 0))
    assert found["d/f"] == (1000, 50, 0o4755, b"0", (0, 0))
    assert found["null"] == (0, 5, 0o666, b"3", (1, 3))
    assert found["fifo"][2:4] == (0o640, b"6")
    assert found[".wh.gone"][3] == b"0"
    assert "o/.wh..wh..opq" in found


@pytest.mark.root
@pytest.mark.peer("newuidmap")
def test_an_owner_outside_the_range_is_an_error_with_a_remedy(range_user: User, tmp_path: Path) -> None:
    """A8."""
    work = range_user.home / "out-of-range"
    work.mkdir()
    os.chown(work, range_user.uid, range_user.gid)
    (work / "layer.tar").write_bytes(member("usr/bin/x", pax={"uid": "2000000000"}) + END)
    script = SCRIPT.replace("print(json", "0 and (json")
    done = range_user.execute(
        [range_user.installation.python, "-c", script, f"{work}/layer.tar", f"{work}/one", f"{work}/two"]
    )
    assert done.returncode != 0
    assert "'usr/bin/x' belongs to 2000000000:0, which lies outside the ids that this user may use" in done.stderr


@pytest.mark.root
def test_real_root_believes_no_record(tmp_path: Path) -> None:
    """A container's root can write user attributes; they make no device of a file."""
    (tmp_path / "f").touch()
    record = {RECORD: b"0:0:20666:1:3"}
    status = os.stat(tmp_path / "f")

    assert isinstance(fsops(), Privileged)
    assert not isinstance(fsops(), Mapped)
    assert Privileged().told(status, record).device == (0, 0)
    assert Mapped().told(status, record) == Node(uid=0, gid=0, mode=0o020644, device=(1, 3))


@pytest.mark.parametrize(
    "record", [b"", b"x", b"1", b"1:2:3", b"-1:0", b"1:2:9:3:4", b"1:99999999999", b"0:0:100644:1:3"]
)
def test_a_record_that_makes_no_sense_is_none(tmp_path: Path, record: bytes) -> None:
    (tmp_path / "f").touch()
    found = Rootless().told(os.stat(tmp_path / "f"), {RECORD: record})

    assert (found.uid, found.gid, found.device) == (0, 0, (0, 0))


def test_a_file_that_was_written_over_is_no_device_any_more(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("now a file")

    assert Rootless().told(os.stat(tmp_path / "f"), {RECORD: b"0:0:20666:1:3"}).device == (0, 0)


def test_a_directory_that_comes_again_with_another_owner_has_that_one(tmp_path: Path) -> None:
    layer = directory("d", uid=5, gid=6) + directory("d") + END
    apply_bytes(layer, tmp_path / "fs", ops=Rootless())

    assert RECORD not in os.listxattr(tmp_path / "fs/d")
