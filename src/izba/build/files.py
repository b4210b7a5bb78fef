"""Sources of files: what COPY, ADD and bind mounts read, and which of it they mean.

A source is a directory (a build context, a view of a tree, a download) with what a .dockerignore hides left out. Paths
are relative to it, "" is the root. No link in a source leads out of it: links are followed by hand, and a file is
opened by the path that they lead to.
"""

from __future__ import annotations

import os
import stat

from izba._record import Record
from izba.build import gopath
from izba.build.contenthash import StatCache, hash_files
from izba.build.fingerprint import Sightings
from izba.build.inroot import clean, resolve
from izba.errors import NotFound
from izba.layer.fsops import RECORD
from izba.layer.xattrs import belongs_to_layer
from izba.oci.digest import Digest, Hasher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeAlias

    from izba.build.dockerfile.ignore import Ignore
    from izba.build.graph import Selector

    Entry: TypeAlias = tuple[str, os.stat_result]
    """A path and what lstat says of it."""


class SourceNotFound(NotFound):
    """There is no such file in the source of a COPY, ADD or mount."""

    def __init__(self, path: str, *, hint: str | None = None) -> None:
        super().__init__(f'"{path}": not found', hint=hint)
        self.path = path


class Chosen(Record):
    """One source of a COPY, found: a file, or a directory with what is taken of it.

    name     the last part of the path as it was said, which is the file's name in a destination directory
    path     where it is in the source, links followed
    entries  below a directory, relative to it, parents first and sorted
    """

    name: str
    path: str
    status: os.stat_result
    entries: tuple[Entry, ...] = ()

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)


class FileSource:
    """Files below the directory `root`. What was read once is not read again in the same build.

    `owners`: owners and extended attributes are part of it (a tree); without, all is root's (a context).
    """

    def __init__(
        self,
        root: str,
        *,
        what: str = "build context",
        ignore: Ignore | None = None,
        ignore_file: str = ".dockerignore",
        cache: StatCache | None = None,
        owners: bool = False,
    ) -> None:
        self.root = root
        self.what = what
        self.owners = owners
        self.ignore = ignore if ignore is not None and ignore.patterns else None
        self.ignore_file = ignore_file
        self.cache = cache or StatCache(None)
        self.digests: dict[str, bytes] = {}
        """What files hold, by their path on this machine; of those whose content was looked at."""
        self.selected: dict[Selector, tuple[Chosen, ...]] = {}
        self.sightings = Sightings()

    def absolute(self, path: str) -> str:
        """Where the resolved `path` is on this machine."""
        return f"{self.root}/{path}" if path else self.root

    def resolve(self, path: str, *, follow_last: bool = True) -> str:
        """The path that `path` means in this source."""
        return resolve(path, self.readlink, follow_last=follow_last)

    def readlink(self, path: str) -> str | None:
        """The target of the link at the resolved `path`, None for all else."""
        links = self.sightings.links
        if path not in links:
            try:
                links[path] = os.readlink(self.absolute(path))
            except OSError:
                links[path] = None
        return links[path]

    def status(self, path: str) -> os.stat_result | None:
        """What is at the resolved `path`, None if there is nothing or it is ignored."""
        parent, _, name = path.rpartition("/")
        if not path or self.ignore is None:
            return self._status(path)
        status = self.status(parent)
        if status is None or not stat.S_ISDIR(status.st_mode):
            return None
        return next((found for each, found in self.children(parent) if each == name), None)

    def children(self, path: str) -> tuple[Entry, ...]:
        """Names and statuses in the directory at the resolved `path`, sorted; without what is ignored, and sockets."""
        found = self.sightings.listings.get(path)
        if found is None:
            found = self.sightings.listings[path] = self._read(path)
        return found

    def walk(self, path: str) -> Iterator[Entry]:
        """Everything below the directory at `path`, relative to it: parents first, siblings sorted."""
        stack = [iter(self._prefixed(path, ""))]
        while stack:
            entry = next(stack[-1], None)
            if entry is None:
                stack.pop()
                continue
            yield entry
            relative, status = entry
            if stat.S_ISDIR(status.st_mode):
                below = f"{path}/{relative}" if path else relative
                stack.append(iter(self._prefixed(below, f"{relative}/")))

    def _status(self, path: str) -> os.stat_result | None:
        statuses = self.sightings.statuses
        if path not in statuses:
            try:
                statuses[path] = os.lstat(self.absolute(path))
            except (FileNotFoundError, NotADirectoryError):
                statuses[path] = None
        return statuses[path]

    def _prefixed(self, path: str, prefix: str) -> list[Entry]:
        return [(prefix + name, status) for name, status in self.children(path)]

    def _read(self, path: str) -> tuple[Entry, ...]:
        prefix = f"{path}/" if path else ""
        ignore = self.ignore
        entries: list[Entry] = []
        with os.scandir(self.absolute(path)) as listing:
            for each in listing:
                status = each.stat(follow_symlinks=False)
                if stat.S_ISSOCK(status.st_mode):
                    self.sightings.has_sockets = True
                    continue
                if ignore is not None and ignore.excludes(prefix + each.name):
                    # A directory that is left out comes along where something below it is taken back.
                    is_directory = stat.S_ISDIR(status.st_mode)
                    if not is_directory or ignore.prunes(prefix + each.name) or not self.children(prefix + each.name):
                        self.sightings.left_out.setdefault(path, {})[each.name] = is_directory
                        continue
                entries.append((each.name, status))
        entries.sort()
        return tuple(entries)


