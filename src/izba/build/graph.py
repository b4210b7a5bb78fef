"""The build graph: what has to be done, as values.

    vertex   one op applied to the results of its inputs
    op       one kind of work; states how it is keyed (`cache_map`) apart from how it is done (`exec`), so that a
             build with everything cached touches no file that it needn't
    result   what a vertex gives: a Tree (a stack of layers) or Files (a source of files that is no image)
    selector which files of an input count; a COPY is keyed by their content, not by how the input was made

A vertex's digest names it within one build: equal digests are one vertex, done once. A cache key names a result across
builds. The solver never learns what an op does.
"""

from __future__ import annotations

from izba import jsonio
from izba._record import Record
from izba.oci.chain import chain_id
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Protocol, TypeAlias

    from izba.build.files import FileSource
    from izba.build.progress import RunningStep
    from izba.build.worker import Worker
    from izba.errors import Range
    from izba.oci.descriptor import Descriptor


class Layer(Record):
    """One layer of a tree, and how it is listed in a manifest."""

    diff_id: Digest
    descriptor: Descriptor


class Tree(Record):
    """A root file system as a stack of layers, lowest first. No layers: `scratch`."""

    layers: tuple[Layer, ...] = ()

    @property
    def chain(self) -> Digest | None:
        """The name of the committed snapshot; None for scratch."""
        return chain_id(layer.diff_id for layer in self.layers)


class Selector(Record):
    """The files of an input that an op reads. The fields are `CopyOp`'s, or a mount's source path.

    sources    paths in the input, with wildcards where `wildcards`
    include    patterns below each source (`--parents`); empty: everything
    exclude    patterns of `--exclude`
    owners     whether the files' owners and extended attributes count
    """

    sources: tuple[str, ...]
    wildcards: bool = False
    include: tuple[tuple[str, ...], ...] = ()
    exclude: tuple[str, ...] = ()
    required: bool = True


class CacheMap(Record):
    """How an op is keyed: its own digest, and for each input the selector whose files' content stands for it.

    A None selector: the input counts by its own cache key. A None digest: nothing is known before the op was done, and
    only the content of what it gives can be a key.
    """

    digest: Digest | None
    selectors: tuple[Selector | None, ...] = ()


if TYPE_CHECKING:
    Result: TypeAlias = Tree | FileSource

    class Op(Protocol):
        """One kind of work. Definitions are JSON; ops are values."""

        @property
        def definition(self) -> dict[str, Any]:
            """Everything that decides the result, besides the inputs."""

        def cache_map(self) -> CacheMap:
            """How the op is keyed. Cheap; touches no files."""

        def exec(self, worker: Worker, inputs: Sequence[Result], step: RunningStep, /) -> Result:
            """Do the work. Called in any thread; the same inputs give the same result."""

    class Source(Op, Protocol):
        """An op without inputs: what the others begin from.

        `tree` is the tree that it gives, for those that give one; known before its files are there.
        `is_context` says that it is a directory of the host, to be looked at whenever one likes.
        """

        @property
        def tree(self) -> Tree | None: ...
        @property
        def is_context(self) -> bool: ...
        def ready(self, worker: Worker, /) -> Result | None:
            """The result, if there is nothing to do for it."""


class Vertex:
    """One op on its inputs. `inputs[0]` is the tree that it changes, for ops that change one (`base`).

    `name` is what people see while it is done, `title` when it was done already; without one they see nothing.
    """

    def __init__(
        self,
        op: Op,
        inputs: tuple[Vertex, ...] = (),
        *,
        name: str,
        title: str | None = None,
        place: Range | None = None,
        base: Vertex | None = None,
        ignore_cache: bool = False,
    ) -> None:
        self.op = op
        self.inputs = inputs
        self.base = base
        self.name = name
        self.title = name if title is None else title
        self.place = place
        self.ignore_cache = ignore_cache
        document = [op.definition, [each.digest for each in inputs]]
        self.digest: Digest = Digest.of(jsonio.dumps(document).encode())

    def __repr__(self) -> str:
        return f"Vertex({self.name!r}, {self.digest[7:19]})"


def describe(vertex: Vertex) -> str:
    """The graph below `vertex` as text, inputs before what needs them: for tests and for reading."""
    lines: list[str] = []
    numbers: dict[Digest, int] = {}

    def visit(each: Vertex) -> int:
        if each.digest not in numbers:
            inputs = [visit(one) for one in each.inputs]
            numbers[each.digest] = len(numbers) + 1
            arrows = "".join(f" <- {number}" for number in inputs)
            lines.append(f"{numbers[each.digest]} {each.name}{arrows}")
        return numbers[each.digest]

    visit(vertex)
    return "\n".join(lines)
