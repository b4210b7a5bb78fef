"""The build checks: what in a Dockerfile works, and will surprise. Names and sentences are BuildKit's.

First what the text alone shows, then each stage from top to bottom with the variables it has by then.
"""

from __future__ import annotations

from izba._record import Record
from izba.build.dockerfile import instructions as records
from izba.build.dockerfile import ports, rules
from izba.build.dockerfile.ignore import clean
from izba.build.dockerfile.rules import Finding, Rule, Wanted, wanted, wanted_in_comments
from izba.build.dockerfile.source import DockerfileError
from izba.build.dockerfile.words import Rules, expansion
from izba.errors import InvalidArgument, Range
from izba.nearest import nearest
from izba.oci.platform import InvalidPlatform, Platform
from izba.oci.reference import InvalidReference, Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from izba.build.dockerfile.ignore import Ignore
    from izba.build.dockerfile.instructions import Dockerfile, Instruction, Stage

_SECRET = frozenset("apikey auth credential credentials key password pword passwd secret token".split())
_NO_SECRET = frozenset(("public", "file", "version"))
_RESERVED = ("context", "scratch")
_EVERYTHING = ("*", "**", "**/*")


class BaseImage(Record):
    """What the checks may know of an image that a stage begins from."""

    environment: Mapping[str, str]
    platform: Platform


class Surroundings(Record):
    """What a build knows besides the Dockerfile; the defaults are for looking at the text alone.

    `platform_args` are `TARGETPLATFORM` and its kin. `stages` are the numbers of those that the build needs; None means
    all. `base_images` are by the name in FROM, variables replaced.
    """

    platform_args: Mapping[str, str]
    build_args: Mapping[str, str]
    ignore: Ignore | None = None
    stages: Container[int] | None = None
    base_images: Mapping[str, BaseImage]


class Violated(InvalidArgument):
    """A Dockerfile with `# check=error=true` does not pass the checks."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        names = sorted({finding.rule.name for finding in findings})
        super().__init__(
            f"lint violation found for rules: {', '.join(names)}", hint="izba build --check shows them with their lines"
        )
        self.rules = names


def check(dockerfile: Dockerfile, surroundings: Surroundings) -> tuple[Finding, ...]:
    """What the checks that this Dockerfile wants find, in the order of its lines. Raises `DockerfileError`."""
    return _Check(dockerfile, surroundings).run()


def is_error(dockerfile: Dockerfile) -> bool:
    """Whether the Dockerfile wants findings to fail its build."""
    return dockerfile.check is not None and wanted(dockerfile.check).error


class _State:
    """What a stage has by an instruction."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        self.declared: set[str] = set()
        self.has_shell = False
        self.has_workdir = False
        self.last: dict[str, Instruction] = {}

    def inherited(self) -> _State:
        state = _State(self.environment)
        state.declared = set(self.declared)
        state.has_shell, state.has_workdir = self.has_shell, self.has_workdir
        return state


