"""Which names izba can make an image for."""

from __future__ import annotations

import pytest

from izba.bootstrap import catalog
from izba.oci.reference import Reference


@pytest.mark.parametrize(
    ("text", "recipe"),
    [
        ("busybox", "busybox:latest"),
        ("docker.io/library/busybox:latest", "busybox:latest"),
        ("debian", "debian:bookworm"),
        ("debian:12", "debian:bookworm"),
        ("debian:12-slim", "debian:bookworm-slim"),
        ("debian:bookworm-slim", "debian:bookworm-slim"),
        ("debian:trixie-slim", "debian:trixie-slim"),
        ("python", "python:3.11"),
        ("python:3-slim", "python:3.11-slim"),
        ("python:slim", "python:3.11-slim"),
        ("python:3.11-slim", "python:3.11-slim"),
        ("python:3.11-slim-bookworm", "python:3.11-slim"),
        ("python:3.13-slim-trixie", "python:3.13-slim"),
        ("node:20-slim", "node:20-slim"),
        ("node:20-bookworm-slim", "node:20-slim"),
        ("node:lts-slim", "node:20-slim"),
    ],
)
def test_names_of_docker_hub_have_recipes(text: str, recipe: str) -> None:
    found = catalog.recipe_for(Reference.parse(text))

    assert found is not None
    assert found.name == recipe


@pytest.mark.parametrize(
    "text",
    [
        "alpine",
        "busybox:musl",
        "debian:sid",
        "debian:12-bookworm",
        "python:3.9-slim",
        "python:3.11-slim-trixie",
        "python:3.11-alpine",
        "node:20-alpine",
        "node:8-slim",
        "example.org/library/python:3.11-slim",
        "me/python:3.11-slim",
        f"debian@sha256:{'0' * 64}",
    ],
)
def test_other_names_have_none(text: str) -> None:
    assert catalog.recipe_for(Reference.parse(text)) is None


def test_every_name_that_is_offered_has_a_recipe() -> None:
    for name in catalog.names():
        recipe = catalog.recipe_for(Reference.parse(name))
        assert recipe is not None
        assert recipe.name == name
