"""COPY and ADD: from the context, a stage, an image, a URL, or the Dockerfile itself, to the root file system."""

from __future__ import annotations

import posixpath

from izba.build.convert import from_
from izba.build.dockerfile import instructions as ins
from izba.build.dockerfile.words import expand_heredoc
from izba.build.graph import Vertex
from izba.build.inroot import clean
from izba.build.modes import InvalidMode, check_mode
from izba.build.ops.context import ContextOp
from izba.build.ops.copy import Action, CopyOp
from izba.build.ops.http import HttpOp
from izba.build.ops.image import ScratchOp
from izba.build.ops.merge import MergeOp
from izba.errors import InvalidArgument
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from izba.build.convert.stages import Conversion, State
    from izba.build.dockerfile.instructions import Add, Copy
    from izba.build.dockerfile.source import Word

MAIN_CONTEXT = "context"


def apply(conversion: Conversion, state: State, instruction: Copy | Add) -> None:
    """COPY or ADD. Raises `DockerfileError`."""
    expand = conversion.expander(state)
    sources = [expand(word) for word in instruction.sources]
    destination = _destination(state, expand(instruction.destination))
    count = len(sources) + len(instruction.heredocs)
    if count > 1 and not destination.endswith("/"):
        raise instruction.error(
            f"When using {instruction.name} with more than one source file, "
            "the destination must be a directory and end with a /"
        )
    files = None if _all_remote(sources) else _files(conversion, state, instruction)
    inputs: list[Vertex] = []
    actions: list[Action] = []
    for source in sources:
        action, vertex = _source(instruction, source, files, len(inputs) + 1, expand)
        actions.append(action)
        inputs.append(vertex)
    actions += [_inline(state, heredoc) for heredoc in instruction.heredocs]
    op = CopyOp(
        actions=tuple(actions),
        destination=destination,
        owner=expand(instruction.chown) if instruction.chown else "",
        mode=_mode(instruction, expand),
        exclude=tuple(expand(word) for word in instruction.exclude),
        epoch=state.epoch,
    )
    text = _text(instruction, sources, op)
    state.record(text, _vertex(state, instruction, op, inputs, state.title(text)))


def _vertex(state: State, instruction: Copy | Add, op: CopyOp, inputs: list[Vertex], name: str) -> Vertex:
    """The copy onto the stage's tree; with --link, onto nothing, and then the layer onto the tree."""
    below = state.vertex
    if instruction.link:
        below = Vertex(ScratchOp(), name="")
        if op.owner.replace(":", "").strip("0123456789"):
            # Names are those of the stage's own passwd file.
            op = op.replace(owner_input=len(inputs) + 1)
            inputs = [*inputs, state.vertex]
    made = Vertex(
        op,
        (below, *inputs),
        name=name,
        place=instruction.range,
        base=below,
        ignore_cache=state.ignore_cache,
    )
    if not instruction.link:
        return made
    merge = (state.vertex, made)
    return Vertex(MergeOp(), merge, name="", title=name, place=instruction.range, base=state.vertex)


def source_vertex(conversion: Conversion, state: State, name: str, word: Word) -> Vertex:
    """What `--from=name` or a mount's `from=` means: an earlier stage, a named context or an image."""
    if "$" in name:
        raise word.error(
            "variable expansion is not supported for --from",
            hint="define a new stage with FROM using ARG from global scope as a workaround",
        )
    if (context := conversion.resolver.context(name, None)) is not None:
        if isinstance(context, str):
            return Vertex(ContextOp(name=context), name=f"[context {name}]")
        return from_.image_vertex(context, word.place, f"[context {name}] {context.name}")
    if (stage := conversion.earlier(name, state.stage)) is not None:
        return conversion.stage(stage).vertex
    if name.isascii() and name.isdecimal():
        raise word.error(f"invalid stage index {name}", hint="stages count from 0, and only earlier ones can be used")
    if (later := conversion.dockerfile.stage(name)) is not None:
        label = state.label or "this one"
        raise word.error(
            f'cannot copy from stage "{later.name}", it needs to be defined before current stage "{label}"'
        )
    if name == from_.SCRATCH:
        return Vertex(ScratchOp(), name=from_.SCRATCH)
    image = from_.image(conversion, name, None, word.place)
    return from_.image_vertex(image, word.place, f"FROM {image.name}")