class _Check:
    def __init__(self, dockerfile: Dockerfile, surroundings: Surroundings) -> None:
        self.dockerfile = dockerfile
        self.surroundings = surroundings
        self.wanted = wanted(dockerfile.check) if dockerfile.check else Wanted()
        self.here = self.wanted
        self.found: list[Finding] = []
        self.rules = Rules(escape=dockerfile.escape)
        self.global_args = self.globals(surroundings.build_args)

    def run(self) -> tuple[Finding, ...]:
        for number in self.dockerfile.empty_continuations:
            place = Range(self.dockerfile.source.file, number)
            self.say(rules.NO_EMPTY_CONTINUATION, "Empty continuation line", place)
        for instruction in self.instructions():
            self.look_at_text(instruction)
        self.look_at_stage_names()
        self.look_at_casing()
        self.look_at_defaults_in_from()
        self.look_into_stages()
        return tuple(sorted(dict.fromkeys(self.found), key=lambda finding: (finding.place.start, finding.rule.name)))

    def say(self, rule: Rule, message: str, place: Range) -> None:
        if self.here.wants(rule):
            self.found.append(Finding(rule=rule, message=message, place=place))

    def listen_to(self, instruction: Instruction) -> None:
        """Heed the comments above an instruction while looking at it."""
        self.here = self.wanted.and_also(wanted_in_comments(instruction.comments))

    def instructions(self) -> Iterator[Instruction]:
        """All of them, each with the checks that its comments leave."""
        for instruction in self.dockerfile.global_args:
            self.listen_to(instruction)
            yield instruction
        for stage in self.dockerfile.stages:
            for each in (stage.base, *stage.instructions):
                self.listen_to(each)
                yield each
        self.here = self.wanted

    # What the text alone shows.

    def look_at_text(self, instruction: Instruction) -> None:
        place = instruction.range
        match instruction:
            case records.Maintainer():
                message = "Maintainer instruction is deprecated in favor of using label"
                self.say(rules.MAINTAINER_DEPRECATED, message, place)
            case records.From():
                alias = instruction.alias_word
                if alias and alias != alias.lower():
                    self.say(rules.STAGE_NAME_CASING, f"Stage name '{alias}' should be lowercase", place)
                if instruction.as_keyword and _casings_differ(instruction.keyword, instruction.as_keyword):
                    words = f"'{instruction.as_keyword}' and '{instruction.keyword}'"
                    self.say(rules.FROM_AS_CASING, f"{words} keywords' casing do not match", place)
                if instruction.alias:
                    self.look_at_description(instruction, (instruction.alias,))
            case records.Arg():
                self.look_at_description(instruction, [str(each.name) for each in instruction.declarations])

    def look_at_description(self, instruction: Instruction, names: Iterable[str]) -> None:
        names = tuple(names)
        if not instruction.comments or instruction.comments[-1].split(" ")[0] in names:
            return
        name = names[0] if len(names) == 1 else "<arg_key>"
        message = f"Comment for {instruction.name} should follow the format: `# {name} <description>`"
        self.say(rules.INVALID_DEFINITION_DESCRIPTION, message, instruction.range)

    def look_at_stage_names(self) -> None:
        seen: set[str] = set()
        for stage in self.dockerfile.stages:
            name, place = stage.base.alias, stage.base.range
            if name in _RESERVED:
                message = f'Stage name should not use the same name as reserved stage "{name}"'
                self.say(rules.RESERVED_STAGE_NAME, message, place)
            if name and name in seen:
                message = f'Duplicate stage name "{name}", stage names should be unique'
                self.say(rules.DUPLICATE_STAGE_NAME, message, place)
            seen.add(name)

    def look_at_casing(self) -> None:
        instructions = [each for stage in self.dockerfile.stages for each in (stage.base, *stage.instructions)]
        lower = sum(each.keyword.islower() for each in instructions)
        upper = sum(each.keyword.isupper() for each in instructions)
        casing = "lowercase" if lower > upper else "uppercase"
        for each in instructions:
            if not (each.keyword.islower() if lower > upper else each.keyword.isupper()):
                message = f"Command '{each.keyword}' should match the case of the command majority ({casing})"
                self.say(rules.CONSISTENT_INSTRUCTION_CASING, message, each.range)

    # What FROM names.

    def globals(self, build_args: Mapping[str, str]) -> dict[str, str]:
        """The variables that FROM has: those of the platform, and the global ARGs."""
        known = dict(self.surroundings.platform_args)
        for arg in self.dockerfile.global_args:
            for declaration in arg.declarations:
                name = str(declaration.name)
                if name in build_args:
                    known[name] = build_args[name]
                elif declaration.default is not None:
                    known[name] = expansion(declaration.default, known, self.rules).text
        return known

    def look_at_defaults_in_from(self) -> None:
        known = self.globals({})
        for stage in self.dockerfile.stages:
            try:
                Reference.parse(expansion(stage.base.base, known, self.rules).text)
            except InvalidReference:
                message = f"Default value for ARG {stage.base.base} results in empty or invalid base image name"
                self.say(rules.INVALID_DEFAULT_ARG_IN_FROM, message, stage.base.range)
            except DockerfileError:
                return

    def look_at_from(self, stage: Stage) -> str:
        """The name of the base, variables replaced."""
        base = stage.base
        self.listen_to(base)
        expanded = expansion(base.base, self.global_args, self.rules)
        self.report_undeclared(base, expanded.unmatched)
        if base.platform is not None:
            platform = expansion(base.platform, self.global_args, self.rules)
            self.report_undeclared(base, platform.unmatched)
            if platform.matched == {"TARGETPLATFORM"} and not platform.unmatched:
                if platform.text == self.global_args["TARGETPLATFORM"]:
                    message = f"Setting platform to predefined {base.platform} in FROM"
                    message += " is redundant as this is the default behavior"
                    self.say(rules.REDUNDANT_TARGET_PLATFORM, message, base.range)
            elif not platform.matched and not platform.unmatched:
                self.report_constant_platform(base, platform.text)
        return expanded.text

    def report_undeclared(self, base: records.From, names: Iterable[str]) -> None:
        declared = {str(each.name) for arg in self.dockerfile.global_args for each in arg.declarations}
        known = declared | set(self.surroundings.platform_args)
        for name in sorted(set(names) - known):
            meant = nearest(name, sorted(known))
            message = f"FROM argument '{name}' is not declared" + (f" (did you mean {meant}?)" if meant else "")
            self.say(rules.UNDEFINED_ARG_IN_FROM, message, base.range)

    def report_constant_platform(self, base: records.From, text: str) -> None:
        try:
            platform = Platform.parse(text)
        except InvalidPlatform:
            return
        # A stage named for its platform is meant to be for that one only.
        if platform.os not in base.alias and platform.architecture not in base.alias:
            message = f'FROM --platform flag should not use constant value "{text}"'
            self.say(rules.FROM_PLATFORM_FLAG_CONST_DISALLOWED, message, base.range)

    # The stages, with their variables.

    def look_into_stages(self) -> None:
        states: dict[str, _State] = {}
        for stage in self.dockerfile.stages:
            base = self.look_at_from(stage)
            inherited = states.get(base)
            state = inherited.inherited() if inherited else self.state_from_image(stage, base)
            needed = self.surroundings.stages is None or stage.index in self.surroundings.stages
            for instruction in stage.instructions if needed else ():
                self.listen_to(instruction)
                self.look_at(instruction, state)
            if stage.base.alias:
                states[stage.base.alias] = state

    def state_from_image(self, stage: Stage, base: str) -> _State:
        image = self.surroundings.base_images.get(base)
        if image is None:
            return _State({"PATH": ""} if base != "scratch" else {})
        expected = self.surroundings.platform_args.get("TARGETPLATFORM")
        if stage.base.platform is not None:
            expected = expansion(stage.base.platform, self.global_args, self.rules).text
        if expected and _are_different(Platform.parse(expected), image.platform):
            message = f'Base image {base} was pulled with platform "{image.platform}"'
            message += f', expected "{expected}" for current build'
            self.say(rules.INVALID_BASE_IMAGE_PLATFORM, message, stage.base.range)
        return _State(image.environment)

    def look_at(self, instruction: Instruction, state: _State) -> None:
        place = instruction.range
        match instruction:
            case records.Arg():
                self.look_at_arg(instruction, state)
            case records.Env():
                state.environment |= self.look_at_pairs(instruction, state)
            case records.Label():
                self.look_at_pairs(instruction, state)
            case records.Run():
                for mount in instruction.mounts:
                    self.expand(instruction, mount, state)
            case records.Copy() | records.Add():
                self.look_at_copy(instruction, state)
            case records.Workdir():
                path = self.expand(instruction, instruction.path, state)
                if not state.has_workdir and not path.startswith("/"):
                    message = f'Relative workdir "{path}" can have unexpected results if the base image changes'
                    self.say(rules.WORKDIR_RELATIVE_PATH, message, place)
                state.has_workdir = True
            case records.Cmd() | records.Entrypoint():
                self.look_for_another(instruction, state)
                if instruction.command.is_shell and not state.has_shell:
                    message = f"JSON arguments recommended for {instruction.keyword}"
                    message += " to prevent unintended behavior related to OS signals"
                    self.say(rules.JSON_ARGS_RECOMMENDED, message, place)
            case records.Healthcheck():
                self.look_for_another(instruction, state)
            case records.Shell():
                state.has_shell = True
            case records.User():
                self.expand(instruction, instruction.user, state)
            case records.Stopsignal():
                self.expand(instruction, instruction.signal, state)
            case records.Volume():
                for path in instruction.paths:
                    self.expand(instruction, path, state)
            case records.Expose():
                self.look_at_expose(instruction, state)

    def expand(self, instruction: Instruction, word: str, state: _State, reading: Rules | None = None) -> str:
        expanded = expansion(word, state.environment, reading or self.rules)
        for name in sorted(expanded.unmatched - state.declared):
            meant = nearest(name, sorted(state.environment))
            message = f"Usage of undefined variable '${name}'" + (f" (did you mean ${meant}?)" if meant else "")
            self.say(rules.UNDEFINED_VAR, message, instruction.range)
        return expanded.text

    def look_at_arg(self, instruction: records.Arg, state: _State) -> None:
        build_args = self.surroundings.build_args
        for declaration in instruction.declarations:
            name = str(declaration.name)
            self.look_for_secret("ARG", name, instruction.range)
            if name in build_args:
                state.environment[name] = build_args[name]
            elif declaration.default is not None:
                state.environment[name] = self.expand(instruction, declaration.default, state)
            elif name in self.global_args:
                state.environment[name] = self.global_args[name]
            state.declared.add(name)

    def look_at_pairs(self, instruction: records.Env | records.Label, state: _State) -> dict[str, str]:
        """The pairs, variables replaced by what they were before the instruction."""
        pairs = {
            self.expand(instruction, pair.key, state): self.expand(instruction, pair.value, state)
            for pair in instruction.pairs
        }
        if instruction.is_legacy:
            keyword = instruction.keyword
            message = f'"{keyword} key=value" should be used instead of legacy "{keyword} key value" format'
            self.say(rules.LEGACY_KEY_VALUE_FORMAT, message, instruction.range)
        if isinstance(instruction, records.Env):
            for key in pairs:
                self.look_for_secret("ENV", key, instruction.range)
        return pairs

    def look_for_secret(self, instruction: str, key: str, place: Range) -> None:
        words = set(key.lower().split("_"))
        if words & _SECRET and not words & _NO_SECRET:
            message = f'Do not use ARG or ENV instructions for sensitive data ({instruction} "{key}")'
            self.say(rules.SECRETS_USED_IN_ARG_OR_ENV, message, place)

    def look_for_another(self, instruction: Instruction, state: _State) -> None:
        # The earlier one is without effect, so that is the place to look at.
        if before := state.last.get(instruction.name):
            message = f"Multiple {instruction.keyword} instructions should not be used in the same stage"
            message += " because only the last one will be used"
            self.say(rules.MULTIPLE_INSTRUCTIONS_DISALLOWED, message, before.range)
        state.last[instruction.name] = instruction

    def look_at_copy(self, instruction: records.Copy | records.Add, state: _State) -> None:
        for word in (instruction.chown, instruction.chmod):
            if word is not None:
                self.expand(instruction, word, state)
        if isinstance(instruction, records.Add) and instruction.checksum is not None:
            self.expand(instruction, instruction.checksum, state)
        for heredoc in instruction.heredocs:
            if heredoc.expand:
                self.expand(instruction, heredoc.content, state, Rules(knows_quotes=False))
        sources = [self.expand(instruction, source, state) for source in instruction.sources]
        self.expand(instruction, instruction.destination, state)
        if not isinstance(instruction, records.Copy) or instruction.from_ is None:
            self.look_for_ignored(instruction, sources)

    def look_for_ignored(self, instruction: Instruction, sources: Iterable[str]) -> None:
        ignore = self.surroundings.ignore
        if ignore is None or ignore.has_exceptions:
            return
        for source in sources:
            if source.startswith(("http://", "https://")):
                continue
            path = clean(source)
            is_root = path in {".", "/"}
            excluded = any(each in _EVERYTHING for each in ignore.patterns) if is_root else ignore.excludes(path)
            if excluded:
                message = (
                    f'Attempting to {instruction.name.capitalize()} file "{path}" that is excluded by .dockerignore'
                )
                self.say(rules.COPY_IGNORED_FILE, message, instruction.range)

    def look_at_expose(self, instruction: records.Expose, state: _State) -> None:
        for word in instruction.ports:
            for port in expansion(word, state.environment, self.rules).words:
                address, host, container = ports.parts(port)
                protocol = container.partition("/")[2]
                if protocol != protocol.lower():
                    message = f"Defined protocol '{port}' in EXPOSE instruction should be lowercase"
                    self.say(rules.EXPOSE_PROTO_CASING, message, instruction.range)
                if address or host:
                    message = f"EXPOSE instruction should not define an IP address or host-port mapping, found '{port}'"
                    self.say(rules.EXPOSE_INVALID_FORMAT, message, instruction.range)


def _casings_differ(from_: str, as_: str) -> bool:
    """Whether `AS` is not cased like `FROM`; for a FROM of mixed case another check speaks."""
    if from_.islower():
        return not as_.islower()
    return from_.isupper() and not as_.isupper()


def _are_different(a: Platform, b: Platform) -> bool:
    return (a.os, a.architecture) != (b.os, b.architecture)
