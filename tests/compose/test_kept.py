"""Parsed files that are kept for the next command: never another result, never in the way."""

from __future__ import annotations

import marshal
import os
from binascii import crc32
from pathlib import Path

import pytest

from izba.compose.errors import ComposeFileError
from izba.compose.load import kept, yaml
from izba.compose.load.kept import Kept
from izba.compose.load.source import Document
from tests.compose import corpus
from tests.compose.conftest import Compose

ONE = "services: {web: {image: busybox, command: [sh, -c, SERVE], network_mode: none, stop_grace_period: 0s}}\n"
TAGGED = """
services:
  web: &base {image: web, ports: !override ["80"], environment: {A: 1, B: .nan, C: 0o17, D: }}
  db: {<<: *base, image: !reset x}
---
name: second
"""


def parts(documents: list[Document]) -> list[str]:
    """All that there is to them, as text: nan is not equal to itself."""
    return [
        repr((each.tree, each.source.file, each.source.text, each.source.places, each.resets, each.overrides))
        for each in documents
    ]


def keeps(tmp_path: Path) -> Kept:
    (tmp_path / "data").mkdir()
    return Kept(directory=str(tmp_path / "data/compose/.yaml"), grows=True)


def entries(data: Path) -> list[Path]:
    return sorted((data / "compose/.yaml").iterdir())


def test_what_was_kept_is_what_was_parsed(tmp_path: Path) -> None:
    keep = keeps(tmp_path)
    files = [path for path in corpus.CORPUS.glob("**/*.yaml") if path.stat().st_size]
    texts = [TAGGED, "", *(path.read_text() for path in files)]
    assert len(texts) > 20
    for text in texts:
        try:
            parsed = yaml.documents(text, "file")
        except ComposeFileError as error:
            for _ in range(2):
                with pytest.raises(ComposeFileError, match="^" + str(error)[:20]):
                    keep.documents(text, "file")
            continue

        first, second = keep.documents(text, "file"), keep.documents(text, "other")

        assert parts(first) == parts(parsed)
        assert parts(second) == parts(yaml.documents(text, "other"))


@pytest.mark.parametrize("what", ["cut", "flipped", "empty", "another text", "another reader", "another form"])
def test_what_is_damaged_or_of_another_is_read_anew(tmp_path: Path, what: str) -> None:
    keep = keeps(tmp_path)
    parsed = parts(keep.documents(ONE, "file"))
    (path,) = entries(tmp_path / "data")
    data = path.read_bytes()
    reader, text, trees = good = marshal.loads(data[4:])
    assert text == ONE
    assert [tree for tree, *_ in trees] == [each.tree for each in yaml.documents(ONE, "")]

    def entry(*values: object) -> bytes:
        content = marshal.dumps(values)
        return crc32(content).to_bytes(4, "little") + content

    wrong = {"services": {"wrong": {"image": "wrong"}}}, {}, (), ()
    path.write_bytes({
        "cut": data[:-9],
        "flipped": data[:40] + bytes([data[40] ^ 1]) + data[41:],
        "empty": b"",
        "another text": entry(reader, ONE.replace("web", "bew"), [wrong]),
        "another reader": entry("0.0.0 1", text, [wrong]),
        "another form": entry("one"),
    }[what])  # fmt: skip

    assert parts(keep.documents(ONE, "file")) == parsed
    assert marshal.loads(path.read_bytes()[4:]) == good


def test_no_more_are_kept_than_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST", 3)
    keep = keeps(tmp_path)
    for number in range(5):
        keep.documents(f"name: p{number}{'x' * number}\n", "file")
        os.utime(max(entries(tmp_path / "data"), key=lambda path: path.stat().st_mtime_ns), (number, number))

    assert len(entries(tmp_path / "data")) == 3
    monkeypatch.setattr(kept, "MAX_BYTES", 10)
    keep.documents("name: long\n", "file")
    assert len(entries(tmp_path / "data")) == 3


def test_nothing_is_kept_where_nothing_is_to_be_changed(tmp_path: Path) -> None:
    reads = keeps(tmp_path).replace(grows=False)

    assert parts(reads.documents(ONE, "file")) == parts(Kept().documents(ONE, "file"))
    assert list((tmp_path / "data").iterdir()) == []


def test_up_keeps_it_and_down_does_without_the_yaml_library(project: Compose) -> None:
    comes_and_goes(project)


def test_so_do_those_of_ordinary_users(rootless_project: Compose) -> None:
    comes_and_goes(rootless_project)


def comes_and_goes(project: Compose) -> None:
    project.write(f"# {project.name}\n{ONE}")  # no other has this text
    directory = project.izba.root / "compose/.yaml"
    before = set(directory.glob("*"))
    for command in ("plan", "config -q", "ps", "up --dry-run"):
        project.ok(*command.split())
    assert set(directory.glob("*")) == before

    project.ok("up", "-d")
    (path,) = set(directory.glob("*")) - before
    project.environment["PYTHONPROFILEIMPORTTIME"] = "1"
    done = project("down")

    assert (directory.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
    assert done.returncode == 0, done.stderr
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "|" in line}
    assert "izba.compose.load.kept" in imported
    assert "yaml" not in imported
    assert project.ps() == {}
