"""Ours and moby's own parser, side by side: on a corpus, and on texts that hypothesis makes up."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from izba.build.dockerfile import DockerfileError, parse
from tests.dockerfile.moby import Refused, by_izba, by_moby

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.Dockerfile"))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_dockerfile_means_to_us_what_it_means_to_moby(path: Path) -> None:
    text = path.read_bytes().decode()

    assert by_izba(text) == by_moby(text)


def test_the_corpus_has_several_dozen_files() -> None:
    assert len(CORPUS) > 36


PIECES = st.sampled_from(
    [
        *("a", "b=c", "x", "é", "=", "$v", "${v:-d}", "--flag", "--flag=v", "--", "-x", "<<EOF", "EOF", "AS", "as"),
        *("'", '"', "\\", "`", " ", "  ", "\t", "\v", "\u3000", "#", "[", "]", ",", '["a"]\n', '["a", 1]\n'),
        *("NONE", "CMD"),
        *("\n", "\\\n", "\\ \n", "\r\n", "\n\n", "# c\n", "  # c\n"),
    ]
)
KEYWORDS = st.sampled_from(
    [
        *("FROM", "from", "RUN", "Run", "COPY", "ADD", "ENV", "LABEL", "ARG", "CMD", "ENTRYPOINT", "EXPOSE", "VOLUME"),
        *("USER", "WORKDIR", "SHELL", "STOPSIGNAL", "HEALTHCHECK", "ONBUILD ENV", "ONBUILD CMD", "MAINTAINER"),
    ]
)
LINES = st.tuples(KEYWORDS, st.lists(PIECES, max_size=8).map("".join)).map(lambda pair: f"{pair[0]} {pair[1]}\n")
HEADS = st.sampled_from(["", "# escape=`\n", "# escape=\\\n", "# syntax=x\n", "# c\n# escape=`\n", "\n", "\ufeff"])
DOCKERFILES = st.tuples(HEADS, st.lists(LINES, min_size=1, max_size=4).map("".join)).map("".join)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(DOCKERFILES)
def test_what_both_take_they_take_alike(text: str) -> None:
    try:
        theirs = by_moby(text)
    except Refused:
        assume(False)
    try:
        ours = by_izba(text)
    except DockerfileError:
        assume(False)  # the wheel checks no more than a line's form
    assert ours == theirs


@settings(max_examples=300, deadline=None)
@given(DOCKERFILES)
def test_what_moby_refuses_we_refuse(text: str) -> None:
    try:
        by_moby(text)
    except Refused:
        with pytest.raises(DockerfileError):
            parse(text)
