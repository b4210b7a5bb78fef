"""The `process` of a spec: command line, environment, working directory, user, limits."""

from __future__ import annotations

import os

from izba.errors import InvalidArgument
from izba.runtime.specgen import capabilities, defaults, rlimits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from izba.oci.documents import ContainerDefaults, ImageConfig
    from izba.oci.runtimespec import Process
    from izba.runtime.specgen.request import HostFacts, SpecRequest


class NoCommand(InvalidArgument):
    """Neither the image nor the user says what to run."""

    def __init__(self) -> None:
        super().__init__("no command specified", hint="name a command after the image, or set CMD in its Dockerfile")


class BadWord(InvalidArgument):
    """An argument, variable or path that no exec can take."""

    def __init__(self, what: str, text: str, reason: str) -> None:
        super().__init__(f"{what} {text!r}: {reason}")
        self.text = text


def command_line(
    image: ContainerDefaults, *, entrypoint: Sequence[str] | None = None, command: Sequence[str] = ()
) -> tuple[str, ...]:
    """Entrypoint and command together. `entrypoint` None is the image's; one given drops the image's command."""
    if entrypoint is None:
        entrypoint = image.get("Entrypoint") or ()
        command = command or image.get("Cmd") or ()
    words = (*entrypoint, *command)
    if not words or words == ("",):
        raise NoCommand
    return words


def environment(*layers: Iterable[str]) -> list[str]:
    """The KEY=VALUE of all layers, later ones winning, in order of first mention; a bare KEY takes it out again."""
    values: dict[str, str | None] = {}
    for entry in (entry for layer in layers for entry in layer):
        key, equals, value = entry.partition("=")
        if not key or "\0" in entry:
            raise BadWord("environment variable", entry, "it holds a NUL byte" if key else "it has no name")
        values[key] = value if equals else None
    return [f"{key}={value}" for key, value in values.items() if value is not None]


def working_directory(text: str) -> str:
    """The absolute, normal form of a working directory; it may not be reached by a descriptor of izba's."""
    if "\0" in text:
        raise BadWord("working directory", text, "it holds a NUL byte")
    if not text.startswith("/"):
        raise BadWord("working directory", text, "it needs to be an absolute path")
    path = os.path.normpath(text).replace("//", "/")
    parts = path.split("/")
    if parts[1] == "proc" and "fd" in parts[3:]:  # /proc/self/fd/7 was the way out of CVE-2024-21626
        raise BadWord("working directory", text, "it lies behind a file descriptor")
    return path


def _reachable(request: SpecRequest) -> list[str]:
    """The lent variables; without those that name files on a /dev which the user has replaced by his own."""
    if not any(mount.target == "/dev" for mount in request.mounts):
        return list(request.defaults_env)
    lent = [mount.target for mount in request.engine_mounts]
    return [entry for entry in request.defaults_env if not any(target in entry for target in lent)]


def process(request: SpecRequest, image: ImageConfig | None, host: HostFacts, *, hostname: str) -> Process:
    """The process that the container starts with."""
    configured: ContainerDefaults = image.get("config") or {} if image else {}
    for word in request.args:
        if "\0" in word:
            raise BadWord("argument", word, "it holds a NUL byte")
    basic = [f"PATH={defaults.PATH}", f"HOSTNAME={hostname}"] + ["TERM=xterm"] * request.tty
    env = environment(basic, _reachable(request), configured.get("Env") or (), request.env)
    if not any(entry.startswith("HOME=") and entry != "HOME=" for entry in env):
        env = environment(env, [f"HOME={request.user.home}"])
    cwd = request.cwd if request.cwd is not None else configured.get("WorkingDir")
    given = list(
        capabilities.chosen(
            add=request.cap_add, drop=request.cap_drop, privileged=request.privileged, available=host.capabilities
        )
    )
    user = request.user
    result: Process = {
        "terminal": request.tty,
        "user": {
            "uid": user.uid,
            "gid": user.gid,
            "additionalGids": list(dict.fromkeys((*user.additional_gids, *request.group_add))),
        },
        "args": list(request.args),
        "env": env,
        "cwd": working_directory(cwd or "/"),
        # Inheritable and ambient stay empty: a capability there would survive the exec of an ordinary user's program.
        # Such a user has none, and can get those of the bounding set from setuid programs.
        "capabilities": (
            {"bounding": given} if user.uid else {"bounding": given, "effective": given, "permitted": given}
        ),
        "rlimits": rlimits.rlimits(request.ulimits, host),
        "noNewPrivileges": request.no_new_privileges,
    }
    if request.oom_score_adj is not None:
        result["oomScoreAdj"] = request.oom_score_adj
    if host.apparmor and (profile := request.apparmor or ("unconfined" if request.privileged else None)):
        result["apparmorProfile"] = profile
    return result
