from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from izba.oci.digest import Digest
from izba.oci.reference import InvalidReference, Reference, familiar

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("text", "canonical", "short"),
    [
        ("python", "docker.io/library/python:latest", "python:latest"),
        ("python:3.11-slim", "docker.io/library/python:3.11-slim", "python:3.11-slim"),
        ("user/app", "docker.io/user/app:latest", "user/app:latest"),
        ("docker.io/python", "docker.io/library/python:latest", "python:latest"),
        ("index.docker.io/library/python", "docker.io/library/python:latest", "python:latest"),
        ("docker.io/library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
        ("localhost/app", "localhost/app:latest", "localhost/app:latest"),
        ("localhost:5000/app:1", "localhost:5000/app:1", "localhost:5000/app:1"),
        ("ghcr.io/a/b/c:v1", "ghcr.io/a/b/c:v1", "ghcr.io/a/b/c:v1"),
        ("Registry/app", "Registry/app:latest", "Registry/app:latest"),
        ("[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest"),
        ("[2001:db8::1]/a/b:1", "[2001:db8::1]/a/b:1", "[2001:db8::1]/a/b:1"),
        ("127.0.0.1:80/x", "127.0.0.1:80/x:latest", "127.0.0.1:80/x:latest"),
        (f"app@{DIGEST}", f"docker.io/library/app@{DIGEST}", f"app@{DIGEST}"),
        (f"app:1@{DIGEST}", f"docker.io/library/app@{DIGEST}", f"app:1@{DIGEST}"),
        ("a__b/c-d.e_f--g", "docker.io/a__b/c-d.e_f--g:latest", "a__b/c-d.e_f--g:latest"),
        ("sha256:abc", "docker.io/library/sha256:abc", "sha256:abc"),
    ],
)
def test_a_reference_has_a_canonical_and_a_familiar_form(text: str, canonical: str, short: str) -> None:
    reference = Reference.parse(text)

    assert reference.canonical() == canonical
    assert reference.familiar() == short
    assert Reference.parse(canonical).canonical() == canonical
    if reference.digest is None:
        assert familiar(canonical) == short


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "@",
        "/",
        "a/",
        "/a",
        "a//b",
        "a:",
        "a: b",
        "a:b:c",
        "a:-b",
        "a:.b",
        "a:" + "x" * 129,
        "A",
        "a/B",
        "-a",
        "a-",
        "a..b",
        "a___b",
        "a._b",
        "a-_b",
        "a@sha256:" + "A" * 64,
        "a@sha256:" + "0" * 63,
        "a@md5:" + "0" * 32,
        "a@sha512:" + "0" * 128,
        f"a@{DIGEST}@{DIGEST}",
        "a@",
        "ab" * 32,
        "[::1:5000/app",
        "[]:80/app",
        "[::g]/app",
        "[::1]x/app",
        "localhost:/app",
        "localhost:80a/app",
        "http://example.com/app",
        "../app",
        "./app",
        "a/../b",
        "ä",
        "\u0430",  # a letter of another alphabet that looks like a
        "a\n",
        "a\0b",
        "a:\u0661",  # a digit, but not of ASCII
        "exa mple.com/a",
        "-host.com/a",
        "host-.com/a",
        "a" * 250 + "/b",
        "\x1b[31mred",
    ],
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    """B7: other algorithms, upper case, broken ports and addresses, Unicode, paths."""
    with pytest.raises(InvalidReference, match=r"^invalid reference format") as refused:
        Reference.parse(text)
    assert refused.value.message.isprintable()


def test_upper_case_is_said_to_be_the_fault() -> None:
    with pytest.raises(InvalidReference, match=r"repository name \(library/Python\) must be lowercase"):
        Reference.parse("Python")


def test_64_hex_digits_are_an_id_and_no_name() -> None:
    with pytest.raises(InvalidReference, match="cannot specify 64-byte hexadecimal strings"):
        Reference.parse("ab" * 32)


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except InvalidReference:
        return
    assert Reference.parse(reference.canonical()).canonical() == reference.canonical()
    assert Reference.parse(reference.familiar()) == reference
    assert reference.canonical().isascii()


@given(st.from_regex(r"\A[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*){0,3}\Z"))
def test_every_lowercase_path_of_the_grammar_is_a_name(path: str) -> None:
    if len(path) > 200 or (len(path) == 64 and set(path) <= set("0123456789abcdef")):
        return
    reference = Reference.parse(f"example.com/{path}:tag")

    assert (reference.domain, reference.path, reference.tag) == ("example.com", path, "tag")


def test_a_digest_makes_the_tag_a_remark() -> None:
    reference = Reference.parse(f"app:1@{DIGEST}")

    assert (reference.tag, reference.digest) == ("1", Digest(DIGEST))
    assert reference.canonical() == f"docker.io/library/app@{DIGEST}"
