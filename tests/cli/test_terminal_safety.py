"""What images, containers and files are called is shown, and never obeyed by the terminal (attacks C13)."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from izba.cli.output.columns import align
from izba.cli.printable import printable, printable_lines

RED = "\x1b[31m"


def test_a_tables_cells_have_no_escape_codes_and_no_lines() -> None:
    text = align([["NAME", "COMMAND"], [f"{RED}x", "one\ntwo\ttabs\r"]])

    assert text == "NAME        COMMAND\n\\x1b[31mx   one\\ntwo\\ttabs\\r\n"


def test_what_is_no_text_can_be_printed() -> None:
    assert printable(os.fsdecode(b"caf\xe9 \xc3\xa9")) == "caf\\udce9 é"


def test_lines_stay_lines_where_they_are_meant() -> None:
    assert printable_lines(f"one\n{RED}two\tend") == "one\n\\x1b[31mtwo\tend"


def test_an_error_message_is_not_obeyed() -> None:
    done = subprocess.run([sys.executable, "-m", "izba", f"{RED}nonsense"], capture_output=True, text=True, check=False)

    assert "\x1b" not in done.stderr
    assert "\\x1b[31m" in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_a_closed_stream_leads_nowhere(tmp_path: os.PathLike[str], closed: str) -> None:
    script = f'"{sys.executable}" -m izba --root "{tmp_path}" images {closed}'

    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
