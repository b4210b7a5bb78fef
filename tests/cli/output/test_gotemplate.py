"""What the docker CLI cannot be asked: odd input, and that no input does worse than a `TemplateError`."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from izba.cli.output.gotemplate import Template, TemplateError, go_json, go_string

DATA = {"Name": "web", "Items": [1, 2], "Map": {"a": {"b": None}}, "Yes": True, "Number": 3}

PIECES = st.sampled_from(
    [
        *("{{", "}}", "{{-", "-}}", " ", ".", ".Name", ".Items", ".Map.a.b", "$", "$x", ":=", "=", ",", "|", "(", ")"),
        *(
            "if",
            "else",
            "end",
            "range",
            "with",
            "break",
            "continue",
            "define",
            "nil",
            "true",
            "index",
            "printf",
            "json",
        ),
        *('"', "`", "'", '"a"', "1", "1.5", "0x", "\\", "/*", "*/", "\n", "len", "eq", "and", "slice", "join", "é"),
    ]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(PIECES, max_size=24).map("".join) | st.text(max_size=60))
def test_any_text_is_a_template_or_a_template_error(text: str) -> None:
    try:
        Template(text).execute(DATA)
    except TemplateError:
        pass


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=12).map(lambda pieces: f"{{{{{' '.join(pieces)}}}}}"))
def test_any_action_is_executed_or_a_template_error(text: str) -> None:
    try:
        Template(text).execute(DATA, strict=True)
    except TemplateError:
        pass


DEEP = ("{{" + "(" * 5000, "{{if .Yes}}" * 5000, "{{" + "not (" * 2000 + ".Yes" + ")" * 2000 + "}}")


@pytest.mark.parametrize("text", DEEP, ids=["parentheses", "branches", "calls"])
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(TemplateError, match=r"nested too deeply|unclosed"):
        Template(text)


def test_a_wide_printf_is_bounded() -> None:
    assert len(Template('{{printf "%999999999d" 1}}').execute({})) == 10_000


def test_a_key_that_a_map_has_not_is_no_value_and_in_a_document_a_mistake() -> None:
    assert Template("{{.Nope}}").execute(DATA) == "<no value>"
    with pytest.raises(TemplateError, match='map has no entry for key "Nope"'):
        Template("{{.Nope}}").execute(DATA, strict=True)


def test_define_is_told_to_be_unsupported() -> None:
    with pytest.raises(TemplateError, match=r"{{define}} is not supported in a format"):
        Template('{{define "x"}}{{end}}')


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "<no value>"),
        (True, "true"),
        (1.0, "1"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (0.00001, "1e-05"),
        (1.5, "1.5"),
        ({"b": [1, None], "a": "x"}, "map[a:x b:[1 <nil>]]"),
        ([], "[]"),
    ],
)
def test_values_are_shown_as_go_shows_them(value: object, text: str) -> None:
    assert go_string(value) == text


def test_json_keeps_the_order_and_the_letters() -> None:
    assert go_json({"b": "<ü>", "a": [1, 2.5, None, True]}) == '{"b":"<ü>","a":[1,2.5,null,true]}'


def test_what_is_shown_is_neither_a_template_nor_a_command() -> None:
    """B6: a label's value is text, whatever it looks like."""
    value = "{{.Secret}} $(id) `id` ${HOME} %s"
    shown = {"Labels": {"note": value}, "Secret": "hunter2"}

    assert Template("{{.Labels.note}}").execute(shown) == value
    assert Template("{{json .Labels}}").execute(shown) == '{"note":"' + value + '"}'
    assert Template('{{printf "%s" .Labels.note}}').execute(shown) == value
