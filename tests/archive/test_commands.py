"""`izba save`, `load`, `import` and `export` as people run them."""

from __future__ import annotations

import http.server
import io
import json
import os
import pty
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest

from izba.image.stored import require
from izba.layer.xattrs import belongs_to_layer
from tests.archive.archives import oci_archive, repack
from tests.archive.images import build, files, open_store
from tests.support.users import User

SOURCE = Path(__file__).parents[2] / "src"


class Izba:
    def __init__(self, root: Path) -> None:
        self.root = root

    def __call__(self, *words: object, check: bool = True, **rest: object) -> subprocess.CompletedProcess[bytes]:
        argv = [sys.executable, "-m", "izba", "--root", self.root, *words]
        environment = os.environ | {"PYTHONPATH": str(SOURCE)}
        done = subprocess.run(  # noqa: PLW1510 - checked below, with what it said
            [str(word) for word in argv], env=environment, capture_output="stdout" not in rest, timeout=60, **rest
        )  # type: ignore[call-overload]
        assert not check or done.returncode == 0, done.stderr
        return done  # type: ignore[no-any-return]


@pytest.fixture
def one(tmp_path: Path) -> Izba:
    with open_store(tmp_path / "one") as store:
        build(store, "app:1", files({"bin/sh": b"#!" * 5000}), files({"a": "1"}))
        build(store, "app:2", files({"bin/sh": b"#!" * 5000}), files({"a": "2"}))
    return Izba(tmp_path / "one")


@pytest.fixture
def other(tmp_path: Path) -> Izba:
    return Izba(tmp_path / "other")


pytestmark = pytest.mark.root


def test_save_to_a_file_and_load_from_it(one: Izba, other: Izba, tmp_path: Path) -> None:
    one("save", "-o", tmp_path / "app.tar", "app")
    done = other("load", "-i", tmp_path / "app.tar")

    assert done.stdout == b"Loaded image: app:1\nLoaded image: app:2\n"
    assert os.stat(tmp_path / "app.tar").st_mode & 0o777 == 0o600


@pytest.mark.parametrize("layer", ["izba's", "foreign"])
def test_load_from_a_file_as_standard_input_that_was_read_in_part(
    one: Izba, other: Izba, tmp_path: Path, layer: str
) -> None:
    one("save", "-o", tmp_path / "app.tar", "app:1")
    archive = (tmp_path / "app.tar").read_bytes() if layer == "izba's" else oci_archive(repack({"b": b"1", "a": b"2"}))
    (tmp_path / "more").write_bytes(b"something else" + archive)
    with (tmp_path / "more").open("rb", buffering=0) as file:
        file.seek(14)
        done = other("load", stdin=file)

    assert done.stdout.startswith(b"Loaded image")
    assert other("system", "check", "--verify").returncode == 0


def test_save_and_load_through_a_pipe(one: Izba, other: Izba) -> None:
    """`izba save … | ssh … izba load`: nothing can seek."""
    saving = subprocess.Popen(
        [sys.executable, "-m", "izba", "--root", str(one.root), "image", "save", "app:2"],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
    )
    done = other("image", "load", "--quiet", stdin=saving.stdout)

    assert saving.wait() == 0
    assert saving.stdout is not None
    saving.stdout.close()
    assert done.stdout == b"Loaded image: app:2\n"


def test_an_image_saved_by_id_comes_back_without_name(one: Izba, other: Izba, tmp_path: Path) -> None:
    with open_store(one.root) as store:
        id = require(store, "app:1").id
    one("save", "--output", tmp_path / "x.tar", id)

    assert other("load", "--input", tmp_path / "x.tar").stdout.decode() == f"Loaded image ID: {id}\n"


def test_a_name_that_changes_hands_is_said_so(one: Izba, other: Izba, tmp_path: Path) -> None:
    one("save", "-o", tmp_path / "app.tar", "app:1")
    with open_store(other.root) as store:
        before = build(store, "app:1", files({"before": ""}))
    done = other("load", "-i", tmp_path / "app.tar").stdout.decode().splitlines()

    assert done[0] == f"The image app:1 already exists, renaming the old one with ID {before.id} to empty string"
    assert done[1] == "Loaded image: app:1"


def test_an_unknown_image_makes_no_file(one: Izba, tmp_path: Path) -> None:
    done = one("save", "-o", tmp_path / "x.tar", "app:1", "nothing", check=False)

    assert done.returncode == 1
    assert b"No such image: nothing" in done.stderr
    assert not list(tmp_path.glob("x.tar*"))


def test_an_archive_is_not_written_to_a_terminal(one: Izba) -> None:
    master, terminal = pty.openpty()
    done = one("save", "app:1", check=False, stdout=terminal, stderr=subprocess.PIPE)
    os.close(terminal)
    os.close(master)

    assert done.returncode == 1
    assert b"cowardly refusing to save to a terminal" in done.stderr


