from __future__ import annotations

import pytest

from izba.cli.output.humanise import ago, binary_size, duration, size

MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "Less than a second"),
        (1.9, "1 second"),
        (59.9, "59 seconds"),
        (MINUTE, "About a minute"),
        (119, "About a minute"),
        (2 * MINUTE, "2 minutes"),
        (59 * MINUTE + 59, "59 minutes"),
        (HOUR, "About an hour"),
        (HOUR + 29 * MINUTE, "About an hour"),
        (HOUR + 31 * MINUTE, "2 hours"),
        (47 * HOUR, "47 hours"),
        (2 * DAY, "2 days"),
        (13 * DAY, "13 days"),
        (14 * DAY, "2 weeks"),
        (59 * DAY, "8 weeks"),
        (60 * DAY, "2 months"),
        (729 * DAY, "24 months"),
        (730 * DAY, "2 years"),
        (800 * DAY, "2 years"),
        (-5, "Less than a second"),
    ],
)
def test_a_duration_is_told_in_dockers_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
    assert ago(seconds) == f"{words} ago"


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0B"),
        (999, "999B"),
        (1000, "1kB"),
        (1234, "1.23kB"),
        (77_800_000, "77.8MB"),
        (1_244_000, "1.24MB"),
        (999_900, "1e+03kB"),
        (5_000_000_000_000, "5TB"),
    ],
)
def test_a_size_is_told_in_units_of_a_thousand(count: int, words: str) -> None:
    assert size(count) == words


def test_memory_is_told_in_units_of_1024() -> None:
    assert binary_size(67_108_864) == "64MiB"
    assert binary_size(1_500_000) == "1.431MiB"
    assert binary_size(512) == "512B"
