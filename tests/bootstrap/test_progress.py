"""Steps as a terminal shows them, and as a file keeps them."""

from __future__ import annotations

import io

import pytest

from izba.bootstrap.progress import Step
from izba.cli.output.steps import steps
from izba.errors import InvalidArgument

STEPS = (Step(text="Reading"), Step(text="Downloading", done=1_000_000, total=4_000_000), Step(text="Downloading"))


def shown(how: str) -> str:
    out = io.StringIO()
    with steps(out, how) as show:
        for step in STEPS:
            show(step)
    return out.getvalue()


def test_a_file_gets_a_line_for_each_step() -> None:
    assert shown("auto") == shown("plain") == "Reading\nDownloading\n"


def test_a_terminal_gets_lines_that_move() -> None:
    text = shown("tty")

    assert "Downloading  1.0/4.0 MB" in text
    assert text.endswith("Downloading\n")


def test_nothing_is_shown_where_nothing_is_wanted() -> None:
    assert shown("none") == ""


def test_another_way_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="progress 'fancy'"):
        shown("fancy")
