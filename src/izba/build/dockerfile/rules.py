"""The build checks by name, with BuildKit's words, and which of them a Dockerfile wants.

# check=skip=RuleName,RuleName;experimental=all;error=true
"""

from __future__ import annotations

from izba._record import Record
from izba.build.dockerfile.source import SPACE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from izba.build.dockerfile.source import Word
    from izba.errors import Range

_PAGE = "https://docs.docker.com/go/dockerfile/rule/"


class Rule(Record):
    """A check: its name, what it is about, and the page that explains it, if there is one."""

    name: str
    description: str
    page: str
    is_experimental: bool = False

    @property
    def url(self) -> str:
        return f"{_PAGE}{self.page}/" if self.page else ""


class Finding(Record):
    """What a check found at a place."""

    rule: Rule
    message: str
    place: Range


class Wanted(Record):
    """Which checks are made. `error`: a finding fails the build."""

    skip: frozenset[str] = frozenset()
    skip_all: bool = False
    experimental: frozenset[str] = frozenset()
    experimental_all: bool = False
    error: bool = False

    def wants(self, rule: Rule) -> bool:
        if rule.is_experimental:
            return self.experimental_all or rule.name in self.experimental
        return not self.skip_all and rule.name not in self.skip

    def and_also(self, other: Wanted) -> Wanted:
        """What both skip, and both try; whether a finding is an error is said once, at the file's head."""
        return Wanted(
            skip=self.skip | other.skip,
            skip_all=self.skip_all or other.skip_all,
            experimental=self.experimental | other.experimental,
            experimental_all=self.experimental_all or other.experimental_all,
            error=self.error,
        )


def wanted(check: Word) -> Wanted:
    """What a `# check=` directive says. Raises `DockerfileError`."""
    result = Wanted()
    # Nothing but the first word counts, as for all directives.
    for option in check.split(" ")[0].split(";", 2):
        name, equals, value = option.partition("=")
        if not equals or (name := name.strip(SPACE)) not in {"skip", "experimental", "error"}:
            hint = "write it as # check=skip=Rule,Rule;error=true"
            raise check.error(f'invalid check option "{option if not equals else name}"', hint=hint)
        value = value.strip(SPACE)
        names = frozenset(each.strip(SPACE) for each in value.split(","))
        if name == "error":
            if value.lower() not in {"1", "t", "true", "0", "f", "false"}:
                raise check.error(f'failed to parse check option "{option}": not true or false: {value}')
            result = result.replace(error=value.lower() in {"1", "t", "true"})
        elif value == "all":
            result = result.replace(**{f"{name}_all": True})
        else:
            result = result.replace(**{name: names})
    return result


def wanted_in_comments(comments: Iterable[str]) -> Wanted:
    """What a `# check=skip=…` comment right above an instruction says about that instruction."""
    for comment in comments:
        name, equals, value = comment.partition("=")
        if equals and name.strip(SPACE).lower() == "check":
            return _lenient(value.strip(SPACE))
    return Wanted()


def _lenient(value: str) -> Wanted:
    from izba.build.dockerfile.source import DockerfileError
    from izba.build.dockerfile.words import placeless

    try:
        return wanted(placeless(value))
    except DockerfileError:
        return Wanted()  # a comment is free to say anything


STAGE_NAME_CASING = Rule(
    name="StageNameCasing",
    description="Stage names should be lowercase",
    page="stage-name-casing",
)
FROM_AS_CASING = Rule(
    name="FromAsCasing",
    description="The 'as' keyword should match the case of the 'from' keyword",
    page="from-as-casing",
)
NO_EMPTY_CONTINUATION = Rule(
    name="NoEmptyContinuation",
    description="Empty continuation lines will become errors in a future release",
    page="no-empty-continuation",
)
CONSISTENT_INSTRUCTION_CASING = Rule(
    name="ConsistentInstructionCasing",
    description="All commands within the Dockerfile should use the same casing (either upper or lower)",
    page="consistent-instruction-casing",
)
DUPLICATE_STAGE_NAME = Rule(
    name="DuplicateStageName",
    description="Stage names should be unique",
    page="duplicate-stage-name",
)
RESERVED_STAGE_NAME = Rule(
    name="ReservedStageName",
    description="Reserved words should not be used as stage names",
    page="reserved-stage-name",
)
JSON_ARGS_RECOMMENDED = Rule(
    name="JSONArgsRecommended",
    description="JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals",
    page="json-args-recommended",
)
MAINTAINER_DEPRECATED = Rule(
    name="MaintainerDeprecated",
    description="The MAINTAINER instruction is deprecated, use a label instead to define an image author",
    page="maintainer-deprecated",
)
UNDEFINED_ARG_IN_FROM = Rule(
    name="UndefinedArgInFrom",
    description="FROM command must use declared ARGs",
    page="undefined-arg-in-from",
)
WORKDIR_RELATIVE_PATH = Rule(
    name="WorkdirRelativePath",
    description=(
        "Relative workdir without an absolute workdir declared within the build can have unexpected results if the"
        " base image changes"
    ),
    page="workdir-relative-path",
)
UNDEFINED_VAR = Rule(
    name="UndefinedVar",
    description="Variables should be defined before their use",
    page="undefined-var",
)
MULTIPLE_INSTRUCTIONS_DISALLOWED = Rule(
    name="MultipleInstructionsDisallowed",
    description="Multiple instructions of the same type should not be used in the same stage",
    page="multiple-instructions-disallowed",
)
LEGACY_KEY_VALUE_FORMAT = Rule(
    name="LegacyKeyValueFormat",
    description="Legacy key/value format with whitespace separator should not be used",
    page="legacy-key-value-format",
)
INVALID_BASE_IMAGE_PLATFORM = Rule(
    name="InvalidBaseImagePlatform",
    description="Base image platform does not match expected target platform",
    page="",
)
REDUNDANT_TARGET_PLATFORM = Rule(
    name="RedundantTargetPlatform",
    description=("Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior"),
    page="redundant-target-platform",
)
SECRETS_USED_IN_ARG_OR_ENV = Rule(
    name="SecretsUsedInArgOrEnv",
    description="Sensitive data should not be used in the ARG or ENV commands",
    page="secrets-used-in-arg-or-env",
)
INVALID_DEFAULT_ARG_IN_FROM = Rule(
    name="InvalidDefaultArgInFrom",
    description="Default value for global ARG results in an empty or invalid base image name",
    page="invalid-default-arg-in-from",
)
FROM_PLATFORM_FLAG_CONST_DISALLOWED = Rule(
    name="FromPlatformFlagConstDisallowed",
    description="FROM --platform flag should not use a constant value",
    page="from-platform-flag-const-disallowed",
)
COPY_IGNORED_FILE = Rule(
    name="CopyIgnoredFile",
    description="Attempting to Copy file that is excluded by .dockerignore",
    page="copy-ignored-file",
)
INVALID_DEFINITION_DESCRIPTION = Rule(
    name="InvalidDefinitionDescription",
    description=(
        "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is"
        " not intended to be a description comment, add an empty line or comment between the instruction and the"
        " comment."
    ),
    page="invalid-definition-description",
    is_experimental=True,
)
EXPOSE_PROTO_CASING = Rule(
    name="ExposeProtoCasing",
    description="Protocol in EXPOSE instruction should be lowercase",
    page="expose-proto-casing",
)
EXPOSE_INVALID_FORMAT = Rule(
    name="ExposeInvalidFormat",
    description=(
        "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a"
        " future release"
    ),
    page="expose-invalid-format",
)

RULES: tuple[Rule, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Rule))
