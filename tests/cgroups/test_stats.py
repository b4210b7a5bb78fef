from __future__ import annotations

from izba.cgroups import stats


def test_memory_used_leaves_out_what_the_kernel_can_drop() -> None:
    assert stats.Stats(memory=100, memory_cache=30).memory_used == 70
    assert stats.Stats(memory=10, memory_cache=30).memory_used == 0


def test_v1s_largest_number_is_no_limit() -> None:
    assert stats.v1_limit(9223372036854771712) is None
    assert stats.v1_limit(1 << 30) == 1 << 30


def test_bytes_of_all_devices_add_up() -> None:
    v1 = "254:0 Read 100\n254:0 Write 5\n254:0 Sync 5\n254:0 Total 105\n7:0 Read 11\n7:0 Write 0\nTotal 116\n"
    v2 = "254:0 rbytes=100 wbytes=5 rios=1 wios=1 dbytes=0 dios=0\n7:0 rbytes=11 wbytes=0\n7:1\n"
    assert stats.v1_block(v1) == (111, 5)
    assert stats.v2_block(v2) == (111, 5)
    assert stats.v1_block("") == (0, 0)
