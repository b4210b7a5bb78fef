"""What ops work with: the store's snapshots, views of trees, the contexts, a place for what does not last.

A worker lives as long as one build. What it mounts, it mounts below a directory of its own and unmounts at the end; the
command line makes builds in a private mount namespace, where the mounts also vanish with the process, however that
ends.
"""

from __future__ import annotations

import os
import threading

from izba.build.files import FileSource, select
from izba.build.graph import Selector, Tree
from izba.build.reuse import EarlierLayer, note, noted
from izba.build.running import Running, run
from izba.errors import Conflict
from izba.ids import new_id
from izba.linux import flags
from izba.linux.mount import Mount, move_mount, open_tree, umount
from izba.store.lock import FileLock
from izba.store.snapshots.trees import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from izba.build.cache import BuildCache
    from izba.build.change import Change
    from izba.build.graph import Result
    from izba.build.ops.copy import CopyOp
    from izba.build.progress import Reporter, RunningStep
    from izba.build.secrets import Secrets
    from izba.image.stored import StoredImage
    from izba.layer.fsops import FsOps
    from izba.oci.digest import Digest
    from izba.oci.runtimespec import Spec
    from izba.runtime.specgen.request import HostFacts
    from izba.runtime.specgen.rootview import RootView
    from izba.store.leases import Lease
    from izba.store.store import Store


_EARLIER = 4
"""How many earlier layers of a COPY are looked at: services of a project often have the same COPY . ."""


class CachePruned(Conflict):
    """What a step stands on was removed while the build went on."""

    def __init__(self) -> None:
        super().__init__("the build cache was pruned meanwhile", hint="build again")


class Settings:
    """What is the same for all steps of a build."""

    def __init__(
        self, *, host: Callable[[], HostFacts], environ: Mapping[str, str], secrets: Secrets, host_trust: bool
    ) -> None:
        self.host = host
        self.environ = environ
        self.secrets = secrets
        self.host_trust = host_trust


