"""The build checks: each finds what it is for, and not its neighbour."""

from __future__ import annotations

import pytest

from izba.build.dockerfile import DockerfileError, lint, parse, rules
from izba.build.dockerfile.ignore import Ignore
from izba.build.dockerfile.ignore import parse as parse_ignore
from izba.build.dockerfile.lint import BaseImage, Surroundings
from izba.oci.platform import Platform

PLATFORM_ARGS = {
    "TARGETPLATFORM": "linux/amd64",
    "TARGETOS": "linux",
    "TARGETARCH": "amd64",
    "BUILDPLATFORM": "linux/amd64",
}
BASE = BaseImage(environment={"PATH": "/bin", "PYTHON_VERSION": "3.11"}, platform=Platform.parse("linux/amd64"))


def around(
    *, build_args: dict[str, str] | None = None, ignore: Ignore | None = None, stages: set[int] | None = None
) -> Surroundings:
    return Surroundings(
        platform_args=PLATFORM_ARGS,
        build_args=build_args or {},
        ignore=ignore,
        stages=stages,
        base_images={"python": BASE, "arm": BASE.replace(platform=Platform.parse("linux/arm64"))},
    )


def found(text: str, surroundings: Surroundings | None = None) -> list[tuple[str, int, str]]:
    findings = lint.check(parse(text), surroundings or around())
    return [(finding.rule.name, finding.place.start, finding.message) for finding in findings]


GOOD = """\
# syntax=docker/dockerfile:1
ARG VERSION=3
FROM python AS base
ARG VERSION TARGETARCH
ENV HOME=/root
WORKDIR $HOME
LABEL version=$VERSION arch=${TARGETARCH} python=$PYTHON_VERSION
COPY . .
RUN --mount=type=cache,target=$HOME/.cache echo $anything
FROM base
WORKDIR relative
USER nobody
EXPOSE 80/tcp 53/udp
ENTRYPOINT ["a"]
CMD ["b"]
"""


def test_a_good_dockerfile_has_no_findings() -> None:
    assert found(GOOD) == []


@pytest.mark.parametrize(
    ("text", "rule", "line", "message"),
    [
        ("FROM python AS Base\n", "StageNameCasing", 1, "Stage name 'Base' should be lowercase"),
        ("FROM python as base\n", "FromAsCasing", 1, "'as' and 'FROM' keywords' casing do not match"),
        ("from python AS base\n", "FromAsCasing", 1, "'AS' and 'from' keywords' casing do not match"),
        ("FROM python\nRUN a \\\n\n  b\n", "NoEmptyContinuation", 3, "Empty continuation line"),
        (
            "FROM python\nRUN a\nrun b\n",
            "ConsistentInstructionCasing",
            3,
            "Command 'run' should match the case of the command majority (uppercase)",
        ),
        (
            "from python\nRun a\nrun b\n",
            "ConsistentInstructionCasing",
            2,
            "Command 'Run' should match the case of the command majority (lowercase)",
        ),
        (
            "FROM python AS a\nFROM python AS a\n",
            "DuplicateStageName",
            2,
            'Duplicate stage name "a", stage names should be unique',
        ),
        (
            "FROM python AS scratch\n",
            "ReservedStageName",
            1,
            'Stage name should not use the same name as reserved stage "scratch"',
        ),
        (
            "FROM python\nCMD a\n",
            "JSONArgsRecommended",
            2,
            "JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
        ),
        (
            "FROM python\nMAINTAINER me\n",
            "MaintainerDeprecated",
            2,
            "Maintainer instruction is deprecated in favor of using label",
        ),
        (
            "ARG BASE=python\nFROM ${BASS:-python}\n",
            "UndefinedArgInFrom",
            2,
            "FROM argument 'BASS' is not declared (did you mean BASE?)",
        ),
        (
            "FROM python\nWORKDIR app\n",
            "WorkdirRelativePath",
            2,
            'Relative workdir "app" can have unexpected results if the base image changes',
        ),
        ("FROM python\nCOPY $nope .\n", "UndefinedVar", 2, "Usage of undefined variable '$nope'"),
        (
            "FROM python\nENV VERSION=1\nLABEL v=$VERSOIN\n",
            "UndefinedVar",
            3,
            "Usage of undefined variable '$VERSOIN' (did you mean $VERSION?)",
        ),
        (
            "FROM python\nENV a=$a:x\n",
            "UndefinedVar",
            2,
            "Usage of undefined variable '$a'",
        ),
        (
            "FROM python\nCOPY <<E /x\n$nope\nE\n",
            "UndefinedVar",
            2,
            "Usage of undefined variable '$nope'",
        ),
        (
            'FROM python\nCMD ["a"]\nCMD ["b"]\n',
            "MultipleInstructionsDisallowed",
            2,
            "Multiple CMD instructions should not be used in the same stage because only the last one will be used",
        ),
        (
            "FROM python\nENV a b\n",
            "LegacyKeyValueFormat",
            2,
            '"ENV key=value" should be used instead of legacy "ENV key value" format',
        ),
        (
            "FROM arm\n",
            "InvalidBaseImagePlatform",
            1,
            'Base image arm was pulled with platform "linux/arm64", expected "linux/amd64" for current build',
        ),
        (
            "FROM --platform=$TARGETPLATFORM python\n",
            "RedundantTargetPlatform",
            1,
            "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
        ),
        (
            "FROM python\nARG DB_PASSWORD\n",
            "SecretsUsedInArgOrEnv",
            2,
            'Do not use ARG or ENV instructions for sensitive data (ARG "DB_PASSWORD")',
        ),
        (
            "FROM python\nENV api_key=x\n",
            "SecretsUsedInArgOrEnv",
            2,
            'Do not use ARG or ENV instructions for sensitive data (ENV "api_key")',
        ),
        (
            "ARG TAG\nFROM python:${TAG}\n",
            "InvalidDefaultArgInFrom",
            2,
            "Default value for ARG python:${TAG} results in empty or invalid base image name",
        ),
        (
            "FROM --platform=linux/amd64 python\n",
            "FromPlatformFlagConstDisallowed",
            1,
            'FROM --platform flag should not use constant value "linux/amd64"',
        ),
        (
            "FROM python\nEXPOSE 80/TCP\n",
            "ExposeProtoCasing",
            2,
            "Defined protocol '80/TCP' in EXPOSE instruction should be lowercase",
        ),
        (
            "FROM python\nEXPOSE 127.0.0.1:80:80\n",
            "ExposeInvalidFormat",
            2,
            "EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:80'",
        ),
        (
            "# check=experimental=all\n# something else\nARG a\nFROM python\n",
            "InvalidDefinitionDescription",
            3,
            "Comment for ARG should follow the format: `# a <description>`",
        ),
    ],
)
def test_a_check_finds(text: str, rule: str, line: int, message: str) -> None:
    build_args = {"TAG": "3"} if "TAG" in text else {}

    assert found(text, around(build_args=build_args)) == [(rule, line, message)]


