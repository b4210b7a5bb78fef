"""Hostile contexts and Dockerfiles, as root and as both kinds of ordinary user, by the command line (attacks.md D).

`build/test_attacks.py` has each case in full, as root. Here whoever builds could change what is aimed at.
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.conftest import Izba
from tests.layer.tars import tree

pytestmark = pytest.mark.root

REFUSED = {
    "D1 a link out": ("COPY link /x", "not found"),
    "D1 a file behind a link out": ("COPY link/canary /x", "not found"),
    "D1 a link up": ("COPY up/canary /x", "not found"),
    "D1 a bind of a link out": ("RUN --mount=target=/m,source=link cat /m/canary", "not found"),
    "D3 a link of another stage": (
        "RUN --mount=from=evil,source=/to-host,target=/m,rw echo x > /m/canary",
        "not found",
    ),
    "D4 propagation": ("RUN --mount=type=bind,target=/m,bind-propagation=rshared true", "bind-propagation"),
    "D4 devices": ("RUN --mount=type=bind,target=/m,dev true", "dev"),
    "D7 rights": ("RUN --security=insecure true", "insecure"),
    "D9 a secret that is not there": ("RUN --mount=type=secret,id=none,required=true true", "none"),
    "D12 an ignored file": ("COPY sub/../secret /x", "not found"),
}
HARMLESS = {
    "D1 a link is copied as a link": "COPY links /links",
    "D2 a destination behind a link": "RUN ln -s $AIM /app\nCOPY f /app/canary\nADD f /app/more/f\nWORKDIR /app/made",
    "D2 a destination behind a link up": "RUN ln -s ../../../../../../../..$AIM /app\nCOPY --link=false f /app/canary",
    "D3 the root of another stage": "RUN --mount=from=evil,source=/to-root,target=/m,rw touch /m/made; ! ls $AIM",
    "D5 an id that is a path": "RUN --mount=type=cache,id=../..$AIM,target=/c ! test -e /c/canary && touch /c/more",
    "D5 a source that leads out": "RUN --mount=type=cache,id=a,target=/c ln -s $AIM /c/sub\n"
    "RUN --mount=type=cache,id=a,source=sub,target=/c ! test -e /c/canary; touch /c/more\n"
    "RUN --mount=type=cache,id=a,source=../../../../../..$AIM,target=/c ! test -e /c/canary; touch /c/more",
    "D6 mount points that become links": "RUN --mount=type=tmpfs,target=/x/empty --mount=type=tmpfs,target=/y/canary "
    "mkdir /z && ln -s $AIM /z/x; true",
    "D9 no secret stays": "RUN --mount=type=secret,id=s cat /run/secrets/s > /dev/null\n"
    'RUN --mount=type=secret,id=s,env=S test -n "$S"\nRUN ! ls /run/secrets',
    "D11 the environment": "RUN ! env | grep CANARY",
    "D12 a bind of the context": "RUN --mount=target=/c test -e /c/f && ! test -e /c/secret",
    "D12 a pipe and a socket": "COPY odd /odd\nRUN test -p /odd/pipe",
}
"""What may be asked for: `$AIM` is the directory that it aims at."""


@pytest.fixture
def aim(place: Path, any_izba: Izba) -> Iterator[Path]:
    path = place / "aim"
    (path / "empty").mkdir(parents=True)
    (path / "canary").write_text("of the host")
    for each in (path, *path.iterdir()):
        any_izba.own(each)
    before = tree(path)
    yield path
    assert tree(path) == before


@pytest.fixture
def context(any_izba: Izba, place: Path, aim: Path) -> Path:
    """A context full of traps."""
    path = place / "context"
    for name in ("links", "odd", "sub"):
        (path / name).mkdir(parents=True)
    for name, content in {"f": "file", "secret": "s3cret-content", ".dockerignore": "secret\n"}.items():
        (path / name).write_text(content)
    for link in ("link", "links/link"):
        (path / link).symlink_to(aim)
    (path / "up").symlink_to("../" * 20 + str(aim)[1:])
    os.mkfifo(path / "odd/pipe")
    for each in (path, *path.rglob("*")):
        os.chown(each, *_ids(any_izba), follow_symlinks=False)
    return path


def _ids(izba: Izba) -> tuple[int, int]:
    return (izba.user.uid, izba.user.gid) if izba.user else (0, 0)


def _dockerfile(aim: Path, lines: str) -> str:
    evil = f"FROM busybox AS evil\nRUN ln -s {aim} /to-host && ln -s / /to-root\n"
    return f"{evil}FROM busybox\n{lines.replace('$AIM', str(aim))}\n"


@pytest.mark.parametrize("case", list(REFUSED))
def test_what_leads_out_is_refused(any_izba: Izba, context: Path, aim: Path, case: str) -> None:
    lines, reason = REFUSED[case]

    done = any_izba("build", "-t", "hostile", "-f", "-", str(context), input=_dockerfile(aim, lines))

    assert done.returncode == 1
    assert reason in done.stderr
    assert lines in done.stderr, "the error shows the instruction"
    assert "of the host" not in done.stdout + done.stderr
    assert any_izba("image", "inspect", "hostile").returncode == 1


@pytest.mark.parametrize("case", list(HARMLESS))
def test_what_may_be_asked_for_stays_inside(any_izba: Izba, context: Path, aim: Path, case: str) -> None:
    flags = ("--secret", f"id=s,src={context}/secret")
    done = any_izba("build", "-t", "hostile", *flags, "-f", "-", str(context), input=_dockerfile(aim, HARMLESS[case]))

    assert done.returncode == 0, done.stderr
    kept = any_izba.ok("image", "inspect", "hostile") + any_izba.ok("history", "--no-trunc", "hostile") + done.stderr
    assert "s3cret-content" not in kept
    any_izba.ok("rmi", "hostile")


def test_links_of_a_tar_on_standard_input_lead_nowhere(any_izba: Izba, place: Path, aim: Path) -> None:
    """D1: the Dockerfile itself is one, which an error would show; and a file behind one."""
    path = place / "context.tar"
    with tarfile.open(path, "w") as tar:
        for name, target in (("Dockerfile", f"{aim}/canary"), ("l", str(aim))):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
        entry = tarfile.TarInfo("l/planted")
        entry.size = 1
        tar.addfile(entry, io.BytesIO(b"x"))
    shutil.chown(path, *_ids(any_izba))

    with any_izba.own(path).open("rb") as stream:
        building = any_izba.popen("build", "-", stdin=stream, stdout=-1, stderr=-1)
        out, err = building.communicate(timeout=60)

    assert building.returncode == 1
    assert "of the host" not in out + err
