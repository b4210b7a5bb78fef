"""What a layer deletes from the layers below: as overlayfs's marks in its own directory, or at once in a whole tree.

image-spec, layer.md, "Whiteouts": they act on layers below only, never on what the same layer brings, in whatever order
the archive has them.
"""

from __future__ import annotations

import errno
import os
import stat

from izba.layer import tree, xattrs
from izba.layer.tarheader import BadTar, shown
from izba.linux import flags, rootpath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.layer.fsops import FsOps, Node
    from izba.layer.place import Place, Places
    from izba.linux.overlay import OverlayEncoding

_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Deletions:
    """Deletes, or marks as deleted, what layers below have."""

    def __init__(self, places: Places, overlay: OverlayEncoding | None, lowers: Sequence[str]) -> None:
        self._places = places
        self._overlay = overlay
        self._lowers = lowers
        self._own: set[bytes] = set()  # paths of this layer in a whole tree, where they stand among those of others

    def made(self, path: bytes) -> None:
        """This layer brought `path`: no deletion of its own takes it away."""
        if self._overlay is None:
            while path and path not in self._own:
                self._own.add(path)
                path = path.rpartition(b"/")[0]

    def is_whiteout(self, status: os.stat_result) -> bool:
        """Whether this is a mark of ours, and no file."""
        return self._overlay is not None and stat.S_ISCHR(status.st_mode) and status.st_rdev == 0

    def hide(self, at: Place, name: bytes) -> None:
        """Delete `name` beside the whiteout `at`. Raises `BadTar`."""
        if name in {b"", b".", b".."}:
            raise BadTar(f"{shown(at.path)} would delete a directory from inside itself")
        if self._overlay is None:
            self._remove(at.path[: -len(at.leaf)] + name)
            return
        try:
            os.mknod(name, stat.S_IFCHR, 0, dir_fd=at.parent)
        except FileExistsError:
            if stat.S_ISDIR(os.stat(name, dir_fd=at.parent, follow_symlinks=False).st_mode):
                self._set_opaque(name, at.parent)  # this layer's own: what layers below have in it is what goes

    def hide_below(self, at: Place) -> None:
        """Delete all that layers below have in the directory of the marker `at`."""
        path = at.path.rpartition(b"/")[0]
        if self._overlay is None:
            self._remove_below(path)
        elif path:
            self._set_opaque(b".", at.parent)
        else:
            self._hide_root(at.parent)

    def replace_by_directory(self, name: bytes, parent: int) -> None:
        """Put an empty directory in the place of what is no directory; over a mark, one that hides what it marked."""
        was_whiteout = self.is_whiteout(os.stat(name, dir_fd=parent, follow_symlinks=False))
        os.unlink(name, dir_fd=parent)
        os.mkdir(name, 0o700, dir_fd=parent)
        self._places.forget()
        if was_whiteout:
            self._set_opaque(name, parent)

    def hidden_directory(self, path: bytes, ops: FsOps) -> Node | None:
        """What the nearest layer below says of the directory `path`.

        Deletions between the layers are not looked for: they would only make the owner and mode of the answer moot.
        """
        for lower in self._lowers:
            root = rootpath.open_root(lower)
            try:
                how = os.O_RDONLY | os.O_DIRECTORY
                fd = rootpath.open_in_root(root, os.fsdecode(path), how, resolve=flags.RESOLVE_NO_SYMLINKS)
            except FileNotFoundError:
                continue
            except OSError:
                return None  # a file or a link, under which no directory shows
            finally:
                os.close(root)
            try:
                return ops.told(os.fstat(fd), xattrs.read(fd))
            finally:
                os.close(fd)
        return None

    def _set_opaque(self, name: bytes, parent: int) -> None:
        assert self._overlay is not None
        fd = os.open(name, _OPEN_DIRECTORY, dir_fd=parent)
        try:
            os.setxattr(fd, self._overlay.opaque, b"y")
        finally:
            os.close(fd)

    def _hide_root(self, directory: int) -> None:
        """overlayfs does not ask whether the root of a layer is opaque: mark each name that layers below have there."""
        for lower in self._lowers:
            for name in os.listdir(os.fsencode(lower)):
                try:
                    os.mknod(name, stat.S_IFCHR, 0, dir_fd=directory)
                except FileExistsError:
                    pass

    def _remove(self, path: bytes) -> None:
        if path in self._own:
            self._remove_below(path)
            return
        parent, name = self._places.open_parent(path)
        try:
            tree.remove(name, parent)
        except FileNotFoundError:
            pass
        finally:
            os.close(parent)
        self._places.forget()

    def _remove_below(self, path: bytes) -> None:
        pending = [path]
        while pending:
            path = pending.pop()
            try:
                fd = self._places.open_directory(path)
            except OSError as error:
                if error.errno in {errno.ENOTDIR, errno.ELOOP}:
                    continue  # a file or a link of this layer: nothing can be below it
                raise
            try:
                for entry in os.listdir(fd):
                    name = os.fsencode(entry)
                    below = path + b"/" + name if path else name
                    if below in self._own:
                        pending.append(below)
                    else:
                        tree.remove(name, fd)
            finally:
                os.close(fd)
        self._places.forget()