class Worker:
    """See the module. `with Worker(…) as worker:`"""

    def __init__(
        self,
        store: Store,
        lease: Lease,
        cache: BuildCache,
        reporter: Reporter,
        settings: Settings,
    ) -> None:
        self.store = store
        self._lease = lease
        self._cache = cache
        self.reporter = reporter
        self.contexts: Mapping[str, FileSource] = {}
        self.images: Mapping[Digest, StoredImage] = {}
        self.settings = settings
        self._ops: FsOps | None = None
        self.distrusted: dict[Digest, str] = {}
        """Trees that may not be what their cache key says, and why."""
        self._running = Running()
        self._lock = threading.RLock()
        self._views: dict[Digest, str] = {}
        self._sources: dict[str, FileSource] = {}
        self._directory = f"{store.roots.data}/build/work"
        self._id = ""
        self._live: FileLock | None = None
        self._mounted: list[str] = []
        self._count = 0

    @property
    def ops(self) -> FsOps:
        """What this process can do to files."""
        if self._ops is None:
            from izba.layer.fsops import fsops

            self._ops = fsops()
        return self._ops

    # -- trees

    def has(self, tree: Tree) -> bool:
        """Whether the tree's snapshots are there."""
        chain = tree.chain
        return chain is None or self.store.snapshots.has(chain)

    def unpack(self, tree: Tree) -> None:
        """Make the snapshots of an image's tree."""
        chain = tree.chain
        if chain is None or self.has(tree):
            return
        from izba.image.unpack import unpack

        unpack(self.store, self.images[chain])

    def view(self, tree: Tree) -> str:
        """A directory that shows the tree, read-only, until the build is over."""
        with self._lock:
            chain = tree.chain
            if chain is None:
                return self.scratch_directory("empty")
            if chain not in self._views:
                from izba.linux.overlay import overlay

                self._views[chain] = self.mount(overlay(self.store.snapshots.lowers(chain)))
            return self._views[chain]

    def source(self, result: Result) -> FileSource:
        """The files of a result."""
        if not isinstance(result, Tree):
            return result
        with self._lock:
            view = self.view(result)
            if view not in self._sources:
                self._sources[view] = FileSource(view, what="stage", owners=True)
            return self._sources[view]

    def pin(self, results: Sequence[Result]) -> None:
        """Keep trees that were found in the cache, whoever prunes it meanwhile. Raises `CachePruned`."""
        for tree in results:
            if isinstance(tree, Tree) and tree.chain is not None and not self._lease.pin_snapshot(tree.chain):
                raise CachePruned

    def change(self, base: Tree) -> Change:
        """`with worker.change(tree) as change:` begins a new layer on the tree."""
        from izba.build.change import Change  # what a build with everything cached does without

        return Change(self, base)

    def put_on_top(self, tree: Tree, added: Tree) -> Tree:
        """The topmost layer of `added` on top of `tree`, its files shared by hard links."""
        layer = added.layers[-1]
        result = Tree(layers=(*tree.layers, layer))
        assert result.chain is not None
        if self.store.snapshots.has(result.chain):
            return result
        from izba.build.links import link_tree

        assert added.chain is not None
        with self.change(tree) as change:
            link_tree(self.store.snapshots.lowers(added.chain)[0], change.upper)
            return change.commit_known(layer)

    def owner(self, tree: Tree, text: str) -> tuple[int, int]:
        """The ids of --chown's or USER's text. As in Docker, a number alone is also the group."""
        from izba.runtime.specgen.user import resolve_user

        name, _, group = text.partition(":")
        if name.isascii() and name.isdecimal() and not group:
            text = f"{name}:{name}"
        user = resolve_user(text, self.root_view(tree))
        return user.uid, user.gid

    def root_view(self, tree: Tree) -> RootView:
        """For reading small files of a tree that need not be mounted for it."""
        from izba.runtime.specgen.rootview import RootView

        return RootView(self.store.snapshots.lowers(tree.chain) if tree.chain else ())

    # -- commands

    def run(self, spec: Spec, rootfs: Sequence[Mount], step: RunningStep) -> tuple[int, bytes]:
        """Run a container to its end; its exit code and the last that it said. Raises `Canceled`."""
        self.check_canceled()
        bundle = self.scratch_directory("bundle")
        os.mkdir(f"{bundle}/rootfs", 0o755)
        return run(self._running, spec, rootfs, bundle, f"{self.store.roots.run}/runtime", step)

    def cancel(self) -> None:
        """End what runs, and let nothing begin."""
        self._running.cancel()

    def check_canceled(self) -> None:
        """Raise `Canceled` if the build was ended."""
        self._running.check()

    # -- what does not last

    def scratch_directory(self, purpose: str) -> str:
        """A new empty directory, gone after the build."""
        with self._lock:
            if self._live is None:
                self._begin()
            self._count += 1
            path = f"{self._directory}/{self._id}/{self._count}-{purpose}"
            os.mkdir(path, 0o700)
            os.chmod(path, 0o755)  # whatever the umask: what is mounted here may be for users of a container
            return path

    def mount(self, mount: Mount) -> str:
        """Mount it on a new directory, until the build is over."""
        path = self.scratch_directory("mount")
        mount.attach(path)
        with self._lock:
            self._mounted.append(path)
        return path

    def mount_fd(self, fd: int) -> str:
        """Bind the directory that a descriptor holds, whatever its name has come to mean."""
        path = self.scratch_directory("mount")
        target = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        tree = open_tree(fd)
        try:
            move_mount(tree, target, path=path)
        finally:
            os.close(tree)
            os.close(target)
        with self._lock:
            self._mounted.append(path)
        return path

    def copy_tree(self, source: FileSource, directory: str) -> None:
        """Copy all of a source into an empty directory, as it is."""
        from izba.build.upper import Upper, Wishes

        (root,) = select(source, Selector(sources=("/",)))
        upper = Upper(directory, None, self.ops, 0)
        upper.put(source, root, "", Wishes())
        upper.finish()

    def unpack_archive(self, path: str) -> FileSource | None:
        """The files in an archive that ADD found; None if the file is no archive."""
        from izba.build.archives import open_archive
        from izba.layer.apply import apply

        found = open_archive(path)
        if found is None:
            return None
        file, stream = found
        directory = self.scratch_directory("archive")
        with file:
            apply(stream, directory, ops=self.ops, overlay=None)
        return FileSource(directory, what="archive", owners=True)

    def download(self, url: str, name: str, checksum: Digest | None, step: RunningStep) -> FileSource:
        """The file at `url`, alone in a directory and called `name`."""
        from izba.build.download import download

        path = download(f"{self.store.roots.data}/build/downloads", url, checksum, step)
        directory = self.scratch_directory("download")
        os.link(path, f"{directory}/{name}")
        return FileSource(directory, what="download")

    def earlier_layers(self, op: CopyOp) -> tuple[EarlierLayer, ...]:
        """Layers that the same COPY made before, to take unchanged files from; they stay until the build is over."""
        from izba.layer.fsops import Rootless

        if op.owner and isinstance(self.ops, Rootless):
            return ()  # whose such a file is meant to be is told by an attribute
        definition = op.cache_map().digest
        assert definition is not None
        found = []
        for chain in self._cache.latest_chains(definition, limit=_EARLIER):
            contents = noted(self._notes(chain))
            if contents and self.store.snapshots.has(chain):
                found.append(EarlierLayer(self.store.snapshots.lowers(chain)[0], contents))
        return tuple(found)

    def note_contents(self, tree: Tree, contents: Mapping[str, bytes], size: int) -> None:
        """Remember what the files of a tree's topmost layer hold, `size` bytes in all."""
        if tree.chain is not None and tree.chain not in self.distrusted and self.store.snapshots.kind == "overlay":
            note(self._notes(tree.chain), contents, size)

    def _notes(self, chain: Digest) -> str:
        return f"{self.store.roots.data}/build/copied/{chain.hex}"

    def _begin(self) -> None:
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        _sweep(self._directory)
        self._id = new_id()[:16]
        self._live = FileLock(f"{self._directory}/{self._id}.lock", what="the directory of a build")
        self._live.acquire()
        os.mkdir(f"{self._directory}/{self._id}", 0o700)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for path in reversed(self._mounted):
            umount(path, flags.MNT_DETACH | flags.UMOUNT_NOFOLLOW)
        if self._live is not None:
            remove_tree(f"{self._directory}/{self._id}")
            self._live.release(remove=True)


def _sweep(directory: str) -> None:
    """Remove what builds left that were killed."""
    for name in os.listdir(directory):
        if not name.endswith(".lock"):
            continue
        lock = FileLock(f"{directory}/{name}", what="the directory of a build")
        if lock.try_acquire():
            left = f"{directory}/{name.removesuffix('.lock')}"
            _unmount_below(left)
            remove_tree(left)
            lock.release(remove=True)


def _unmount_below(directory: str) -> None:
    """Only a build inside of another program can leave a mount: the command line has a namespace of its own."""
    from izba.linux import mountinfo

    for each in reversed(
        [each.mount_point for each in mountinfo.read() if each.mount_point.startswith(f"{directory}/")]
    ):
        umount(each, flags.MNT_DETACH | flags.UMOUNT_NOFOLLOW)
