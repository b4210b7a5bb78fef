"""From a vertex to its result: what is cached is taken, the rest is done, independent parts at the same time.

A stage is a chain of vertices, each on the tree of the one before. It is gone through from its base up: a vertex's key
is worked out and its record looked up; where there is none, the op is done. From there on the rest of the chain has to
be done too, so everything that it needs from other stages is started at once, each in a thread of its own.

A key comes from the op's digest and, for each input, from the input's own key, or from the content of the files that
are taken of it. Of a stage, content is only looked at where the cache does not know how that stage was made.
"""

from __future__ import annotations

import threading

from izba._record import Record
from izba.build.cachekey import cache_key, definition_name
from izba.build.files import content_digest, select
from izba.build.graph import Layer, Tree
from izba.build.running import Canceled
from izba.errors import IzbaError
from izba.oci.chain import next_chain_id
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import cast

    from izba.build.cache import BuildCache, CacheRecord
    from izba.build.exchange import ImportedCache
    from izba.build.graph import CacheMap, Result, Selector, Source, Vertex
    from izba.build.progress import Reporter, RunningStep
    from izba.build.worker import Worker
else:

    def cast(_type: str, value: object) -> object:
        return value


class Solved(Record):
    """What is known of a vertex: its tree, its key, and when it was made (nanoseconds; 0 for what is no step)."""

    tree: Tree
    key: Digest
    created: int = 0


