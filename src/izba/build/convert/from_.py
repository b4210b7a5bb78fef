"""FROM: an earlier stage, a named context, an image, or nothing (`scratch`); and the triggers that come with it."""

from __future__ import annotations

from izba.build.dockerfile import instructions
from izba.build.dockerfile.parser import parse_trigger
from izba.build.dockerfile.words import expand
from izba.build.graph import Vertex
from izba.build.ops.context import ContextOp
from izba.build.ops.copy import Action, CopyOp
from izba.build.ops.image import ImageOp, ScratchOp
from izba.errors import IzbaError, NotFound, SourceError
from izba.nearest import nearest
from izba.timestamps import SECOND, InvalidTime, parse_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from izba.build.convert.stages import BaseImage, Conversion, State
    from izba.build.dockerfile.instructions import Instruction, Stage
    from izba.build.dockerfile.source import Word
    from izba.errors import Range

SCRATCH = "scratch"
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_DOES = (instructions.Run, instructions.Copy, instructions.Add, instructions.Workdir)
EARLIEST = 315532800
"""1980-01-01, the first day of zip archives: the time of files where nothing else gives one."""


def begin(conversion: Conversion, state: State) -> tuple[Instruction, ...]:
    """Start a stage from its base; the instructions that the base's ONBUILD adds."""
    stage = state.stage
    expressions = _inherit(conversion, state)
    triggers = tuple(_trigger(stage, expression) for expression in expressions)
    state.total = sum(isinstance(each, _DOES) for each in (*triggers, *stage.instructions))
    if not state.has_tree:
        assert state.base is not None
        state.total += 1
        state.vertex = image_vertex(state.base, stage.base.range, state.title(f"FROM {state.base.name}"))
    state.ignore_cache = _ignores_cache(conversion, stage)
    if "PATH" not in state.environment:
        state.environment["PATH"] = DEFAULT_PATH
        state.defaults["Env"] = [*(state.defaults.get("Env") or ()), f"PATH={DEFAULT_PATH}"]
    return triggers


def _inherit(conversion: Conversion, state: State) -> tuple[str, ...]:
    """Take over the base's tree and config; its ONBUILD expressions."""
    stage = state.stage
    from_ = stage.base
    name = expand(from_.base, conversion.globals, escape=conversion.dockerfile.escape)
    if not name:
        raise from_.base.error(
            f"base name ({from_.base}) should not be blank", hint="give the ARG a default, or pass --build-arg"
        )
    platform = _platform(conversion, from_.platform)
    replacement = conversion.resolver.context(from_.alias, platform) if from_.alias else None
    if replacement is None:
        if (earlier := conversion.earlier(name, stage)) is not None and not name.isdecimal():
            return _from_stage(conversion, state, earlier)
        if name == SCRATCH:
            return _from_scratch(conversion, state, platform)
        replacement = conversion.resolver.context(name, platform)
    if isinstance(replacement, str):
        return _from_directory(conversion, state, replacement, platform)
    if replacement is None:
        replacement = image(conversion, name, platform, from_.base.place)
    return _from_image(conversion, state, replacement, platform)


def image(conversion: Conversion, name: str, platform: str | None, place: Range) -> BaseImage:
    """The image `name`; what is wrong points at `place`."""
    try:
        return conversion.resolver.image(name, platform)
    except SourceError:
        raise
    except IzbaError as error:
        stages = [each.base.alias for each in conversion.dockerfile.stages if each.base.alias]
        meant = nearest(name, stages) if isinstance(error, NotFound) else None
        hint = f"did you mean the stage {meant}?" if meant else error.hint
        raise conversion.dockerfile.source.error(error.message, place, hint=hint) from error


def image_vertex(image: BaseImage, place: Range | None, name: str) -> Vertex:
    """The tree of an image."""
    op = ImageOp(layers=image.layers, name=image.name) if image.layers else ScratchOp()
    return Vertex(op, name=name, place=place)


def _from_stage(conversion: Conversion, state: State, stage: Stage) -> tuple[str, ...]:
    earlier = conversion.stage(stage)
    state.vertex = earlier.vertex
    state.base = earlier.base
    state.platform = earlier.platform
    state.epoch = earlier.epoch
    state.environment = dict(earlier.environment)
    state.args = list(earlier.args)
    state.author = earlier.author
    state.history = list(earlier.history)
    defaults: Any = dict(earlier.defaults)
    triggers = tuple(defaults.pop("OnBuild", None) or ())
    state.defaults = defaults
    return triggers


def _from_scratch(conversion: Conversion, state: State, platform: str | None) -> tuple[str, ...]:
    state.vertex = Vertex(ScratchOp(), name="scratch")
    state.platform = platform or conversion.options.platform
    state.epoch = EARLIEST if conversion.options.epoch is None else conversion.options.epoch
    state.defaults["WorkingDir"] = "/"  # as BuildKit says it of what is built from nothing
    return ()


def _from_directory(conversion: Conversion, state: State, context: str, platform: str | None) -> tuple[str, ...]:
    """`--build-context base=./rootfs`: the directory's files are the root file system."""
    _from_scratch(conversion, state, platform)
    source = Vertex(ContextOp(name=context), name=f"[context {context}]")
    op = CopyOp(actions=(Action(input=1, source="/"),), destination="/", epoch=state.epoch)
    state.vertex = Vertex(op, (state.vertex, source), name=f"[context {context}] load", base=state.vertex)
    return ()


def _from_image(conversion: Conversion, state: State, base: BaseImage, platform: str | None) -> tuple[str, ...]:
    options = conversion.options
    state.base = base
    state.platform = _config_platform(base) or platform or options.platform
    state.epoch = options.epoch if options.epoch is not None else _created(base)
    state.author = base.config.get("author")
    defaults: Any = dict(base.config.get("config") or {})
    triggers = tuple(defaults.pop("OnBuild", None) or ())
    state.defaults = defaults
    for pair in defaults.get("Env") or ():
        key, _, value = pair.partition("=")
        state.environment[key] = value
    return triggers


def _trigger(stage: Stage, expression: str) -> Instruction:
    """An inherited trigger; its errors point at the FROM that brought it."""
    try:
        parsed = parse_trigger(expression)
    except SourceError as error:
        message = f"ONBUILD trigger {expression!r} of the base: {error.message}"
        raise stage.base.error(message, hint=error.hint) from error
    return parsed.replace(range=stage.base.range, source=stage.base.source)


def _ignores_cache(conversion: Conversion, stage: Stage) -> bool:
    options = conversion.options
    names = {each.lower() for each in options.no_cache_filter}
    return options.no_cache or bool(names & {stage.base.alias, str(stage.index)} - {""})


def _platform(conversion: Conversion, word: Word | None) -> str | None:
    """What FROM says, or the platform to build for; None where that is this machine's, so that any image serves."""
    if word is None:
        options = conversion.options
        return None if options.platform == options.build_platform else options.platform
    platform = expand(word, conversion.globals, escape=conversion.dockerfile.escape)
    if not platform:
        raise word.error(f"empty platform value from expression {word}")
    return platform


def _config_platform(base: BaseImage) -> str:
    variant = base.config.get("variant")
    platform = f"{base.config.get('os', '')}/{base.config.get('architecture', '')}"
    return f"{platform}/{variant}" if variant else platform


def _created(base: BaseImage) -> int:
    try:
        nanoseconds = parse_time(base.config.get("created"))
    except InvalidTime:
        return EARLIEST
    return max(nanoseconds // SECOND, 0) or EARLIEST