def _files(conversion: Conversion, state: State, instruction: Copy | Add) -> Vertex:
    if isinstance(instruction, ins.Copy) and instruction.from_ is not None:
        return source_vertex(conversion, state, str(instruction.from_), instruction.from_)
    return Vertex(ContextOp(name=MAIN_CONTEXT), name="[internal] load build context")


def _source(
    instruction: Copy | Add, source: str, files: Vertex | None, index: int, expand: Callable[[Word], str]
) -> tuple[Action, Vertex]:
    if is_git(source):
        raise instruction.error(
            f"{source}: git repositories are not fetched yet", hint="clone it into the build context, and COPY it"
        )
    if is_url(source):
        return _url(instruction, source, expand, index)
    if isinstance(instruction, ins.Add) and instruction.checksum is not None:
        raise instruction.checksum.error("checksum requires HTTP(S) sources")
    assert files is not None
    if isinstance(instruction, ins.Copy) and instruction.parents:
        parent, pivot, pattern = source.partition("/./")
        if not pivot:
            parent, pattern = "/", source
        return Action(input=index, source=clean(parent), include=(clean(pattern)[1:],), parents=True), files
    unpack = isinstance(instruction, ins.Add) and instruction.unpack is not False
    return Action(input=index, source=clean(source), wildcards=True, unpack=unpack), files


def _url(instruction: Copy | Add, source: str, expand: Callable[[Word], str], index: int) -> tuple[Action, Vertex]:
    if isinstance(instruction, ins.Copy):
        raise instruction.error("source can't be a URL for COPY", hint="ADD takes URLs")
    checksum: Digest | None = None
    if instruction.checksum is not None:
        if len(instruction.sources) != 1:
            raise instruction.checksum.error("checksum can't be specified for multiple sources")
        try:
            checksum = Digest.parse(expand(instruction.checksum))
        except InvalidArgument as error:
            raise instruction.checksum.error(error.message, hint=error.hint) from None
    name = posixpath.basename(source.split("://", 1)[1].partition("?")[0].partition("#")[0].partition("/")[2])
    name = name if name not in {"", ".", ".."} else "__unnamed__"
    vertex = Vertex(HttpOp(url=source, checksum=checksum, name=name), name=source, place=instruction.range)
    return Action(input=index, source=f"/{name}", unpack=instruction.unpack is True), vertex


def _inline(state: State, heredoc: ins.Heredoc) -> Action:
    content = expand_heredoc(heredoc.content, state.environment) if heredoc.expand else str(heredoc.content)
    return Action(source=heredoc.name, content=content)


def _destination(state: State, text: str) -> str:
    """Absolute; a slash at its end says that it is a directory, and so does being `.`."""
    path = text if text.startswith("/") else f"{state.workdir}/{text}"
    cleaned = clean(path)
    is_directory = text in {"", ".", ".."} or text.endswith(("/", "/.", "/.."))
    return cleaned + "/" if is_directory and cleaned != "/" else cleaned


def _mode(instruction: Copy | Add, expand: Callable[[Word], str]) -> str:
    if instruction.chmod is None:
        return ""
    text = expand(instruction.chmod)
    try:
        check_mode(text)
    except InvalidMode as error:
        raise instruction.chmod.error(error.message, hint=error.hint) from None
    return text


def _text(instruction: Copy | Add, sources: list[str], op: CopyOp) -> str:
    words = [instruction.name]
    if isinstance(instruction, ins.Copy):
        words += [f"--from={instruction.from_}"] * (instruction.from_ is not None)
        words += ["--parents"] * instruction.parents
    words += [f"--chown={op.owner}"] * bool(op.owner)
    words += [f"--chmod={op.mode}"] * bool(op.mode)
    words += ["--link"] * instruction.link
    words += [f"--exclude={each}" for each in op.exclude]
    words += [*sources, *(f"<<{heredoc.name}" for heredoc in instruction.heredocs), str(instruction.destination)]
    return " ".join(words)


def _all_remote(sources: list[str]) -> bool:
    return all(is_url(source) or is_git(source) for source in sources)


def is_url(text: str) -> bool:
    """Whether a source is fetched by HTTP."""
    return text.startswith(("http://", "https://"))


def is_git(text: str) -> bool:
    """Whether a source or a context is a git repository, by Docker's rules."""
    if text.startswith(("git://", "git@", "ssh://")):
        return True
    return is_url(text) and text.partition("#")[0].partition("?")[0].endswith(".git")
