"""RUN: a command in the stage's root file system, with its mounts."""

from __future__ import annotations

from izba.build.convert import copy, meta
from izba.build.dockerfile import mounts
from izba.build.dockerfile.heredocs import script
from izba.build.dockerfile.source import DockerfileError
from izba.build.dockerfile.words import Rules, expansion
from izba.build.graph import Vertex
from izba.build.inroot import clean
from izba.build.ops.context import ContextOp
from izba.build.ops.copy import Action, CopyOp
from izba.build.ops.exec import ExecOp, StepMount
from izba.build.ops.image import ScratchOp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.build.convert.stages import Conversion, State
    from izba.build.dockerfile.instructions import Mount, Run, Script
    from izba.build.dockerfile.source import Word

SCRIPTS = "/dev/pipes"
"""Where a heredoc that is a script of its own (`#!`) appears; on the container's own /dev, so in no layer."""


def apply(conversion: Conversion, state: State, instruction: Run) -> None:
    """RUN. Raises `DockerfileError`."""
    found = script(instruction)
    arguments = _arguments(state, instruction, found)
    step_mounts: list[StepMount] = []
    inputs: list[Vertex] = []
    for word in instruction.mounts:
        mount = mounts.read(word, conversion.expander(state))
        step_mounts.append(_mount(conversion, state, mount, word, inputs))
    options = conversion.options
    op = ExecOp(
        arguments=arguments,
        environment=tuple(f"{key}={value}" for key, value in state.environment.items()),
        directory=state.workdir,
        user=state.user,
        network=options.network if instruction.network == "default" else instruction.network,
        mounts=tuple(step_mounts),
        script=found.text if found and found.file_name else None,
        hosts=options.add_hosts,
        shm_size=options.shm_size,
        ulimits=options.ulimits,
        epoch=state.epoch,
        proxy=conversion.proxy,
    )
    vertex = Vertex(
        op,
        (state.vertex, *inputs),
        name=state.title(_title(conversion, state, instruction)),
        place=instruction.range,
        base=state.vertex,
        ignore_cache=state.ignore_cache,
    )
    state.record(f"RUN {_history(state, arguments)}", vertex)


def _arguments(state: State, instruction: Run, found: Script | None) -> tuple[str, ...]:
    if found is None:
        return meta.command_line(state, instruction.command)
    if found.file_name:
        return (f"{SCRIPTS}/{found.file_name}",)
    return (*(state.defaults.get("Shell") or meta.DEFAULT_SHELL), found.text)


def _mount(conversion: Conversion, state: State, mount: Mount, word: Word, inputs: list[Vertex]) -> StepMount:
    """The mount as the step needs it; what it is made from is added to the inputs."""
    if mount.kind == "ssh":
        raise word.error("ssh mounts are not supported", hint="pass the key with --secret and --mount=type=secret")
    if mount.kind == "secret":
        return _secret(state, mount, word)
    if not mount.target:
        raise word.error("invalid mount target: a target is needed", hint="add target=/path")
    target = clean(mount.target if mount.target.startswith("/") else f"{state.workdir}/{mount.target}")
    if target == "/":
        raise word.error(f'invalid mount target "{mount.target}"')
    if mount.kind == "tmpfs":
        return StepMount(kind="tmpfs", target=target, size=mount.size)
    source = clean(mount.source)
    index: int | None = None
    if mount.kind == "bind" or mount.from_:
        inputs.append(_mounted(conversion, state, mount, source, word))
        index = len(inputs)
    return StepMount(
        kind=mount.kind,
        target=target,
        input=index,
        source=source,
        read_only=mount.read_only,
        id=(mount.id or target) if mount.kind == "cache" else "",
        sharing=mount.sharing or "shared",
        mode=mount.mode,
        uid=mount.uid,
        gid=mount.gid,
    )


def _mounted(conversion: Conversion, state: State, mount: Mount, source: str, word: Word) -> Vertex:
    """The tree that a mount shows. Of a context it is a copy: owned by root, unchanging, without what is ignored."""
    if mount.from_:
        vertex = copy.source_vertex(conversion, state, mount.from_, word)
        if not isinstance(vertex.op, ContextOp):
            return vertex
    else:
        vertex = Vertex(ContextOp(name=copy.MAIN_CONTEXT), name="[internal] load build context")
    nothing = Vertex(ScratchOp(), name="scratch")
    action = Action(input=1, source=source)
    # A directory's content goes to where it is in the context, and so does a file.
    op = CopyOp(actions=(action,), destination=source, epoch=state.epoch)
    return Vertex(op, (nothing, vertex), name=f"{vertex.name} {source}", place=word.place, base=nothing)


def _secret(state: State, mount: Mount, word: Word) -> StepMount:
    """A secret is known by its id, else by its source's or target's last name; the default place is /run/secrets."""
    id = mount.id or mount.source
    target = mount.target
    if not id:
        if not target:
            raise word.error("one of source, target required")
        id = clean(target).rpartition("/")[2]
    if target or mount.env is None:
        target = target or f"/run/secrets/{id.rpartition('/')[2]}"
        target = clean(target if target.startswith("/") else f"{state.workdir}/{target}")
    return StepMount(
        kind="secret",
        target=target,
        id=id,
        env=mount.env or "",
        required=mount.required,
        mode=0o400 if mount.mode is None else mount.mode,
        uid=mount.uid or 0,
        gid=mount.gid or 0,
    )


def _title(conversion: Conversion, state: State, instruction: Run) -> str:
    """The instruction as people see it, its variables replaced, except those that a secret fills."""
    rules = Rules(escape=conversion.dockerfile.escape, keeps_quotes=True, keeps_escapes=True, keeps_unset=True)
    try:
        text = expansion(instruction.original, state.environment, rules).text
    except DockerfileError:  # what is no word of a Dockerfile may still be one of the shell's
        text = instruction.original
    first, *others = text.split("\n")
    return f"{first}..." if others else first


def _history(state: State, arguments: tuple[str, ...]) -> str:
    """The command, after the ARGs that it sees: `|1 VERSION=3 /bin/sh -c make`."""
    args = dict(state.args)
    pairs = [f"{name}={state.environment.get(name, value or '')}" for name, value in args.items()]
    return " ".join([*((f"|{len(pairs)}", *pairs) if pairs else ()), *arguments])
