"""The page's own tests: its forms, its session and its words, in jsdom and against a gateway of theirs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.defect_control.composed import EXAMPLE, MADE_BY_USE

# Six hundred packages are unpacked first. Its types are checked where its image is built.
pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.peer("npm")]


def test_the_page_passes_its_own_tests(tmp_path: Path) -> None:
    page = shutil.copytree(EXAMPLE / "frontend", tmp_path / "frontend", ignore=shutil.ignore_patterns(*MADE_BY_USE))

    for command in (["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"], ["test"]):
        done = subprocess.run(
            ["npm", *command],
            cwd=page,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-2000:]}"

    assert "src/pages/record/RecordPage.test.tsx" in done.stdout
