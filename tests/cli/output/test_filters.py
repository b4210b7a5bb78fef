from __future__ import annotations

import pytest

from izba.cli.output.filters import Filters, InvalidFilter

KNOWN = ("name", "id", "label", "status", "dangling")


def test_of_one_name_any_value_will_do_and_of_several_names_all_must() -> None:
    filters = Filters(["status=running", "status=paused"], KNOWN)

    assert filters.exactly("status", "paused")
    assert not filters.exactly("status", "exited")
    assert filters.exactly("name", "anything"), "what was not asked for leaves nothing out"


def test_a_name_is_a_regular_expression_and_an_id_a_beginning() -> None:
    filters = Filters(["name=^we", "name=[", "id=4c0"], KNOWN)

    assert filters.matches("name", "web")
    assert not filters.matches("name", "other")
    assert filters.matches("name", "["), "no expression, and so a name"
    assert filters.begins("id", "4c01db")
    assert not filters.begins("id", "5d01db")


def test_all_labels_asked_for_have_to_be_there() -> None:
    labels = {"tier": "front", "empty": ""}

    assert Filters(["label=tier", "label=tier=front"], KNOWN).labels(labels)
    assert not Filters(["label=tier", "label=missing"], KNOWN).labels(labels)
    assert not Filters(["label=tier=back"], KNOWN).labels(labels)
    assert Filters(["label=empty="], KNOWN).labels(labels)


def test_names_are_trimmed_and_of_any_case() -> None:
    assert Filters([" Status = running "], KNOWN).all("status") == ("running",)
    assert not Filters([""], KNOWN)


def test_a_truth_is_asked_for_or_not() -> None:
    assert Filters(["dangling=true"], KNOWN).flag("dangling") is True
    assert Filters(["dangling=0"], KNOWN).flag("dangling") is False
    assert Filters([], KNOWN).flag("dangling") is None


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("running", "bad format of filter (expected name=value)", "write it as --filter running=…"),
        ("staus=x", "invalid filter 'staus'", "did you mean status?"),
        ("zzzzzz=x", "invalid filter 'zzzzzz'", "the filters are dangling, id, label, name, status"),
    ],
)
def test_a_wrong_filter_says_what_is_wrong(text: str, message: str, hint: str) -> None:
    with pytest.raises(InvalidFilter) as error:
        Filters([text], KNOWN)

    assert (error.value.message, error.value.hint) == (message, hint)


def test_a_truth_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidFilter, match="invalid filter 'dangling=perhaps'"):
        Filters(["dangling=perhaps"], KNOWN).flag("dangling")
