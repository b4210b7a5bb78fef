"""What the documentation points at is there, and what the guide says to type works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md"))
    if "node_modules" not in path.parts
)


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    found = re.findall(
        r"^#+ +(.*)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL), flags=re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text())):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{target}: no such file"
        if anchor and there.suffix == ".md":
            assert anchor in anchors(there), f"{target}: no such heading"


def test_the_readme_and_its_russian_twin_say_the_same() -> None:
    english, russian = (shape((ROOT / name).read_text()) for name in ("README.md", "README.ru.md"))

    assert english == russian


def shape(text: str) -> dict[str, list[str]]:
    """What does not depend on the language: levels of headings, blocks without their comments, links, points, rows."""
    blocks = re.findall(r"^```.*?^```", text, flags=re.MULTILINE | re.DOTALL)
    prose = without_code(text)
    return {
        "headings": re.findall(r"^#+(?= )", prose, flags=re.MULTILINE),
        "blocks": [re.sub(r" +# .*", "", block) for block in blocks],
        "links": [target for target in re.findall(r"\]\(([^)\s]+)\)", prose) if not target.startswith("README")],
        "points and rows": re.findall(r"^[-|](?= )", prose, flags=re.MULTILINE),
        "words of a machine": sorted(re.findall(r"`([^`\n]*)`", text.replace("```", ""))),
    }


def test_the_tests_against_attacks_exist() -> None:
    for row in re.findall(r"^\| [A-IV]\d+ \|.*$", (ROOT / "docs/security.md").read_text(), flags=re.MULTILINE):
        check_tests_exist(row.split("|")[3], row)


def test_the_tests_of_each_clause_exist_in_all_modes() -> None:
    text = (ROOT / "docs/internals/tests.md").read_text()
    rows = re.findall(r"^\| (?!clause \|).+$", text, flags=re.MULTILINE)
    assert rows
    for row in rows:
        _, clause, tests, modes, _ = re.split(r" ?\| ?", row)
        assert clause
        check_tests_exist(tests, row)
        told, _, reason = modes.partition(": ")
        assert set(told.split(", ")) == {"root", "range", "single"} or reason, row


def check_tests_exist(cell: str, row: str) -> None:
    """What a table's cell names: `directory/file.py`: `test_one`, `test_two`; `directory/other.py`."""
    assert "`" in cell, row
    for file, names in re.findall(r"`([\w/]+\.py)`(?:: ((?:`\w+`(?:, )?)+))?", cell):
        source = (ROOT / "tests" / file).read_text()
        for name in re.findall(r"`(\w+)`", names):
            assert f"def {name}(" in source, f"{file}: {name}"


def test_every_case_of_the_sections_has_a_row() -> None:
    cases = set(re.findall(r"^\| ([A-EHV]\d+) \|", (ROOT / "docs/security.md").read_text(), flags=re.MULTILINE))
    last = {"A": 10, "B": 7, "C": 15, "D": 12, "E": 8, "H": 10, "V": 10}

    assert cases == {f"{section}{number}" for section, count in last.items() for number in range(1, count + 1)}


def test_the_walkthrough_names_files_that_are_there() -> None:
    text = (ROOT / "docs/internals/walkthrough.md").read_text()
    below = [ROOT / "src/izba" / part for part in ("", "build", "monitor", "runtime", "runtime/native")]

    for name in re.findall(r"`([a-z_/]+\.py)`", text):
        assert any((directory / name).is_file() for directory in below), name


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.network
def test_the_guide_to_the_first_container_works_as_it_is_typed(tmp_path: Path, reader: dict[str, str]) -> None:
    try:
        follow(ROOT / "docs/first-container.md", tmp_path, reader)
    finally:
        subprocess.run(["izba", "rm", "-f", "web", "scribe"], env=reader, capture_output=True, check=False)


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.network
def test_the_guide_to_the_first_project_works_as_it_is_typed(tmp_path: Path, reader: dict[str, str]) -> None:
    try:
        follow(ROOT / "docs/first-project.md", tmp_path, reader)
        left = subprocess.run(["izba", "ps", "-aq"], env=reader, capture_output=True, check=True)
        assert left.stdout == b""
    finally:
        down = ["izba", "compose", "-p", "visitors", "down", "-v"]
        subprocess.run(down, env=reader, capture_output=True, check=False)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of somebody who has installed izba, and reads one guide after the other."""
    home = tmp_path_factory.mktemp("reader")
    return os.environ | {
        "IZBA_ROOT": str(home / "izba"),
        "PATH": f"{_bin(home)}:{os.environ['PATH']}",
        "no_proxy": "127.0.0.1",
    }


def follow(page: Path, directory: Path, environ: dict[str, str]) -> None:
    """Type what the page says, and see what it shows."""
    for command, expected in typed(page):
        if command.startswith("cd "):
            directory /= command.removeprefix("cd ")
            continue
        done = subprocess.run(
            ["sh", "-c", command], cwd=directory, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        if expected:
            assert sorted(done.stdout.splitlines()) == sorted(expected), command


def typed(page: Path) -> list[tuple[str, list[str]]]:
    """The commands of the page's console blocks, each with the output shown under it."""
    return typed_in(page.read_text())


def typed_in(text: str) -> list[tuple[str, list[str]]]:
    """The same of a part of a page."""
    commands: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^ *```console\n(.*?)^ *```", text, flags=re.MULTILINE | re.DOTALL):
        lines = iter(textwrap.dedent(block).splitlines())
        for line in lines:
            if not line.startswith("$ "):
                commands[-1][1].append(line)
                continue
            command = line[2:]
            if "<<'END'" in command:
                for more in lines:
                    command += f"\n{more}"
                    if more == "END":
                        break
            commands.append((command, []))
    return commands


def _bin(directory: Path) -> Path:
    program = directory / "bin" / "izba"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m izba "$@"\n')
    program.chmod(0o755)
    return program.parent
