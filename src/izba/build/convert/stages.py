"""Instructions to graph: what a Dockerfile's target stage means, as a vertex and the config of its image.

Stages are converted on demand, from the target on: one that nothing needs is never looked at. Converting reads no file
and runs nothing; what it has to know of images it asks its `Resolver`.
"""

from __future__ import annotations

from izba._record import Record
from izba.build.convert import args, copy, from_, meta, run
from izba.build.dockerfile import instructions as ins
from izba.build.dockerfile.words import expand
from izba.errors import InvalidArgument
from izba.nearest import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol

    from izba.build.dockerfile.instructions import Dockerfile, Instruction, Stage
    from izba.build.dockerfile.source import Word
    from izba.build.graph import Layer, Vertex
    from izba.build.options import Options
    from izba.oci.documents import ContainerDefaults, ImageConfig


class UnknownTarget(InvalidArgument):
    """`--target` names no stage."""

    def __init__(self, target: str, known: tuple[str, ...]) -> None:
        meant = nearest(target, known)
        hint = f"did you mean {meant}?" if meant else None
        super().__init__(f'target stage "{target}" could not be found', hint=hint)
        self.target = target


class BaseImage(Record):
    """An image as FROM finds it. `layers` are those of its root file system, lowest first."""

    name: str
    config: ImageConfig
    layers: tuple[Layer, ...]


if TYPE_CHECKING:

    class Resolver(Protocol):
        """What converting has to know from outside the Dockerfile."""

        def image(self, name: str, platform: str | None) -> BaseImage:
            """The image `name`. Raises an `IzbaError` that says what to do."""

        def context(self, name: str, platform: str | None) -> BaseImage | str | None:
            """What `--build-context name=` stands for: an image, or the name of a directory; None if not given."""


class HistoryStep(Record):
    """One entry of the image's history; `vertex` made a layer, or could have."""

    created_by: str
    vertex: Vertex | None = None


class Converted(Record):
    """The target: its tree, the defaults of its containers, and what its history adds to the base image's."""

    vertex: Vertex
    base: BaseImage | None
    defaults: ContainerDefaults
    author: str | None
    history: tuple[HistoryStep, ...]
    epoch: int
    platform: str
    unused_args: tuple[str, ...] = ()
    stages: frozenset[int] = frozenset()
    """The numbers of the stages that the target needs."""


class State:
    """One stage while its instructions are gone through: everything that a later instruction may depend on."""

    def __init__(self, stage: Stage, label: str) -> None:
        self.stage = stage
        self.label = label
        self.total = 0
        self.index = 0
        self.on_build = False
        self.vertex: Vertex
        self.base: BaseImage | None = None
        self.platform = ""
        self.epoch = 0
        self.environment: dict[str, str] = {}
        self.defaults: ContainerDefaults = {}
        self.author: str | None = None
        self.history: list[HistoryStep] = []
        self.args: list[tuple[str, str | None]] = []
        self.cmd_is_set = False
        self.ignore_cache = False

    @property
    def has_tree(self) -> bool:
        """Whether `vertex` is set: an image's is named, and so made, only when the steps are counted."""
        return hasattr(self, "vertex")

    def title(self, text: str) -> str:
        """The name people see of the next step that does something: `[builder 2/7] RUN make`."""
        self.index += 1
        width = len(str(self.total))
        trigger = "ONBUILD " if self.on_build else ""
        label = f"{self.label} " if self.label else ""
        return f"[{label}{self.index:{width}}/{self.total}] {trigger}{text}"

    def record(self, created_by: str, vertex: Vertex | None = None) -> None:
        """Add to the history; a vertex becomes the stage's tree."""
        if vertex is not None:
            self.vertex = vertex
        self.history.append(HistoryStep(created_by=created_by, vertex=vertex))

    @property
    def workdir(self) -> str:
        return self.defaults.get("WorkingDir") or "/"

    @property
    def user(self) -> str:
        return self.defaults.get("User") or ""


class Conversion:
    """Converts one Dockerfile's stages, each once."""

    def __init__(self, dockerfile: Dockerfile, options: Options, resolver: Resolver) -> None:
        self.dockerfile = dockerfile
        self.options = options
        self.resolver = resolver
        self.build_args = dict(options.build_args)
        self.used_args: set[str] = set()
        self.proxy = args.proxy_variables(self.build_args)
        target = self.target()
        self.globals = args.global_scope(self, target)
        self._done: dict[int, State] = {}

    def target(self) -> Stage:
        """The stage to build. Raises `UnknownTarget`."""
        name = self.options.target
        if not name:
            return self.dockerfile.stages[-1]
        stage = self.dockerfile.stage(name)
        if stage is None:
            raise UnknownTarget(name, tuple(each.base.alias for each in self.dockerfile.stages if each.base.alias))
        return stage

    @property
    def needed(self) -> frozenset[int]:
        """The stages converted so far."""
        return frozenset(self._done)

    def stage(self, stage: Stage) -> State:
        """The stage converted; all that it needs was converted before."""
        state = self._done.get(stage.index)
        if state is None:
            state = self._done[stage.index] = self._convert(stage)
        return state

    def earlier(self, name: str, than: Stage) -> Stage | None:
        """The stage called `name`, or with that number, among those before `than`; the last one if several."""
        before = self.dockerfile.stages[: than.index]
        for each in reversed(before):
            if each.base.alias and each.base.alias == name.lower():
                return each
        if name.isascii() and name.isdecimal() and int(name) < len(before):
            return before[int(name)]
        return None

    def expander(self, state: State) -> Callable[[Word], str]:
        """Replaces variables by their values at this place of the stage."""
        environment: Mapping[str, str] = dict(state.environment)
        escape = self.dockerfile.escape
        return lambda word: expand(word, environment, escape=escape)

    def _convert(self, stage: Stage) -> State:
        several = len(self.dockerfile.stages) > 1
        label = (stage.base.alias or f"stage-{stage.index}") if several else ""
        if self.options.is_one_of_several:
            label = f"{self.options.platform} {label}".rstrip()
        state = State(stage, label)
        triggers = from_.begin(self, state)
        state.on_build = True
        for trigger in triggers:
            self._apply(state, trigger)
        state.on_build = False
        for instruction in stage.instructions:
            self._apply(state, instruction)
        return state

    def _apply(self, state: State, instruction: Instruction) -> None:
        match instruction:
            case ins.Run():
                run.apply(self, state, instruction)
            case ins.Copy() | ins.Add():
                copy.apply(self, state, instruction)
            case ins.Arg():
                args.apply(self, state, instruction)
            case _:
                meta.apply(self, state, instruction)


def convert(dockerfile: Dockerfile, options: Options, resolver: Resolver) -> Converted:
    """The target stage of `dockerfile` as a graph. Raises `DockerfileError`, and what the resolver raises."""
    conversion = Conversion(dockerfile, options, resolver)
    state = conversion.stage(conversion.target())
    defaults: Any = dict(state.defaults)
    if options.labels:
        defaults["Labels"] = {**(defaults.get("Labels") or {}), **dict(options.labels)}
    unused = set(conversion.build_args) - conversion.used_args - args.PREDEFINED
    return Converted(
        vertex=state.vertex,
        base=state.base,
        defaults=defaults,
        author=state.author,
        history=tuple(state.history),
        epoch=state.epoch,
        platform=state.platform,
        unused_args=tuple(sorted(unused)),
        stages=conversion.needed,
    )
