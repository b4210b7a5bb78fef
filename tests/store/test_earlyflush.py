"""Flushing beside other work."""

from __future__ import annotations

from pathlib import Path

import pytest

from izba.store.snapshots.earlyflush import EarlyFlush


def test_it_ends_and_is_over(tmp_path: Path) -> None:
    flush = EarlyFlush(str(tmp_path))
    flush.finish()

    assert flush.is_over()


def test_what_went_wrong_is_told_to_who_waits(tmp_path: Path) -> None:
    flush = EarlyFlush(str(tmp_path / "missing"))

    with pytest.raises(FileNotFoundError):
        flush.finish()
    assert not flush.is_over()
