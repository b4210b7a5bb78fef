from __future__ import annotations

from izba.cli.output.columns import align, align_text, ellipsis, width


def test_a_column_is_at_least_ten_wide_and_the_last_one_as_wide_as_it_is() -> None:
    assert align([["ID", "NAME"], ["1", "web"]]) == "ID        NAME\n1         web\n"


def test_three_spaces_stand_behind_the_widest_cell() -> None:
    assert align([["CONTAINER ID", "X", "Y"], ["1", "2", "3"]]) == (
        "CONTAINER ID   X         Y\n1              2         3\n"
    )


def test_wide_and_combining_characters_take_the_columns_that_a_terminal_gives_them() -> None:
    assert align([["NAME", "STATE"], ["\u4e2d\u6587\u540d\u5b57\u5f88", "up"], ["e\u0301", "down"]]) == (
        "NAME         STATE\n\u4e2d\u6587\u540d\u5b57\u5f88   up\ne\u0301            down\n"
    )
    assert width("\u4e2d\u6587") == 4


def test_a_line_without_a_column_parts_it_in_two() -> None:
    assert align_text("a\tb\nplain\nlong long cell\tb\n") == "a         b\nplain\nlong long cell   b\n"


def test_no_lines_and_empty_cells_are_aligned_too() -> None:
    assert align([]) == ""
    assert align([["", ""], ["", "x"]]) == "          \n          x\n"


def test_a_cut_text_ends_in_an_ellipsis() -> None:
    assert ellipsis("sleep infinity", 20) == "sleep infinity"
    assert ellipsis("nginx -g 'daemon off;'", 20) == "nginx -g 'daemon of\u2026"
    assert ellipsis("\u4e2d\u6587\u540d\u5b57", 5) == "\u4e2d\u6587\u2026"
    assert ellipsis("abc", 1) == "a"
