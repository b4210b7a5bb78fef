"""docs/dockerfile.md: every row names a test that is there, and nothing that there is to support has no row."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from izba.build.dockerfile import grammar, mounts, rules

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "dockerfile.md"
ROWS = re.findall(r"^\| (?!---|feature|check )(.+?) \| (.+?) \| (\S+) \|$", PAGE.read_text(), re.MULTILINE)
FEATURES = "\n".join(feature for feature, _, _ in ROWS)


def test_the_page_has_rows() -> None:
    assert len(ROWS) > 80
    assert len(ROWS) == len(re.findall(r"^\| .*::", PAGE.read_text(), re.MULTILINE))


@pytest.mark.parametrize("proof", sorted({proof for _, _, proof in ROWS}))
def test_a_rows_test_is_there_and_runs(proof: str) -> None:
    file, _, name = proof.partition("::")
    module = ast.parse((TESTS / file).read_text())
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}

    assert name in functions
    marks = [ast.unparse(decorator) for decorator in functions[name].decorator_list]
    assert not any("skip" in mark or "xfail" in mark for mark in marks)


@pytest.mark.parametrize("instruction", grammar.INSTRUCTIONS)
def test_an_instruction_has_a_row(instruction: str) -> None:
    assert re.search(rf"`[^`]*\b{instruction}\b", FEATURES)


@pytest.mark.parametrize(
    ("instruction", "flag"), [(name, flag) for name, flags in grammar.FLAGS.items() for flag in flags]
)
def test_a_flag_has_a_row(instruction: str, flag: str) -> None:
    assert re.search(rf"`{instruction} (?:--[\w-]+ )*--{flag}\b", FEATURES)


@pytest.mark.parametrize("key", mounts.KEYS)
def test_a_key_of_a_mount_has_a_row(key: str) -> None:
    assert re.search(rf"`{key}[`=]", FEATURES)


def test_every_check_has_a_row() -> None:
    names = [feature.strip("`") for feature, _, proof in ROWS if "test_lint.py" in proof]

    assert {rule.name for rule in rules.RULES} <= set(names)