def select(source: FileSource, selector: Selector) -> tuple[Chosen, ...]:
    """What the selector means in `source`, found once. Raises `SourceNotFound`."""
    known = source.selected.get(selector)
    if known is None:
        known = source.selected[selector] = _select(source, selector)
    return known


def _select(source: FileSource, selector: Selector) -> tuple[Chosen, ...]:
    chosen: list[Chosen] = []
    for index, path in enumerate(selector.sources):
        include = selector.include[index] if selector.include else ()
        found = [_choose(source, each, include, selector.exclude) for each in _expand(source, path, selector.wildcards)]
        if selector.required and selector.include and not _has_pattern(path, include):
            _require_included(source, path, include, found)
        chosen += [each for each in found if each is not None]
    return tuple(chosen)


def content_digest(source: FileSource, chosen: Sequence[Chosen]) -> Digest:
    """What the chosen files are: names, kinds, modes and contents; owners where they count; times never."""
    hasher = Hasher()
    for each in chosen:
        top = f"{source.root}/{each.path}" if each.path else source.root
        entries: list[Entry] = [("", each.status), *each.entries]
        regular = [
            (f"{top}/{relative}" if relative else top, status)
            for relative, status in entries
            if stat.S_ISREG(status.st_mode)
        ]
        digests = hash_files(regular, source.cache)
        if not source.owners:
            source.digests.update(zip((path for path, _ in regular), digests, strict=True))
        contents = iter(digests)
        # NUL ends every field, and no field has one in it; their number is known: no two selections read the same.
        fields = [each.name, str(len(entries))]
        for relative, status in entries:
            mode = status.st_mode
            if stat.S_ISREG(mode):
                content = next(contents).hex()
            elif stat.S_ISLNK(mode):
                content = os.readlink(f"{top}/{relative}" if relative else top)
            elif stat.S_ISDIR(mode):
                content = ""
            else:
                content = str(status.st_rdev)
            fields += (relative, f"{mode:o}", content)
            if source.owners:
                own = _attributes(f"{top}/{relative}" if relative else top)
                fields.append(f"{status.st_uid}:{status.st_gid}:{own}")
        fields.append("")
        hasher.update("\0".join(fields).encode("utf-8", "surrogateescape"))
    return hasher.digest()


def attributes(path: str) -> list[tuple[str, bytes]]:
    """The extended attributes that a layer keeps of a file, and izba's record of its owner; sorted."""
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError:
        return []
    kept = [name for name in names if name == RECORD or belongs_to_layer(name)]
    return [(name, os.getxattr(path, name, follow_symlinks=False)) for name in sorted(kept)]


