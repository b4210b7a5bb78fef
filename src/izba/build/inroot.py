"""Paths inside a root, followed by hand: what a name means there, without touching anything outside.

The kernel can do this too (openat2 with RESOLVE_IN_ROOT, `linux.rootpath`), but a build asks about roots that are no
directory yet: an upper directory over a view of its lowers, or a context with a .dockerignore. So the one thing asked
of the root is what each link says.
"""

from __future__ import annotations

from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MAX_LINKS = 255
"""As in Go's `filepath.EvalSymlinks`; the kernel stops at 40."""


class TooManyLinks(InvalidArgument):
    """Symbolic links lead on and on, or in a circle."""

    def __init__(self, path: str) -> None:
        super().__init__(f"too many symbolic links in {path!r}")
        self.path = path


def resolve(path: str, readlink: Callable[[str], str | None], *, follow_last: bool = True) -> str:
    """The path that `path` means inside the root: relative, no link and no `..` in it, "" for the root itself.

    `readlink` gives the target of the link at such a path, and None for all else. `..` stops at the root, absolute
    targets begin there. What does not exist is kept as it is said.
    """
    pending = path.split("/")[::-1]
    done: list[str] = []
    links = 0
    while pending:
        name = pending.pop()
        if name in {"", "."}:
            continue
        if name == "..":
            if done:
                done.pop()
            continue
        here = "/".join((*done, name))
        target = readlink(here) if follow_last or any(each not in {"", "."} for each in pending) else None
        if target is None:
            done.append(name)
            continue
        links += 1
        if links > MAX_LINKS:
            raise TooManyLinks(path)
        if target.startswith("/"):
            done.clear()
        pending += target.split("/")[::-1]
    return "/".join(done)


def clean(path: str) -> str:
    """`path` as an absolute path without `.`, `..` and doubled slashes, by its text alone."""
    done: list[str] = []
    for name in path.split("/"):
        if name == "..":
            if done:
                done.pop()
        elif name not in {"", "."}:
            done.append(name)
    return "/" + "/".join(done)
