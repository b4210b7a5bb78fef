"""overlayfs: its options, how it marks what is deleted, and whether it works here for this process.

A deleted entry is a character device 0/0 in the upper directory, which everybody may make (mknod(2), since Linux 5.8).
That a directory hides what lies below it is told by an attribute: `trusted.overlay.*`, or in a user namespace
`user.overlay.*` (option `userxattr`, Linux 5.11).
"""

from __future__ import annotations

import os

from izba._record import Record
from izba.linux import mount
from izba.linux.mount import Mount
from izba.linux.namespaces import in_user_namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class OverlayEncoding(Record):
    """How deletions are marked in an upper or lower directory (Documentation/filesystems/overlayfs.rst)."""

    userxattr: bool

    @property
    def prefix(self) -> str:
        """Of the attributes that are overlayfs's own and no part of a layer."""
        return "user.overlay." if self.userxattr else "trusted.overlay."

    @property
    def opaque(self) -> str:
        """The attribute that makes a directory hide all of the same name below; its value is `y`."""
        return self.prefix + "opaque"


def encoding() -> OverlayEncoding:
    """The encoding that this process's overlays use: decided by its user namespace alone."""
    return OverlayEncoding(userxattr=in_user_namespace())


def probe(directory: str) -> OverlayEncoding | None:
    """The encoding with which overlayfs works on the filesystem of `directory` for this process; None if it does not.

    Tries it for real with a mount that is never attached, in a directory of its own that it removes again.
    """
    found = encoding()
    scratch = f"{directory}/.overlay-probe.{os.getpid()}"
    parts = [f"{scratch}/{name}" for name in ("lower", "upper", "work")]
    fds: list[int] = []
    try:
        os.mkdir(scratch, 0o700)
        for part in parts:
            os.mkdir(part, 0o700)
            fds.append(os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
        lower, upper, work = (f"/proc/self/fd/{fd}" for fd in fds)  # short: fsconfig takes 256 bytes
        os.close(mount.new_filesystem("overlay", "overlay", options((lower,), upper, work, found)))
    except OSError:
        return None
    finally:
        for fd in fds:
            os.close(fd)
        for path in (f"{scratch}/work/work", *reversed(parts), scratch):
            try:
                os.rmdir(path)
            except OSError:
                pass
    return found


def overlay(
    lowers: Sequence[str],
    upper: str | None = None,
    work: str | None = None,
    *,
    target: str = "",
    volatile: bool = False,
) -> Mount:
    """The overlay of `lowers` (topmost first) with `upper`, or read-only without.

    `volatile` leaves out all syncing: for a tree that is thrown away when the machine fails.
    """
    if upper is None and len(lowers) == 1:  # overlayfs wants two directories
        return Mount(type="bind", source=lowers[0], target=target, options=("bind", "ro"))
    data = options(lowers, upper, work, encoding(), volatile=volatile)
    return Mount(type="overlay", source="overlay", target=target, options=data)


def options(
    lowers: Sequence[str], upper: str | None, work: str | None, encoding: OverlayEncoding, *, volatile: bool = False
) -> tuple[str, ...]:
    """The mount options, in an order that reads well in `mount`'s output.

    Redirects, metadata-only copies and the index are off whatever the kernel's default: an upper directory that uses
    them is not a layer by itself.
    """
    data = ["redirect_dir=nofollow" if encoding.userxattr else "redirect_dir=off", "metacopy=off", "index=off"]
    if encoding.userxattr:
        data.append("userxattr")
    if volatile and upper is not None:
        data.append("volatile")
    above = [] if upper is None or work is None else [f"upperdir={_escape(upper)}", f"workdir={_escape(work)}"]
    joined = "lowerdir=" + ":".join(_escape(lower) for lower in lowers)
    if mount.fits_options_page([*data, joined, *above]):
        return (*data, joined, *above)
    return (*data, *(f"lowerdir+={lower}" for lower in lowers), *above)  # Linux 6.7, through fsconfig(2) only


def _escape(path: str) -> str:
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")
