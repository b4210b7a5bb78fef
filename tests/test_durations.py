from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from izba.durations import InvalidDuration, parse

SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("-0", 0),
        ("5s", 5 * SECOND),
        ("1.5s", 3 * SECOND // 2),
        (".5s", SECOND // 2),
        ("1.s", SECOND),
        ("1h2m3s", 3723 * SECOND),
        ("500ms", SECOND // 2),
        ("1us", 1000),
        ("1\u00b5s", 1000),
        ("7ns", 7),
        ("-1m", -60 * SECOND),
        ("+1m", 60 * SECOND),
        ("0.1h", 360 * SECOND),
    ],
)
def test_a_duration_is_read_as_go_reads_it(text: str, nanoseconds: int) -> None:
    assert parse(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a number and a unit are expected"),
        ("s", "a number is expected"),
        (".s", "a number is expected"),
        ("1.2.3s", "a number is expected"),
        ("30", "missing unit"),
        ("3 s", "unknown unit ' s'"),
        ("3x", "unknown unit 'x'"),
        ("9999999999h", "longer than 292 years"),
        ("\u0663s", "a number is expected"),
    ],
)
def test_what_is_no_duration_says_why(text: str, reason: str) -> None:
    with pytest.raises(InvalidDuration) as error:
        parse(text)

    assert error.value.message == f"invalid duration {text!r}: {reason}"


@given(st.text(alphabet="0123456789.hmsnu\u00b5+- x", max_size=12))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        parse(text)
    except InvalidDuration:
        pass
