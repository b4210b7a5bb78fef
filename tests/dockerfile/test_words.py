"""Variables and quotes: a table of words and what they become."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from izba.build.dockerfile import DockerfileError, parse
from izba.build.dockerfile import instructions as records
from izba.build.dockerfile.words import Rules, expand, expand_heredoc, expand_words, expansion

ENV = {"a": "one", "b": "two words", "empty": "", "path": "/usr/lib/x.tar.gz", "u_1": "ü", "stars": "a*b*c"}

WORDS = [
    ("plain", "plain"),
    ("$a", "one"),
    ("${a}", "one"),
    ("x$a-${a}y", "xone-oney"),
    ("$unset|${unset}", "|"),
    ("$a_", ""),
    ("${u_1}$u_1", "üü"),
    ("$", "$"),
    ("$ $", "$ $"),
    ("a$", "a$"),
    ("$1$12$?", ""),
    ("$$", ""),
    ("${@}", ""),
    # Defaults, alternatives, demands.
    ("${unset:-d}", "d"),
    ("${empty:-d}", "d"),
    ("${empty-d}", ""),
    ("${unset-d}", "d"),
    ("${a:-d}", "one"),
    ("${a:+alt}", "alt"),
    ("${empty:+alt}", ""),
    ("${empty+alt}", "alt"),
    ("${unset+alt}", ""),
    ("${a:?no}", "one"),
    ("${empty?no}", ""),
    ("${unset:-}", ""),
    ("${unset:-$a}", "one"),
    ("${unset:-${empty:-${a:+deep}}}", "deep"),
    ('${unset:-"a } b"}', "a } b"),
    (r"${unset:-a\}b}", "a}b"),
    ("${unset:-'$a'}", "$a"),
    # Patterns.
    ("${path#*/}", "usr/lib/x.tar.gz"),
    ("${path##*/}", "x.tar.gz"),
    ("${path%.*}", "/usr/lib/x.tar"),
    ("${path%%.*}", "/usr/lib/x"),
    ("${path#/usr}", "/lib/x.tar.gz"),
    ("${path#nope}", "/usr/lib/x.tar.gz"),
    ("${path%.gz}", "/usr/lib/x.tar"),
    ("${a#?}", "ne"),
    ("${a%?}", "on"),
    ("${a##*}", ""),
    ("${a#*}", "one"),
    ("${a#}", "one"),
    (r"${stars#a\*}", "b*c"),
    (r"${stars%%\**}", "a"),
    ("${path/lib/LIB}", "/usr/LIB/x.tar.gz"),
    ("${b/o/0}", "tw0 words"),
    ("${b//o/0}", "tw0 w0rds"),
    ("${b//o/}", "tw wrds"),
    ("${b/t*w/X}", "Xords"),
    (r"${path//\//:}", ":usr:lib:x.tar.gz"),
    ("${b//$empty/-}", "-t-w-o- -w-o-r-d-s-"),
    ("${b//*/x}", "x"),
    ("${unset/a/b}", ""),
    ("${path/./[.]}", "/usr/lib/x[.]tar.gz"),
    # Quotes and escapes.
    ("'$a'", "$a"),
    ('"$a"', "one"),
    (r"\$a", "$a"),
    (r'"\$a \" \\ \n"', r'$a " \ \n'),
    (r"'\'", "\\"),
    ("a'b'\"c\"d", "abcd"),
    (r"a\ b", "a b"),
    ("tail\\", "tail"),
    ('"it\'s"', "it's"),
    ("''", ""),
    ("<", "<"),
    ("a<b", "a<b"),
]


@pytest.mark.parametrize(("word", "text"), WORDS)
def test_a_word_becomes(word: str, text: str) -> None:
    assert expand(word, ENV) == text


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("a b  c", ("a", "b", "c")),
        ("$b $a", ("two", "words", "one")),
        ('"$b"', ("two words",)),
        ("'a b' c", ("a b", "c")),
        (r"a\ b c", ("a b", "c")),
        ("x${b}y", ("xtwo", "wordsy")),
        ("x${unset:-p q}", ("xp", "q")),
        ("  ", ()),
        ("$empty ''", ()),
        ("<< EOF x", ("<< EOF", "x")),
    ],
)
def test_white_space_that_is_not_quoted_parts_words_after_the_variables(word: str, words: tuple[str, ...]) -> None:
    assert expand_words(word, ENV) == words


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("`$a", "$a"),
        (r"\$a", r"\one"),
        ('"`" \\"', '" \\'),
        (r"C:\$a", r"C:\one"),
        ("${unset:-a`}b}", "a}b"),
    ],
)
def test_the_escape_directive_changes_what_escapes(word: str, text: str) -> None:
    assert expand(word, ENV, escape="`") == text


def test_in_a_heredoc_quotes_are_text() -> None:
    assert expand_heredoc("it's \"$a\" \\$a 'x'\n", ENV) == "it's \"one\" $a 'x'\n"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("${", "syntax error: missing '}'"),
        ("${a", "syntax error: missing '}'"),
        ("${a:", "syntax error: missing '}'"),
        ("${a:-b", "syntax error: missing '}'"),
        ("${}", "syntax error: bad substitution"),
        ("${:x}", "syntax error: bad substitution"),
        ("${{a}}", "syntax error: bad substitution"),
        ("${a=b}", "unsupported modifier (=) in substitution"),
        ("${a:=b}", "unsupported modifier (:=) in substitution"),
        ("${a:#b}", "unsupported modifier (:#) in substitution"),
        ("${a^^}", "unsupported modifier (^) in substitution"),
        ("${ a}", "unsupported modifier ( ) in substitution"),
        ("${a/b}", "syntax error: missing '/' in ${}"),
        ("${a/b/c", "syntax error: missing '}'"),
        (r"${a#\x}", r"invalid pattern (\x) in substitution: invalid escape '\x'"),
        ("${unset:?}", "unset: is not allowed to be unset"),
        ("${empty:?}", "empty: is not allowed to be empty"),
        ("${unset?say why}", "unset: say why"),
        ("'a", "unexpected end of statement while looking for matching single-quote"),
        ('"a', "unexpected end of statement while looking for matching double-quote"),
        ("${a:-" * 60 + "}" * 60, "syntax error: more than 50 substitutions in one another"),
    ],
)
def test_a_wrong_word_says_what_is_wrong(word: str, message: str) -> None:
    with pytest.raises(DockerfileError) as error:
        expand(word, ENV)

    assert error.value.message == message


def test_an_error_points_at_the_variable_in_the_file() -> None:
    dockerfile = parse('FROM scratch\nENV GOOD=1 \\\n    BAD="x ${missing:?give it}"\n')
    env = dockerfile.stages[0].instructions[0]
    assert isinstance(env, records.Env)

    with pytest.raises(DockerfileError) as error:
        expand(env.pairs[1].value, {})

    place = error.value.place
    assert (place.start, place.column, place.end, place.end_column) == (3, 12, 3, 30)
    assert str(error.value) == "Dockerfile:3:12: missing: give it"


def test_which_variables_were_there_is_told() -> None:
    told = expansion("$a ${unset:-$b} '$quoted'", ENV, Rules())

    assert (told.matched, told.unmatched) == ({"a", "b"}, {"unset"})


def test_a_pattern_of_many_stars_takes_no_time() -> None:
    value = "a" * 5000
    word = "${v//" + "*a" * 40 + "b/x}"

    assert expand(word, {"v": value}) == value
    assert expand("${v%%" + "*a" * 40 + "b}", {"v": value}) == value


@settings(max_examples=400, deadline=None)
@given(st.text(alphabet="${}:-+?#%/\\'\"`ab *<\n", max_size=30))
def test_any_word_is_expanded_or_a_dockerfile_error(word: str) -> None:
    for rules in (Rules(), Rules(escape="`"), Rules(keeps_quotes=True, keeps_escapes=True, keeps_unset=True)):
        try:
            expansion(word, {"a": "x/y*z", "b": ""}, rules)
        except DockerfileError:
            pass