def test_an_empty_input_is_an_error(other: Izba) -> None:
    done = other("load", check=False, input=b"")

    assert done.returncode == 1
    assert b"the archive is empty" in done.stderr


ROOT = repack({"etc/passwd": b"root:x:0:0", "bin/true": b"#!"})


def test_import_makes_an_image_of_a_root_file_system(other: Izba, tmp_path: Path) -> None:
    (tmp_path / "root.tar").write_bytes(ROOT)
    changes = ['CMD ["/bin/true"]', "ENV A=1 B=2", "WORKDIR /srv", "EXPOSE 80", "LABEL x=y", "USER 1000"]
    words = [word for change in changes for word in ("-c", change)]
    id = other("import", *words, "-m", "as it was", tmp_path / "root.tar", "base:1").stdout.decode().strip()

    with open_store(other.root) as store:
        image = require(store, "base:1")
        assert image.id == id
        assert image.config["config"] == {
            "Cmd": ["/bin/true"],
            "Env": ["A=1", "B=2"],
            "WorkingDir": "/srv",
            "ExposedPorts": {"80/tcp": {}},
            "Labels": {"x": "y"},
            "User": "1000",
        }
        assert image.config["history"][0]["comment"] == "as it was"
        with image.open_tar(image.diff_ids[0]) as layer:
            data = b"".join(iter(lambda: layer.read(1 << 20), b""))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert tar.getnames() == ["bin", "bin/true", "etc", "etc/passwd"]


def test_import_reads_compressed_tars_from_standard_input(other: Izba) -> None:
    import lzma

    other("import", "-", "base:xz", input=lzma.compress(ROOT))
    done = other("import", "-", check=False, input=b"no tar at all" * 100)

    assert done.returncode == 1
    assert b"not a tar archive" in done.stderr


def test_import_from_a_url(other: Izba, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web/root.tar").write_bytes(ROOT)
    with serving(tmp_path / "web") as url:
        other("import", f"{url}/root.tar", "base:url")
        done = other("import", f"{url}/nothing", check=False)
    assert b"the server answers 404" in done.stderr


class serving:  # noqa: N801 - reads as a verb
    def __init__(self, directory: Path) -> None:
        handler = type("Handler", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), lambda *words: handler(*words, directory=str(directory))
        )
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.mark.parametrize(
    ("change", "says"),
    [("RUN true", "RUN is not a valid change command"), ("FROM x", "FROM is not"), ("CDM x", "CMD"), ("EXPOSE x", "x")],
)
def test_a_change_that_is_none_is_refused(other: Izba, change: str, says: str) -> None:
    done = other("import", "-c", change, "-", check=False, input=ROOT)

    assert done.returncode == 1
    assert says in done.stderr.decode()


def test_export_writes_what_a_container_sees(one: Izba, tmp_path: Path) -> None:
    id = one("create", "--network", "none", "app:1", "/bin/sh").stdout.decode().strip()
    with open_store(one.root) as store:
        upper = Path(store.snapshots.upper(id))
        (upper / "new").write_text("made in the container")
        os.mknod(upper / "a", 0o020000, 0)
    one("export", "-o", tmp_path / "rootfs.tar", id)

    with tarfile.open(tmp_path / "rootfs.tar") as tar:
        found = tar.getnames()
    assert {"bin/sh", "new"} < set(found)
    assert "a" not in found
    one("import", tmp_path / "rootfs.tar", "flat:1")
    one("rm", id)


def test_an_ordinary_user_imports_saves_and_loads(user_izba: User, tmp_path: Path) -> None:
    """Owners survive, whether the user has ids for them or only a record."""
    work = user_izba.home / f"archives-{os.urandom(4).hex()}"
    work.mkdir()
    os.chown(work, user_izba.uid, user_izba.gid)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("mine")
        info.uid, info.gid, info.mode = 1000, 50, 0o4755
        tar.addfile(info)
    (work / "root.tar").write_bytes(out.getvalue())
    (work / "root.tar").chmod(0o644)

    def run(*words: str) -> str:
        return user_izba.run("--root", f"{work}/{words[0]}", *words[1:], check=True).stdout

    run("one", "import", f"{work}/root.tar", "base:1")
    run("one", "save", "-o", f"{work}/saved.tar", "base:1")
    assert run("two", "load", "-i", f"{work}/saved.tar") == "Loaded image: base:1\n"
    run("two", "save", "-o", f"{work}/again.tar", "base:1")

    assert (work / "saved.tar").read_bytes() == (work / "again.tar").read_bytes()
    with tarfile.open(work / "saved.tar") as archive:
        names = json.load(archive.extractfile("manifest.json"))[0]["Layers"]  # type: ignore[arg-type]
        with tarfile.open(fileobj=archive.extractfile(names[0])) as layer:
            mine = layer.getmember("mine")
    assert (mine.uid, mine.gid, mine.mode) == (1000, 50, 0o4755)
    assert not any(belongs_to_layer(key.removeprefix("SCHILY.xattr.")) for key in mine.pax_headers)