@pytest.mark.parametrize(
    "text",
    [
        'FROM python\nSHELL ["/bin/bash", "-c"]\nCMD a\n',
        "FROM --platform=$BUILDPLATFORM python\n",
        "FROM --platform=linux/amd64 python AS for-amd64\n",
        "FROM python\nARG PUBLIC_KEY PASSWORD_FILE TOKEN_VERSION MONKEY\n",
        "FROM python\nARG unset\nLABEL a=$unset\n",
        "FROM python\nWORKDIR /a\nWORKDIR b\n",
        "FROM python\nHEALTHCHECK NONE\nFROM python\nHEALTHCHECK NONE\n",
        'FROM python AS a\nCMD ["a"]\nFROM a\nCMD ["b"]\n',
        "FROM python\nRUN echo $shell_variable\n",
        "# a comment, but not a description\n\n#\nARG a\nFROM python\n",
        "FROM python\nCOPY '<<EOF' /\n",
    ],
)
def test_a_check_leaves_alone(text: str) -> None:
    assert found(text) == []


def test_a_file_that_the_ignore_file_leaves_out_cannot_be_copied() -> None:
    text = "FROM python\nCOPY a/b .\nADD a https://x/a /\nCOPY --from=x a .\nCOPY . .\n"

    assert found(text, around(ignore=parse_ignore("a"))) == [
        ("CopyIgnoredFile", 2, 'Attempting to Copy file "a/b" that is excluded by .dockerignore'),
        ("CopyIgnoredFile", 3, 'Attempting to Add file "a" that is excluded by .dockerignore'),
    ]
    assert found("FROM python\nCOPY . .\n", around(ignore=parse_ignore("**"))) == [
        ("CopyIgnoredFile", 2, 'Attempting to Copy file "." that is excluded by .dockerignore'),
    ]
    assert found(text, around(ignore=parse_ignore("a\n!b"))) == [], "an exception cannot be decided beforehand"


def test_stages_that_are_not_needed_are_not_looked_into() -> None:
    text = "FROM python AS a\nCMD a\nFROM python\nCMD b\n"

    assert [line for _, line, _ in found(text, around(stages={1}))] == [4]


def test_checks_can_be_skipped_for_the_file_and_for_an_instruction() -> None:
    text = "FROM python AS Base\nENV a b\nENV c d\n"
    assert len(found(text)) == 3

    assert [name for name, _, _ in found(f"# check=skip=LegacyKeyValueFormat\n{text}")] == ["StageNameCasing"]
    assert found(f"# check=skip=StageNameCasing,LegacyKeyValueFormat;error=true\n{text}") == []
    assert found(f"# check=skip=all\n{text}") == []
    above = text.replace("ENV c", "# check=skip=LegacyKeyValueFormat\nENV c")
    assert [line for _, line, _ in found(above)] == [1, 2]


def test_findings_fail_a_build_that_wants_it() -> None:
    assert lint.is_error(parse("# check=error=true\nFROM python\n"))
    assert not lint.is_error(parse("# check=skip=all\nFROM python\n"))
    assert not lint.is_error(parse("FROM python\n"))

    findings = lint.check(parse("FROM python AS A\nENV a b\n"), around())
    assert lint.Violated(findings).message == ("lint violation found for rules: LegacyKeyValueFormat, StageNameCasing")


@pytest.mark.parametrize("value", ["nope=1", "skip", "error=perhaps"])
def test_a_wrong_check_directive_is_an_error_at_its_place(value: str) -> None:
    with pytest.raises(DockerfileError) as error:
        lint.check(parse(f"# check={value}\nFROM python\n"), around())

    assert (error.value.place.start, error.value.place.column) == (1, 9)


def test_every_rule_has_a_test_here() -> None:
    tested = {mark.args[1][number][1] for mark in test_a_check_finds.pytestmark for number in range(len(mark.args[1]))}

    assert {rule.name for rule in rules.RULES} - tested == {"CopyIgnoredFile"}
    assert len(rules.RULES) == 22
