"""Mount points that a tree lacks, such as /proc in an image of one file, or the target of a RUN's mount.

They come from a layer of their own between the tree and its changes, so that none of them is ever in what the step
leaves and nothing has to be found and removed afterwards.
"""

from __future__ import annotations

import os

from izba._record import Record
from izba.build.upper import Upper, Wishes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.layer.fsops import FsOps


class MountPoint(Record):
    """Where something will be mounted, and whether that is a directory; or what has to be there without a mount."""

    target: str
    is_directory: bool
    is_mounted: bool = True


def outermost(points: Sequence[MountPoint]) -> list[MountPoint]:
    """Those that no mount is above of: what is below a mount is made on it, and by the runtime."""
    kept: list[MountPoint] = []
    for point in sorted(points, key=lambda each: each.target):
        if not any(above.is_mounted and point.target.startswith(f"{above.target}/") for above in kept):
            kept.append(point)
    return kept


def make_stubs(directory: str, below: str | None, points: Sequence[MountPoint], ops: FsOps, epoch: int) -> bool:
    """Make in the empty `directory` what the tree shown at `below` lacks; whether that was anything."""
    upper = Upper(directory, below, ops, epoch)
    _fill(upper, points)
    upper.finish()
    return not upper.is_untouched()


class InPlace:
    """The same where a tree is one directory and no stack: what was made is removed again, if it was left alone."""

    def __init__(self, directory: str, points: Sequence[MountPoint], ops: FsOps, epoch: int) -> None:
        upper = Upper(directory, None, ops, epoch, whole=True)
        self._files = [upper.absolute(path) for path in _fill(upper, points)]
        self._directories = sorted((upper.absolute(path) for path in upper.made), reverse=True)
        upper.finish()

    def remove(self) -> None:
        """Take away what is still empty."""
        for path in self._files:
            try:
                if os.lstat(path).st_size == 0:
                    os.unlink(path)
            except (FileNotFoundError, NotADirectoryError):
                continue
        for path in self._directories:
            try:
                os.rmdir(path)
            except OSError:
                continue


def _fill(upper: Upper, points: Sequence[MountPoint]) -> list[str]:
    """Make the mount points; the files among what was made."""
    files: list[str] = []
    for point in outermost(points):
        path = upper.resolve(point.target)
        if upper.status(path) is not None:
            continue
        if point.is_directory:
            upper.make_directories(path)
        else:
            upper.make_directories(path.rpartition("/")[0])
            upper.write(path, b"", Wishes())
            files.append(path)
    return files
