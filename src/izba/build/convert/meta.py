"""The instructions that change what an image says about its containers, and WORKDIR, which also makes a directory."""

from __future__ import annotations

from izba import jsonio
from izba.build.dockerfile import instructions as ins
from izba.build.dockerfile import ports
from izba.build.graph import Vertex
from izba.build.inroot import clean
from izba.build.ops.workdir import WorkdirOp
from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from izba.build.convert.stages import Conversion, State
    from izba.build.dockerfile.instructions import CommandLine, Instruction

DEFAULT_SHELL = ("/bin/sh", "-c")


def apply(conversion: Conversion, state: State, instruction: Instruction) -> None:
    """Change the stage's config as the instruction says. Raises `DockerfileError`."""
    expand = conversion.expander(state)
    defaults = state.defaults
    match instruction:
        case ins.Env(pairs=pairs):
            changes = {expand(pair.key): expand(pair.value) for pair in pairs}
            _set_environment(state, changes)
            state.record("ENV " + " ".join(f"{key}={value}" for key, value in changes.items()))
        case ins.Label(pairs=pairs):
            changes = {expand(pair.key): expand(pair.value) for pair in pairs}
            defaults["Labels"] = {**(defaults.get("Labels") or {}), **changes}
            state.record("LABEL " + " ".join(f"{key}={value}" for key, value in changes.items()))
        case ins.Workdir(path=path):
            _workdir(state, instruction, expand(path))
        case ins.User(user=user):
            defaults["User"] = expand(user)
            state.record(f"USER {defaults['User']}")
        case ins.Cmd(command=command):
            defaults["Cmd"] = list(command_line(state, command))
            state.cmd_is_set = True
            state.record(f"CMD {jsonio.dumps(defaults['Cmd'])}")
        case ins.Entrypoint(command=command):
            defaults["Entrypoint"] = list(command_line(state, command))
            if not state.cmd_is_set:
                defaults["Cmd"] = None  # it was meant for another entry point
            state.record(f"ENTRYPOINT {jsonio.dumps(defaults['Entrypoint'])}")
        case ins.Expose(ports=words):
            exposed = [port for word in words for port in _ports(instruction, expand(word))]
            defaults["ExposedPorts"] = {**(defaults.get("ExposedPorts") or {}), **{port: {} for port in exposed}}
            state.record(f"EXPOSE {' '.join(exposed)}")
        case ins.Volume(paths=paths):
            volumes = [expand(path) for path in paths]
            if "" in volumes:
                raise instruction.error("VOLUME specified can not be an empty string")
            defaults["Volumes"] = {**(defaults.get("Volumes") or {}), **{path: {} for path in volumes}}
            state.record(f"VOLUME {jsonio.dumps(volumes)}")
        case ins.Shell(shell=shell):
            defaults["Shell"] = list(shell)
            state.record(f"SHELL {jsonio.dumps(defaults['Shell'])}")
        case ins.Stopsignal(signal=signal):
            defaults["StopSignal"] = _signal(instruction, expand(signal))
            state.record(f"STOPSIGNAL {defaults['StopSignal']}")
        case ins.Healthcheck():
            _healthcheck(state, instruction)
        case ins.Onbuild(expression=expression):
            defaults["OnBuild"] = [*(defaults.get("OnBuild") or ()), expression]
            state.record(f"ONBUILD {expression}")
        case ins.Maintainer(maintainer=maintainer):
            state.author = maintainer
            state.record(f"MAINTAINER {maintainer}")
        case _:
            raise instruction.error(f"{instruction.name} is not known here")


def command_line(state: State, command: CommandLine) -> tuple[str, ...]:
    """The arguments that run: those of an exec form, or SHELL with the text."""
    if not command.is_shell:
        return command.arguments
    return (*(state.defaults.get("Shell") or DEFAULT_SHELL), " ".join(command.arguments))


def _set_environment(state: State, changes: dict[str, str]) -> None:
    state.environment.update(changes)
    environment = dict(pair.partition("=")[::2] for pair in state.defaults.get("Env") or ())
    environment.update(changes)
    state.defaults["Env"] = [f"{key}={value}" for key, value in environment.items()]


def _workdir(state: State, instruction: Instruction, path: str) -> None:
    directory = clean(path if path.startswith("/") else f"{state.workdir}/{path}")
    state.defaults["WorkingDir"] = directory
    if directory == "/":
        state.record("WORKDIR /")
        return
    vertex = Vertex(
        WorkdirOp(path=directory, owner=state.user, epoch=state.epoch),
        (state.vertex,),
        name=state.title(f"WORKDIR {directory}"),
        place=instruction.range,
        base=state.vertex,
        ignore_cache=state.ignore_cache,
    )
    state.record(f"WORKDIR {directory}", vertex)


def _ports(instruction: Instruction, text: str) -> tuple[str, ...]:
    found: list[str] = []
    for word in text.split():
        try:
            found += ports.parse(word)
        except InvalidArgument as error:
            raise instruction.error(error.message, hint=error.hint) from None
    return tuple(found)


def _signal(instruction: Instruction, text: str) -> str:
    import signal

    name = text.upper().removeprefix("SIG")
    known = {each.name.removeprefix("SIG") for each in signal.Signals}
    in_range = text.isascii() and text.isdecimal() and 0 < int(text) <= 64
    if not in_range and name not in known and not name.startswith(("RTMIN", "RTMAX")):
        raise instruction.error(f"invalid signal: {text}")
    return text


def _healthcheck(state: State, instruction: ins.Healthcheck) -> None:
    check: Any = {"Test": list(instruction.test)}
    durations = {
        "Interval": instruction.interval,
        "Timeout": instruction.timeout,
        "StartPeriod": instruction.start_period,
        "StartInterval": instruction.start_interval,
        "Retries": instruction.retries,
    }
    check |= {key: value for key, value in durations.items() if value}
    state.defaults["Healthcheck"] = check
    state.record(f"HEALTHCHECK {jsonio.dumps(check)}")