def _attributes(path: str) -> str:
    return ",".join(f"{name}={value.hex()}" for name, value in attributes(path))


def _expand(source: FileSource, path: str, wildcards: bool) -> list[str]:
    """The paths that a source path with wildcards means; links before the first wildcard are followed later."""
    text = clean(path)[1:]
    if not wildcards:
        return [text]
    if not gopath.has_wildcards(text):
        return [gopath.unescape(text)]
    names = text.split("/")
    first = next(index for index, name in enumerate(names) if gopath.has_wildcards(name))
    base = source.resolve("/".join(gopath.unescape(name) for name in names[:first]))
    found = [base] if _is_directory(source.status(base)) else []
    for index, pattern in enumerate(names[first:], first):
        last = index == len(names) - 1
        found = [
            f"{parent}/{name}" if parent else name
            for parent in found
            for name, status in source.children(parent)
            if gopath.match(pattern, name) and (last or stat.S_ISDIR(status.st_mode))
        ]
    return found


def _choose(source: FileSource, path: str, include: tuple[str, ...], exclude: tuple[str, ...]) -> Chosen | None:
    resolved = source.resolve(path)
    status = source.status(resolved)
    if status is None:
        raise SourceNotFound("/" + path, hint=_why_missing(source, resolved))
    name = path.rpartition("/")[2]
    if not stat.S_ISDIR(status.st_mode):
        if exclude and _matcher(exclude).excludes(name):
            return None
        return Chosen(name=name, path=resolved, status=status)
    entries: Iterator[Entry] = source.walk(resolved)
    if include or exclude:
        entries = _filtered(source, resolved, include, exclude)
    return Chosen(name=name, path=resolved, status=status, entries=tuple(entries))


def _filtered(source: FileSource, top: str, include: tuple[str, ...], exclude: tuple[str, ...]) -> Iterator[Entry]:
    """What of a directory is taken. A directory that only matters for what is in it comes right before that."""
    including = _matcher(include) if include else None
    excluding = _matcher(exclude) if exclude else None

    def visit(path: str, prefix: str) -> Iterator[Entry]:
        for name, status in source.children(path):
            relative = prefix + name
            taken = including is None or including.excludes(relative)
            if excluding is not None and excluding.excludes(relative):
                taken = False
                if excluding.prunes(relative):
                    continue
            if taken:
                yield relative, status
            if not stat.S_ISDIR(status.st_mode):
                continue
            if not taken and including is not None and not _may_match_below(include, relative):
                continue
            inner = visit(f"{path}/{name}" if path else name, f"{relative}/")
            first = next(inner, None)
            if first is not None:
                if not taken:
                    yield relative, status
                yield first
                yield from inner

    return visit(top, "")


def _may_match_below(patterns: tuple[str, ...], directory: str) -> bool:
    """Whether a pattern can match something inside of `directory`."""
    names = directory.split("/")
    for pattern in patterns:
        parts = pattern.split("/")
        for index, name in enumerate(names):
            if index == len(parts) or "**" in parts[index]:
                return True
            if not gopath.match(parts[index], name):
                break
        else:
            return True
    return False


def _has_pattern(path: str, include: tuple[str, ...]) -> bool:
    return gopath.has_wildcards(path) or any(gopath.has_wildcards(each) for each in include)


def _require_included(source: FileSource, path: str, include: tuple[str, ...], found: Sequence[Chosen | None]) -> None:
    if not any(each is not None and each.entries for each in found):
        missing = clean(f"{path}/{include[0]}")
        raise SourceNotFound(missing, hint=_why_missing(source, missing[1:]))


def _matcher(patterns: tuple[str, ...]) -> Ignore:
    """The patterns in .dockerignore's language; `excludes` says that one matches."""
    from izba.build.dockerfile.ignore import Ignore

    return Ignore(patterns)


def _why_missing(source: FileSource, path: str) -> str | None:
    if source.ignore is not None and os.path.lexists(source.absolute(path)):
        return f"{source.ignore_file} excludes it from the {source.what}"
    return None


def _is_directory(status: os.stat_result | None) -> bool:
    return status is not None and stat.S_ISDIR(status.st_mode)
