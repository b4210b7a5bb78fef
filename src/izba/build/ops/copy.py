"""COPY and ADD: files from sources into a tree."""

from __future__ import annotations

import stat

from izba import jsonio
from izba._record import Record
from izba.build.files import Chosen, FileSource, select
from izba.build.graph import CacheMap, Selector, Tree
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from izba.build.graph import Result
    from izba.build.progress import RunningStep
    from izba.build.upper import Upper, Wishes
    from izba.build.worker import Worker


class Action(Record):
    """One source of a COPY.

    input     which of the inputs it is in; None: the file `source` with `content`, from a heredoc
    include   with --parents: the pattern below `source` that is taken, with its directories
    unpack    an archive is unpacked instead of copied
    """

    source: str
    input: int | None = None
    content: str | None = None
    wildcards: bool = False
    include: tuple[str, ...] = ()
    parents: bool = False
    unpack: bool = False


class CopyOp(Record):
    """Copies into the tree `inputs[0]`. `destination` is absolute; with a slash at its end it is a directory.

    `owner` is --chown's text, `mode` --chmod's. Names of owners are looked up in `inputs[owner_input]`, which is the
    tree itself unless the files go into a layer of their own.
    """

    actions: tuple[Action, ...]
    destination: str
    owner: str = ""
    owner_input: int = 0
    mode: str = ""
    exclude: tuple[str, ...] = ()
    epoch: int

    @property
    def definition(self) -> dict[str, Any]:
        actions = [
            [each.input, each.source, each.content, each.wildcards, each.include, each.parents, each.unpack]
            for each in self.actions
        ]
        return {
            "op": "copy",
            "actions": actions,
            "destination": self.destination,
            "owner": self.owner,
            "owner_input": self.owner_input,
            "mode": self.mode,
            "exclude": self.exclude,
            "epoch": self.epoch,
        }

    def cache_map(self) -> CacheMap:
        count = 1 + max([self.owner_input, *(each.input or 0 for each in self.actions)])
        selectors: list[Selector | None] = [None] * count
        for each in self.actions:
            if each.input is not None:
                selectors[each.input] = self._selector(each)
        return CacheMap(digest=Digest.of(jsonio.dumps(self.definition).encode()), selectors=tuple(selectors))

    def exec(self, worker: Worker, inputs: Sequence[Result], _step: RunningStep, /) -> Tree:
        from izba.build.upper import Wishes  # what a build with everything cached does without

        base = inputs[0]
        assert isinstance(base, Tree)
        wishes = Wishes(owner=self._owner(worker, inputs), mode=self.mode)
        with worker.change(base) as change:
            upper = change.writer(self.epoch)
            upper.earlier = worker.earlier_layers(self)
            for action in self.actions:
                if action.input is None:
                    self._write(upper, action, wishes)
                    continue
                source = worker.source(inputs[action.input])
                for chosen in select(source, self._selector(action)):
                    if (
                        action.unpack
                        and stat.S_ISREG(chosen.status.st_mode)
                        and self._unpack(worker, upper, source, chosen, wishes)
                    ):
                        continue
                    place = self._place(upper, chosen.name, chosen.is_directory, wishes)
                    upper.put(source, chosen, place, wishes)
            upper.finish()
            for path in upper.changed_while_read:
                change.distrust(f"{path} changed while it was read")
            tree = change.commit()
            worker.note_contents(tree, upper.contents, upper.size)
            return tree

    def _selector(self, action: Action) -> Selector:
        return Selector(
            sources=(action.source,),
            wildcards=action.wildcards,
            include=(action.include,) if action.parents else (),
            exclude=self.exclude,
        )

    def _owner(self, worker: Worker, inputs: Sequence[Result]) -> tuple[int, int] | None:
        if not self.owner:
            return None
        tree = inputs[self.owner_input]
        assert isinstance(tree, Tree)
        return worker.owner(tree, self.owner)

    def _place(self, upper: Upper, name: str, is_directory: bool, wishes: Wishes) -> str:
        """Where a source goes: the destination, or its name inside of that; what is missing on the way is made."""
        owner = wishes.owner or (0, 0)
        directory = self.destination.rpartition("/")[0]
        upper.make_directories(upper.resolve(directory), owner)
        path = upper.resolve(self.destination)
        found = upper.status(path)
        if not is_directory and found is not None and stat.S_ISDIR(found.st_mode):
            path = f"{path}/{name}" if path else name
            # The file replaces a link of its name, as a new file would.
        upper.make_directories(path.rpartition("/")[0], owner)
        return path

    def _write(self, upper: Upper, action: Action, wishes: Wishes) -> None:
        name = action.source.rpartition("/")[2]
        place = self._place(upper, name, False, wishes)
        upper.write(place, (action.content or "").encode("utf-8", "surrogateescape"), wishes)

    def _unpack(self, worker: Worker, upper: Upper, source: FileSource, chosen: Chosen, wishes: Wishes) -> bool:
        """Unpack an archive into the destination directory; False if the file is none."""
        unpacked = worker.unpack_archive(source.absolute(chosen.path))
        if unpacked is None:
            return False
        path = upper.resolve(self.destination)
        upper.make_directories(path, wishes.owner or (0, 0))
        (root,) = select(unpacked, Selector(sources=("/",), exclude=self.exclude))
        # --chmod is for what is copied; what is in an archive has modes of its own.
        upper.put(unpacked, root, path, wishes.replace(mode=""))
        return True