class _Cell:
    """The place of one vertex's results, and the lock of whoever works on them."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.solved: Solved | None = None
        self.result: Result | None = None
        self.key: Digest | None = None


class Solver:
    """Solves the vertices of one build; each at most once, whoever asks.

    `locate` gives a step's error its place in the Dockerfile; `imported` are caches of other machines, asked after this
    store's own.
    """

    def __init__(
        self,
        worker: Worker,
        cache: BuildCache,
        reporter: Reporter,
        *,
        parallel: int,
        locate: Callable[[Vertex, IzbaError], BaseException],
        imported: Sequence[ImportedCache] = (),
    ) -> None:
        self._worker = worker
        self._cache = cache
        self._reporter = reporter
        self._locate = locate
        self._imported = imported
        self._slots = threading.Semaphore(parallel)
        self._lock = threading.Lock()
        self._cells: dict[Digest, _Cell] = {}
        self._contents: dict[tuple[Digest, Selector], Digest] = {}
        self._announced: set[Digest] = set()
        self._ends: list[threading.Event] = []
        self._failure: BaseException | None = None
        self.used: list[CacheRecord] = []
        """The records that served this build."""
        self.has_worked = False
        """Whether anything was done that the cache did not have."""

    def solve(self, vertex: Vertex) -> Solved:
        """The result of `vertex`. Raises what the first failing step raised, once all have ended.

        The work is done in other threads: this one is where the user's interrupt arrives, whatever they wait for.
        """
        self._begin_thread(vertex)
        try:
            self._join()
        except BaseException as error:  # raised again below, when the threads have ended
            self._fail(error)
            self._join()
        if self._failure is not None:
            raise self._failure
        return self._solve(vertex)

    def solved(self, vertex: Vertex) -> Solved | None:
        """What was found of a vertex of a chain that was solved."""
        return self._cell(vertex).solved

    def keys(self, vertex: Vertex | None = None) -> list[Digest]:
        """The keys of all steps that were solved, or of those of the chain of `vertex`."""
        with self._lock:
            cells = list(self._cells.values()) if vertex is None else [self._cells[e.digest] for e in _chain(vertex)]
        return [cell.solved.key for cell in cells if cell.solved is not None]

    # -- one chain

    def _solve(self, vertex: Vertex) -> Solved:
        chain = _chain(vertex)
        solved: Solved | None = None
        for index, each in enumerate(chain):
            cell = self._cell(each)
            with cell.lock:
                if cell.solved is None:
                    if self._failure is not None:
                        raise Canceled
                    cell.solved = self._step(each, solved, chain[index:])
                    cell.key = cell.solved.key
                solved = cell.solved
        assert solved is not None
        return solved

    def _step(self, vertex: Vertex, base: Solved | None, ahead: Sequence[Vertex]) -> Solved:
        if base is None:
            return self._begin(vertex)
        key = self._key(vertex)
        if key is None or vertex.ignore_cache:
            self._start(ahead)
            key = self._content_key(vertex)
        if not vertex.ignore_cache and (found := self._find(vertex, base, key)) is not None:
            return found
        self._start(ahead)
        return self._do(vertex, base, key)

    def _begin(self, vertex: Vertex) -> Solved:
        """An image or nothing: the start of a chain. An image is unpacked only when something is done with it."""
        source = _source(vertex)
        key = vertex.op.cache_map().digest
        assert source.tree is not None
        assert key is not None
        if vertex.name and source.ready(self._worker) is not None:
            self._reporter.cached(vertex.name)
        return Solved(tree=source.tree, key=key)

    def _find(self, vertex: Vertex, base: Solved, key: Digest) -> Solved | None:
        """What the cache has for this key on this very base."""
        record = self._cache.find(key)
        if record is None:
            return self._take_over(vertex, base, key)
        tree = base.tree
        if record.diff_id is not None:
            chain = next_chain_id(base.tree.chain, record.diff_id)
            if chain != record.chain or not self._worker.store.snapshots.has(chain):
                return None
            layer = Layer(diff_id=record.diff_id, descriptor=self._worker.store.layers.descriptor(record.diff_id))
            tree = Tree(layers=(*base.tree.layers, layer))
        if vertex.title:
            self._reporter.cached(vertex.title)
        self.used.append(record)
        return Solved(tree=tree, key=key, created=record.created)

    def _take_over(self, vertex: Vertex, base: Solved, key: Digest) -> Solved | None:
        """What the cache of another machine has for this key, from now on in this one's too."""
        definition = vertex.op.cache_map().digest
        for other in self._imported:
            record = other.find(key)
            if record is None or definition is None or record.definition != definition:
                continue
            with self._reporter.step(f"[internal] import cache for {vertex.name}"):
                self._worker.unpack(base.tree)
                tree = other.fetch(self._worker.store, record, base.tree)
            self._worker.pin([tree])
            created = self._cache.put(
                key,
                parent=base.key,
                definition=definition,
                base=base.tree,
                tree=tree,
                description=vertex.name,
                created=record.created,
            )
            if vertex.title:
                self._reporter.cached(vertex.title)
            return Solved(tree=tree, key=key, created=created)
        return None

    def _alias(self, name: Digest) -> Digest | None:
        """The content key that goes with how a step's inputs were made."""
        if (found := self._cache.alias(name)) is not None:
            return found
        for other in self._imported:
            if (found := other.alias(name)) is not None:
                self._cache.set_alias(name, found)
                return found
        return None

    def _do(self, vertex: Vertex, base: Solved, key: Digest) -> Solved:
        inputs = [self._result(each) for each in vertex.inputs]
        self._worker.pin(inputs)
        tree = self._exec(vertex, inputs)
        assert isinstance(tree, Tree)
        if tree.chain in self._worker.distrusted:
            self._reporter.warn(self._worker.distrusted[tree.chain], place=vertex.place)
            return Solved(tree=tree, key=Digest.of(f"{key} {tree.chain}".encode()))
        definition = vertex.op.cache_map().digest
        assert definition is not None
        created = self._cache.put(
            key, parent=base.key, definition=definition, base=base.tree, tree=tree, description=vertex.name
        )
        return Solved(tree=tree, key=key, created=created)

    def _exec(self, vertex: Vertex, inputs: Sequence[Result]) -> Result:
        self.has_worked = True
        with self._slots:
            if self._failure is not None:
                raise Canceled
            with self._reporter.step(vertex.name) if vertex.name else self._reporter.silent() as step:
                return self._exec_located(vertex, inputs, step)

    def _exec_located(self, vertex: Vertex, inputs: Sequence[Result], step: RunningStep) -> Result:
        try:
            return vertex.op.exec(self._worker, inputs, step)
        except Canceled:
            step.cancel()
            raise
        except IzbaError as error:
            raise self._locate(vertex, error) from error

    # -- inputs

    def _result(self, vertex: Vertex) -> Result:
        """The result of an input, there to be read."""
        if vertex.base is not None:
            return self._solve(vertex).tree
        cell = self._cell(vertex)
        with cell.lock:
            if cell.result is None:
                cell.result = _source(vertex).ready(self._worker) or self._exec(vertex, ())
            return cell.result

    def _start(self, ahead: Sequence[Vertex]) -> None:
        """Begin, beside this thread, what the rest of a chain needs from other stages."""
        for each in ahead:
            for other in each.inputs:
                if other is not each.base and other.base is not None:
                    self._begin_thread(other)

    def _begin_thread(self, vertex: Vertex) -> None:
        with self._lock:
            if vertex.digest in self._announced:
                return
            self._announced.add(vertex.digest)
            end = threading.Event()
            self._ends.append(end)
            threading.Thread(target=self._try, args=(vertex, end), name=vertex.name, daemon=True).start()

    def _join(self) -> None:
        """Wait for all threads, also those that begin meanwhile.

        `Thread.join` is of no use: interrupted once, it takes the thread for ended from then on (CPython 3.11, 3.12).
        """
        for end in self._ends:
            end.wait()

    def _try(self, vertex: Vertex, end: threading.Event) -> None:
        try:
            self._solve(vertex)
        except Canceled:
            pass
        except BaseException as error:
            self._fail(error)
        finally:
            end.set()

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            if self._failure is not None:
                return
            self._failure = error
        self._worker.cancel()

    # -- keys

    def _key(self, vertex: Vertex) -> Digest | None:
        """The key of a vertex as far as it is known without doing anything but looking at contexts."""
        for each in _chain(vertex):
            cell = self._cell(each)
            if cell.key is None:
                cell.key = self._own_key(each)
            if cell.key is None:
                return None
        return self._cell(vertex).key

    def _own_key(self, vertex: Vertex) -> Digest | None:
        cache_map = vertex.op.cache_map()
        if cache_map.digest is None or not vertex.inputs:
            return cache_map.digest
        contents: list[Digest] = []
        names: list[Digest] = []
        known = True
        for other, selector in _selected(vertex, cache_map):
            if selector is not None and _is_context(other):
                digest = self._content(vertex, other, selector)
                contents.append(digest)
                names.append(digest)
                continue
            key = None if selector is not None and self._is_redone(other) else self._key(other)
            if key is None:
                return None
            names.append(key)
            if selector is None:
                contents.append(key)
            else:
                known = False
        if known:
            return cache_key(cache_map.digest, contents)
        return self._alias(definition_name(cache_map.digest, names))

    def _content_key(self, vertex: Vertex) -> Digest:
        """The key of a vertex, all its inputs made."""
        cache_map = vertex.op.cache_map()
        assert cache_map.digest is not None
        contents: list[Digest] = []
        names: list[Digest | None] = []
        for other, selector in _selected(vertex, cache_map):
            if selector is None:
                digest: Digest | None = self._solve(other).key
                assert digest is not None
                contents.append(digest)
            else:
                contents.append(self._content(vertex, other, selector))
                digest = contents[-1] if _is_context(other) else self._key_of_made(other)
            names.append(digest)
        key = cache_key(cache_map.digest, contents)
        known = [each for each in names if each is not None]
        if len(known) == len(names) and known != contents:
            self._cache.set_alias(definition_name(cache_map.digest, known), key)
        return key

    def _key_of_made(self, vertex: Vertex) -> Digest | None:
        return self._solve(vertex).key if vertex.base is not None else vertex.op.cache_map().digest

    def _content(self, vertex: Vertex, other: Vertex, selector: Selector) -> Digest:
        """The digest of what `vertex` takes of its input `other`."""
        known = self._contents.get((other.digest, selector))
        if known is None:
            source = self._worker.source(self._result(other))
            with self._lock:
                is_first = _is_context(other) and other.digest not in self._announced
                self._announced.add(other.digest)
            with self._reporter.step(other.name) if is_first else self._reporter.silent():
                try:
                    known = content_digest(source, select(source, selector))
                except IzbaError as error:
                    raise self._locate(vertex, error) from error
            self._contents[other.digest, selector] = known
        return known

    def _is_redone(self, vertex: Vertex) -> bool:
        """Whether the build was asked to make this anew, so that its key says nothing about its content yet."""
        return any(each.ignore_cache for each in _chain(vertex)) and self._cell(vertex).solved is None

    def _cell(self, vertex: Vertex) -> _Cell:
        with self._lock:
            return self._cells.setdefault(vertex.digest, _Cell())


def _chain(vertex: Vertex) -> list[Vertex]:
    """The vertex and its bases, lowest first."""
    chain = [vertex]
    while chain[-1].base is not None:
        chain.append(chain[-1].base)
    return chain[::-1]


def _selected(vertex: Vertex, cache_map: CacheMap) -> list[tuple[Vertex, Selector | None]]:
    return list(zip(vertex.inputs, cache_map.selectors, strict=True))


def _source(vertex: Vertex) -> Source:
    assert not vertex.inputs
    return cast("Source", vertex.op)


def _is_context(vertex: Vertex) -> bool:
    """Whether a vertex is a directory that lies ready."""
    return not vertex.inputs and _source(vertex).is_context
