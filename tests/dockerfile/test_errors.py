"""What people see when a Dockerfile is wrong, to the letter: tests/dockerfile/errors/NAME.{Dockerfile,txt}.

`IZBA_UPDATE_GOLDEN=1` writes the texts anew, to be read before they are committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from izba.build.dockerfile import DockerfileError, parse
from izba.cli.main import report

CASES = sorted((Path(__file__).parent / "errors").glob("*.Dockerfile"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_an_error_shows_the_place_and_what_to_do(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DockerfileError) as error:
        parse(path.read_bytes(), file="Dockerfile")

    report(error.value, 1)

    shown = capsys.readouterr().err
    golden = path.with_suffix(".txt")
    if os.environ.get("IZBA_UPDATE_GOLDEN"):
        golden.write_text(shown)
    assert shown == golden.read_text()
