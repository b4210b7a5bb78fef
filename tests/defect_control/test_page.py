"""The page checked as its developers check it: types, lint, and its own tests in jsdom against a gateway of theirs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.defect_control.composed import EXAMPLE, MADE_BY_USE

# Six hundred packages are unpacked first.
pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.peer("npm")]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the page with its packages."""
    copy = tmp_path_factory.mktemp("page") / "frontend"
    shutil.copytree(EXAMPLE / "frontend", copy, ignore=shutil.ignore_patterns(*MADE_BY_USE))
    npm(copy, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline")
    return copy


def test_the_page_passes_its_own_tests(page: Path) -> None:
    assert "src/pages/record/RecordPage.test.tsx" in npm(page, "test")


@pytest.mark.parametrize("check", ["typecheck", "lint"])
def test_the_page_has_no_finding_of_its_checkers(page: Path, check: str) -> None:
    npm(page, "run", check)


def npm(page: Path, *command: str) -> str:
    done = subprocess.run(
        ["npm", *command], cwd=page, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-2000:]}"
    return done.stdout
