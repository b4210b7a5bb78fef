"""What the lower directories of an overlay show together, without mounting it."""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.linux.overlay import OverlayEncoding


class MergedView:
    """The union of `lowers`, topmost first. No symbolic link is followed: components are looked up one by one."""

    def __init__(self, lowers: Sequence[str], encoding: OverlayEncoding) -> None:
        self._encoding = encoding
        self._stacks: dict[str, tuple[str, ...]] = {"": tuple(lowers)}

    def has(self, path: str) -> bool:
        """Whether something is at `path`, relative to the root."""
        parent, _, name = path.strip("/").rpartition("/")
        for directory in self._stack(parent):
            found = self._look(f"{directory}/{name}")
            if found is not None:
                return not (stat.S_ISCHR(found.st_mode) and found.st_rdev == 0)  # overlayfs's whiteout
        return False

    def _stack(self, path: str) -> tuple[str, ...]:
        """The real directories that make up the merged directory `path`; none if it is no directory."""
        if path not in self._stacks:
            parent, _, name = path.rpartition("/")
            stack = []
            for directory in self._stack(parent):
                candidate = f"{directory}/{name}"
                found = self._look(candidate)
                if found is None:
                    continue
                if not stat.S_ISDIR(found.st_mode):  # a file or a whiteout hides what is below it
                    break
                stack.append(candidate)
                if self._is_opaque(candidate):
                    break
            self._stacks[path] = tuple(stack)
        return self._stacks[path]

    @staticmethod
    def _look(path: str) -> os.stat_result | None:
        try:
            return os.lstat(path)
        except FileNotFoundError:
            return None

    def _is_opaque(self, path: str) -> bool:
        try:
            return os.getxattr(path, self._encoding.opaque) == b"y"
        except OSError:
            return False
