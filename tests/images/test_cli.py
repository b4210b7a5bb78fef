"""What the image commands print: Docker's lines, to the letter."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from izba.engine.engine import Engine
from izba.layer.streams import Discard
from izba.oci.chain import next_chain_id
from izba.oci.digest import Digest
from izba.store.images import ImageRow
from tests.support.children import children_cpu
from tests.support.layers import load, tar

pytestmark = pytest.mark.root

Izba = Callable[..., "subprocess.CompletedProcess[str]"]
BIG = tar({"big": b"x" * 7_000_000})
TWO = tar({"two": b"2"})


@pytest.fixture
def loaded(engine: Engine) -> Engine:
    history = [
        {"created": "2020-01-01T00:00:00Z", "created_by": "/bin/sh -c #(nop) ADD file:0123456789abcdef01234567 in / "},
        {"created": "2020-01-01T00:00:01Z", "created_by": "CMD\t[sh]", "empty_layer": True, "comment": "a comment"},
    ]
    load(engine.store, [BIG], "busybox:1.36", created="2020-01-01T00:00:00Z", history=history, config={"Cmd": ["sh"]})
    load(engine.store, [TWO], "example.com/team/app", created="2021-01-01T00:00:00Z")
    return engine


def _id(engine: Engine, name: str) -> str:
    return engine.images.require(name).id.hex[:12]


def test_images_prints_dockers_table(loaded: Engine, izba: Izba) -> None:
    assert izba("images").stdout.splitlines() == [
        "REPOSITORY             TAG       IMAGE ID       CREATED       SIZE",
        f"example.com/team/app   latest    {_id(loaded, 'example.com/team/app')}   {_years(2021)} years ago   10.2kB",
        f"busybox                1.36      {_id(loaded, 'busybox:1.36')}   {_years(2020)} years ago   7MB",
    ]


def _years(year: int) -> int:
    return int((time.time() - (year - 1970) * 365.25 * 86400) / 3600) // 24 // 365


def test_images_takes_a_name_and_filters(loaded: Engine, izba: Izba) -> None:
    assert len(izba("images", "busybox").stdout.splitlines()) == 2
    assert len(izba("image", "ls", "busybox:2").stdout.splitlines()) == 1
    assert izba("images", "-q", "-f", "reference=*/team/*").stdout == f"{_id(loaded, 'example.com/team/app')}\n"
    wrong = izba("images", "-f", "colour=red")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "error: invalid filter 'colour'" in wrong.stderr


def test_images_formats(loaded: Engine, izba: Izba) -> None:
    assert izba("images", "--format", "{{.Repository}}:{{.Tag}} {{.Size}}").stdout.splitlines() == [
        "example.com/team/app:latest 10.2kB",
        "busybox:1.36 7MB",
    ]
    first = json.loads(izba("images", "--format", "json").stdout.splitlines()[0])
    assert first["Repository"] == "example.com/team/app"
    assert first["CreatedAt"] == "2021-01-01 00:00:00 +0000 UTC"
    table = izba("images", "--digests", "--no-trunc").stdout.splitlines()
    assert table[0].split() == ["REPOSITORY", "TAG", "DIGEST", "IMAGE", "ID", "CREATED", "SIZE"]
    assert f"<none>    {loaded.images.require('busybox:1.36').id}" in table[2]


def test_history_prints_dockers_table(loaded: Engine, izba: Izba) -> None:
    ago = f"{_years(2020)} years ago"
    assert izba("history", "busybox:1.36").stdout.splitlines() == [
        "IMAGE          CREATED       CREATED BY                                      SIZE      COMMENT",
        f"{_id(loaded, 'busybox:1.36')}   {ago}   CMD [sh]                                        0B        a comment",
        f"<missing>      {ago}   /bin/sh -c #(nop) ADD file:0123456789abcdef0…   7MB       ",
    ]
    plain = izba("image", "history", "-H=false", "--no-trunc", "busybox:1.36").stdout
    assert "2020-01-01T00:00:01Z   CMD [sh] " in plain
    assert " 7004160 " in plain


def test_inspect_prints_a_list_and_what_was_missing(loaded: Engine, izba: Izba) -> None:
    both = izba("image", "inspect", "busybox:1.36", "nothing")

    assert both.returncode == 1
    assert [found["RepoTags"] for found in json.loads(both.stdout)] == [["busybox:1.36"]]
    assert both.stderr == "error: No such image: nothing:latest\n"
    assert izba("image", "inspect", "-f", "{{.Config.Cmd}} {{.Os}}", "busybox:1.36").stdout == "[sh] linux\n"


def test_tag_and_rmi_tell_what_they_did(loaded: Engine, izba: Izba) -> None:
    assert izba("tag", "busybox:1.36", "mine").stdout == ""
    assert izba("rmi", "mine").stdout == "Untagged: mine:latest\n"
    image = loaded.images.require("busybox:1.36")
    removed = izba("rmi", "busybox:1.36", "nothing")
    assert removed.returncode == 1
    assert removed.stdout.splitlines() == [
        "Untagged: busybox:1.36",
        f"Deleted: {image.id}",
        f"Deleted: {image.chain_id}",
    ]
    assert removed.stderr == "error: No such image: nothing:latest\n"
    assert izba("rmi", "-f", "nothing").returncode == 0


def test_prune_asks_first(loaded: Engine, izba: Izba) -> None:
    refused = izba("image", "prune", "-a", input="n\n")
    assert "This will remove all images without at least one container associated to them." in refused.stdout
    assert len(izba("images", "-q").stdout.splitlines()) == 2

    done = izba("image", "prune", "-af")
    assert done.stdout.startswith("Deleted Images:\nuntagged: ")
    assert "Total reclaimed space: " in done.stdout
    assert izba("images", "-q").stdout == ""
    assert izba("image", "prune", "-f").stdout == "Total reclaimed space: 0B\n"


def test_df_adds_up(loaded: Engine, izba: Izba, container: Callable[..., str]) -> None:
    container("busybox:1.36")
    lines = [line.split("  ") for line in izba("system", "df").stdout.splitlines()]
    rows = {cells[0]: [cell.strip() for cell in cells[1:] if cell] for cells in lines}

    assert rows["TYPE"] == ["TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"]
    assert rows["Images"] == ["2", "1", "7.014MB", "10.24kB (0%)"]
    assert rows["Containers"][:2] == ["1", "0"]
    assert "busybox" in izba("system", "df", "-v").stdout


def test_system_prune_removes_containers_then_what_only_they_used(
    loaded: Engine, izba: Izba, container: Callable[..., str]
) -> None:
    id = container("busybox:1.36")
    kept = container("example.com/team/app", id="d" * 64, running=True)
    refused = izba("system", "prune", "-a", input="\n")
    assert refused.stdout.splitlines()[:6] == [
        "WARNING! This will remove:",
        "  - all stopped containers",
        "  - all networks not used by at least one container",
        "  - all images without at least one container associated to them",
        "  - all build cache",
        "",
    ]

    done = izba("system", "prune", "-af")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == ["Deleted Containers:", id]
    assert "untagged: busybox:1.36" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Total reclaimed space: 7.")
    assert [row.id for row in loaded.store.containers.all()] == [kept]
    assert izba("images", "--format", "{{.Repository}}").stdout == "example.com/team/app\n"
    assert izba("system", "check", "--verify").stdout == "no problem found\n"


def test_builder_prune_spares_what_images_have(loaded: Engine, izba: Izba) -> None:
    store = loaded.store
    chain = loaded.images.require("busybox:1.36").chain_id
    with store.lease("build"):
        store.snapshots.prepare("step", chain)
        written = store.snapshots.write_layer("step", Discard())
        own = next_chain_id(chain, written.diff_id)
        store.snapshots.commit(own, "step", diff_id=written.diff_id, size=written.size)
        for key, diff_id, at in (
            (b"base", store.snapshots.stat(str(chain)).diff_id, chain),
            (b"own", written.diff_id, own),
        ):
            store.db.execute(
                "INSERT INTO build_cache VALUES (?, NULL, 'definition', ?, ?, 'RUN true', 1, 1, 0)",
                *(Digest.of(key), diff_id, at),
            )
            store.leases.keep(f"build-cache-{Digest.of(key).hex}", "build cache", snapshots=(str(at),))

    first = izba("builder", "prune", "-f").stdout.splitlines()
    assert first[:2] == ["Deleted build cache objects:", Digest.of(b"own").hex]
    assert not store.snapshots.has(own)
    assert store.snapshots.has(str(chain))
    assert izba("builder", "prune", "-f", "--filter", "until=1h").stdout == "Total reclaimed space: 0B\n"
    assert Digest.of(b"base").hex in izba("builder", "prune", "-af").stdout
    assert store.snapshots.has(str(chain))


def test_check_tells_and_mends(loaded: Engine, izba: Izba) -> None:
    assert izba("system", "check", "--verify").stdout == "no problem found\n"
    image = loaded.images.require("busybox:1.36")
    Path(loaded.store.content.path(image.id)).unlink()

    found = izba("system", "check")
    assert found.returncode == 1
    assert found.stdout.splitlines()[0] == f"{image.id}: a blob's file is gone; needed by {image.id}"
    repaired = izba("system", "check", "--repair")
    assert (repaired.returncode, repaired.stdout.splitlines()[-1]) == (0, "repaired 1 of 1 problem")
    assert izba("images").stdout.count("busybox") == 0


def test_an_id_is_never_printed_raw_from_outside(loaded: Engine, izba: Izba) -> None:
    """A8, B6: escape codes in what the user or an image says do not reach the terminal."""
    assert "\x1b" not in izba("image", "inspect", "\x1b[31mred").stderr


def test_a_thousand_images_are_listed_in_150_ms_of_the_processor(engine: Engine, izba: Izba) -> None:
    content = engine.store.content
    with engine.store.db.transaction():
        for number in range(1000):
            engine.store.db.execute(
                "INSERT INTO content VALUES (?, 1, 'x', 0), (?, 1, 'x', 0)",
                *(manifest := Digest.of(b"m%d" % number), id := Digest.of(b"c%d" % number)),
            )
            image = ImageRow(
                manifest=manifest,
                id=id,
                chain_id=None,
                created=1_700_000_000_000_000_000 + number,
                stored=0,
                size=number,
                os="linux",
                architecture="amd64",
                variant="",
                labels=(("a", "b"),),
            )
            engine.store.images.insert(image, [])
            engine.store.db.execute("INSERT INTO names VALUES (?, ?, 0)", f"docker.io/library/app{number}:1", manifest)
    assert content.files() == []  # listing needs none of them

    times = []
    for _ in range(5):
        before = children_cpu()
        lines = izba("images").stdout.count("\n")
        times.append(children_cpu() - before)
    assert lines == 1001
    assert min(times) < 0.150


def test_images_imports_nothing_heavy(loaded: Engine, izba: Izba) -> None:
    """Decisions, start: a list is shown before anybody could have imported json, re or argparse."""
    import os
    import sys

    script = (
        "import sys; from izba.cli.main import main; main(sys.argv[1:]); print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", script, "--root", loaded.roots.data, "images"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path.endswith("src"))},
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {
        "json",
        "re",
        "typing",
        "argparse",
        "sqlite3",
        "dataclasses",
        "enum",
        "pathlib",
        "subprocess",
        "msgspec",
        "functools",
    }
    assert heavy.isdisjoint(done.stderr.split())
