"""Every instruction as a Record, and the stages they make up.

What may hold variables is a `Word`: a string that knows its place. `words.expand(word, env, escape=…)` replaces them
and takes the quotes away; nothing here is expanded yet. What may not is a plain value, checked already.
"""

from __future__ import annotations

from izba._record import Record
from izba.build.dockerfile.source import DockerfileError, Source, Word
from izba.errors import Range

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal


class Instruction(Record):
    """What all instructions have."""

    keyword: str
    """As written: `run`, `RUN`."""
    original: str
    """The whole instruction on one line, comments and continuations out, as progress and history show it."""
    comments: tuple[str, ...]
    """The comment lines right above it."""
    range: Range
    """From its first line to its last, heredocs included."""
    source: Source

    @property
    def name(self) -> str:
        """In capitals."""
        return self.keyword.upper()

    def error(self, message: str, *, hint: str | None = None) -> DockerfileError:
        """An error about the instruction as a whole."""
        return self.source.error(message, self.range, hint=hint)


class Heredoc(Record):
    """`<<EOF` and its body. `expand`: variables in it are replaced, as its name was not quoted."""

    name: str
    content: Word
    expand: bool
    strip_tabs: bool


class Pair(Record):
    """`key=value`."""

    key: Word
    value: Word


class Declaration(Record):
    """A variable of ARG: `name`, or `name=default`."""

    name: Word
    default: Word | None


class CommandLine(Record):
    """A command in exec form (`is_shell` false: its arguments), or in shell form (one text, for SHELL to run).

    A shell form's heredocs, as of `RUN <<EOF`, are in `heredocs`; `heredocs.script(run)` says what to run for them.
    """

    arguments: tuple[str, ...]
    is_shell: bool
    heredocs: tuple[Heredoc, ...] = ()


class Script(Record):
    """What a RUN runs: a shell's text, or a file that stands for itself as it begins with `#!`."""

    text: str
    file_name: str | None = None


class Mount(Record):
    """`RUN --mount=`, with BuildKit's defaults. See mounts.py."""

    kind: Literal["bind", "cache", "tmpfs", "secret", "ssh"]
    source: str = ""
    from_: str = ""
    target: str = ""
    read_only: bool = True
    id: str = ""
    sharing: str = ""
    required: bool = False
    env: str | None = None
    size: int | None = None
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None


class From(Instruction):
    """`FROM [--platform=] base [AS alias]`; `alias` is in lower case, '' if there is none."""

    base: Word
    alias: str
    alias_word: Word | None
    as_keyword: str
    platform: Word | None


class Arg(Instruction):
    declarations: tuple[Declaration, ...]


class Env(Instruction):
    """`is_legacy`: `ENV key value`, one pair with a space."""

    pairs: tuple[Pair, ...]
    is_legacy: bool


class Label(Instruction):
    pairs: tuple[Pair, ...]
    is_legacy: bool


class Run(Instruction):
    """`mounts` are read with `mounts.read(word, expand)`; those without variables have been checked already."""

    command: CommandLine
    mounts: tuple[Word, ...]
    network: Literal["default", "none", "host"]


class Copy(Instruction):
    sources: tuple[Word, ...]
    heredocs: tuple[Heredoc, ...]
    """Sources given in the Dockerfile: a file named `name` in the destination, or the destination itself."""
    destination: Word
    from_: Word | None
    chown: Word | None
    chmod: Word | None
    link: bool
    parents: bool
    exclude: tuple[Word, ...]


class Add(Instruction):
    """`keep_git_dir` and `unpack` are None where the flag is not given: what that means depends on the source."""

    sources: tuple[Word, ...]
    heredocs: tuple[Heredoc, ...]
    destination: Word
    chown: Word | None
    chmod: Word | None
    link: bool
    exclude: tuple[Word, ...]
    checksum: Word | None
    keep_git_dir: bool | None
    unpack: bool | None


class Cmd(Instruction):
    command: CommandLine


class Entrypoint(Instruction):
    command: CommandLine


class Expose(Instruction):
    """Words that become `ports.parse(expanded)`, sorted as BuildKit sorts them."""

    ports: tuple[Word, ...]


class Volume(Instruction):
    paths: tuple[Word, ...]


class User(Instruction):
    user: Word


class Workdir(Instruction):
    path: Word


class Shell(Instruction):
    shell: tuple[str, ...]


class Stopsignal(Instruction):
    signal: Word


class Healthcheck(Instruction):
    """`test` is `("NONE",)`, `("CMD", …)` or `("CMD-SHELL", text)`; durations are nanoseconds, 0 means the default."""

    test: tuple[str, ...]
    interval: int
    timeout: int
    start_period: int
    start_interval: int
    retries: int


class Onbuild(Instruction):
    """`expression` is the trigger as the image's config keeps it; `trigger` is what it says."""

    expression: str
    trigger: Instruction


class Maintainer(Instruction):
    maintainer: str


class Stage(Record):
    """A FROM and what follows it. `name` is its alias, or its number."""

    index: int
    base: From
    instructions: tuple[Instruction, ...]

    @property
    def name(self) -> str:
        return self.base.alias or str(self.index)


class Dockerfile(Record):
    """A parsed Dockerfile. `global_args` stand before the first FROM."""

    source: Source
    escape: str
    syntax: str | None
    check: Word | None
    global_args: tuple[Arg, ...]
    stages: tuple[Stage, ...]
    empty_continuations: tuple[int, ...]
    """Numbers of the empty lines inside instructions."""

    def stage(self, name: str) -> Stage | None:
        """The stage called so, the last one if several are; or the one with that number."""
        for stage in reversed(self.stages):
            if stage.base.alias and stage.base.alias == name.lower():
                return stage
        if name.isdecimal() and name.isascii() and int(name) < len(self.stages):
            return self.stages[int(name)]
        return None
