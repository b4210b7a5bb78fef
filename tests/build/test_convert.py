"""A Dockerfile as a graph: the text of it, for Dockerfiles that say something about graphs."""

from __future__ import annotations

import textwrap

import pytest

from izba.build.convert.stages import BaseImage, convert
from izba.build.dockerfile.parser import parse
from izba.build.graph import Layer, describe
from izba.build.options import Options
from izba.oci import mediatype
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest


class Images:
    """Knows every image: one layer, named by the image's name."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def image(self, name: str, platform: str | None) -> BaseImage:
        self.asked.append(name)
        digest = Digest.of(name.encode())
        layer = Layer(diff_id=digest, descriptor=Descriptor(media_type=mediatype.OCI_LAYER, digest=digest, size=1))
        config = {
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [digest]},
            "config": {"Env": ["PATH=/bin"]},
        }
        return BaseImage(name=name, config=config, layers=(layer,))

    def context(self, name: str, platform: str | None) -> None:
        return None


@pytest.mark.parametrize(
    ("dockerfile", "expected"),
    [
        (
            "FROM a\nWORKDIR /w\nENV X=1\nCOPY . .\nRUN make $X\nCMD x\n",
            """
            1 [1/4] FROM a
            2 [2/4] WORKDIR /w <- 1
            3 [internal] load build context
            4 [3/4] COPY . . <- 2 <- 3
            5 [4/4] RUN make 1 <- 4
            """,
        ),
        (
            "FROM a AS one\nRUN x\nFROM b AS two\nRUN y\nFROM c\nCOPY --from=one /x /\nCOPY --from=two /y /\n",
            """
            1 [stage-2 1/3] FROM c
            2 [one 1/2] FROM a
            3 [one 2/2] RUN x <- 2
            4 [stage-2 2/3] COPY --from=one /x / <- 1 <- 3
            5 [two 1/2] FROM b
            6 [two 2/2] RUN y <- 5
            7 [stage-2 3/3] COPY --from=two /y / <- 4 <- 6
            """,
        ),
        (
            "FROM a AS one\nRUN x\nFROM one AS unused\nRUN no\nFROM one\nRUN y\n",
            """
            1 [one 1/2] FROM a
            2 [one 2/2] RUN x <- 1
            3 [stage-2 1/1] RUN y <- 2
            """,
        ),
        (
            "FROM a AS one\nRUN s\nFROM a AS two\nRUN s\nFROM scratch\nCOPY --from=one /x /\nCOPY --from=two /x /\n",
            """
            1 scratch
            2 [one 1/2] FROM a
            3 [one 2/2] RUN s <- 2
            4 [stage-2 1/2] COPY --from=one /x / <- 1 <- 3
            5 [stage-2 2/2] COPY --from=two /x / <- 4 <- 3
            """,
        ),
        (
            "FROM a\nCOPY --link x /x\nRUN --mount=from=b,target=/b true\n",
            """
            1 [1/3] FROM a
            2
            3 [internal] load build context
            4 [2/3] COPY --link x /x <- 2 <- 3
            5  <- 1 <- 4
            6 FROM b
            7 [3/3] RUN --mount=from=b,target=/b true <- 5 <- 6
            """,
        ),
    ],
)
def test_the_graph_of_a_dockerfile(dockerfile: str, expected: str) -> None:
    converted = convert(parse(dockerfile), Options(), Images())
    assert [line.rstrip() for line in describe(converted.vertex).split("\n")] == textwrap.dedent(expected).strip(
        "\n"
    ).split("\n")


def test_an_image_is_asked_for_only_if_its_stage_is_needed() -> None:
    images = Images()
    convert(parse("FROM a AS x\nFROM b AS y\nFROM c AS z\nCOPY --from=x / /\n"), Options(), images)
    assert images.asked == ["c", "a"]


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("RUN a", "RUN a", True),
        ("RUN a", "RUN  a", True),
        ("RUN a", "RUN b", False),
        ("RUN a", 'RUN ["a"]', False),
        ("ENV X=1\nRUN a", "RUN a", False),
        ("LABEL X=1\nRUN a", "RUN a", True),
        ("EXPOSE 1\nRUN a", "RUN a", True),
        ("USER 1\nRUN a", "RUN a", False),
        ("ARG X\nRUN a", "RUN a", True),
        ("ARG X=1\nRUN a", "RUN a", False),
        ('SHELL ["x"]\nRUN a', "RUN a", False),
        ('SHELL ["x"]\nRUN ["a"]', 'RUN ["a"]', True),
        ("RUN --network=none a", "RUN a", False),
        ("RUN --mount=type=cache,target=/x a", "RUN a", False),
        ("COPY a b", "COPY ./a b", True),
        ("COPY a b", "COPY a b/", False),
        ("COPY a b", "ADD a b", False),
        ("COPY --chown=1 a b", "COPY a b", False),
    ],
)
def test_what_makes_two_steps_the_same(one: str, two: str, same: bool) -> None:
    digests = {convert(parse(f"FROM a\n{text}\n"), Options(), Images()).vertex.digest for text in (one, two)}
    assert (len(digests) == 1) is same
