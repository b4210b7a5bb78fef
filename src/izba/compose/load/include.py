"""Phase 7: other projects' files whose services, networks and volumes become part of this one.

Each is loaded by itself, with the `.env` and the relative paths of its own directory, and joined to what includes it,
which has the last word on a name that both have.
"""

from __future__ import annotations

import os

from izba._record import Record
from izba.compose.files import RemoteFile, absolute, is_remote
from izba.compose.load.clone import clone
from izba.compose.load.merge import CannotMerge, merge_at
from izba.compose.load.reset import remove

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from izba.compose.load.source import Document
    from izba.compose.treepath import Path

SECTIONS = ("services", "volumes", "networks", "secrets", "configs", "models")
MAX_DEPTH = 40


class Include(Record):
    """One entry: the files (the first is the project's, the others override it), and where they are relative to."""

    files: tuple[str, ...]
    directory: str
    env_files: tuple[str, ...]
    path: Path


if TYPE_CHECKING:
    LoadIncluded = Callable[[Include, Document], dict[str, Any]]


def apply_include(
    document: Document, tree: dict[str, Any], directory: str, chain: tuple[str, ...], load: LoadIncluded
) -> None:
    """Load what `include` names into the tree. `chain` are the files that led here. Raises `ComposeFileError`."""
    for index, entry in enumerate(tree.pop("include", None) or ()):
        include = _include(document, entry, ("include", index), directory)
        if include.files[0] in chain or len(chain) > MAX_DEPTH:
            shown = "\n  includes ".join((*chain, include.files[0]))
            raise document.source.error(include.path, f"files include each other in a circle:\n  {shown}")
        _import(document, load(include, document), tree, include.path)


def _include(document: Document, entry: Any, path: Path, directory: str) -> Include:
    long = {"path": entry} if isinstance(entry, str) else entry
    files = [long["path"]] if isinstance(long.get("path"), str) else long.get("path") or []
    if not files:
        raise document.source.error(path, "path is missing")
    for file in files:
        if is_remote(file):
            raise document.source.error(path, RemoteFile(file).message, hint=RemoteFile(file).hint)
    paths = tuple(absolute(directory, file) for file in files)
    own = long.get("project_directory")
    project = absolute(directory, own) if own else os.path.dirname(paths[0])
    given = long.get("env_file") or []
    env_files = [given] if isinstance(given, str) else given
    return Include(
        files=paths,
        directory=project,
        env_files=tuple(absolute(directory, each) for each in env_files if each != "/dev/null")
        if given
        else _default_env_file(project),
        path=path,
    )


def _default_env_file(project: str) -> tuple[str, ...]:
    file = f"{project}/.env"
    return (file,) if os.path.isfile(file) else ()


def _import(document: Document, included: dict[str, Any], tree: dict[str, Any], path: Path) -> None:
    for section in SECTIONS:
        if not included.get(section):
            continue
        own = tree.get(section) or {}
        tree[section] = own
        for name, resource in included[section].items():
            if name not in own:
                own[name] = resource
                continue
            under = {section: {name: clone(resource)}}
            remove(under, (*document.resets, *document.overrides))
            try:
                own[name] = merge_at(under[section].get(name), own[name], (section, name))
            except CannotMerge as error:
                raise document.source.error(error.path, f"{error.message} (include of {path[-1]})") from None
