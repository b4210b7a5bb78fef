"""The order in which files become a project's tree.

    of each document   1 yaml  2 keys (in yaml)  3 interpolate  4 empty nodes (in yaml)  5 schema
                       6 include  7 reset, extends  8 merge  9 unicity  10 canonical, unicity
    of all             11 defaults  12 paths  13 normalize  14 values  15 environment  16 checks
    bind               17 `izba.compose.load.bind`: the tree → `Project`

Include comes before extends, so that a service can extend an included one. A file that is extended goes through 1 to 10
by itself, an included project through 1 to 12.
"""

from __future__ import annotations

import os

from izba._record import Record
from izba.compose.files import read_at, read_text
from izba.compose.load.canonical import canonical
from izba.compose.load.check import check_project, check_resources
from izba.compose.load.clone import clone
from izba.compose.load.defaults import set_defaults
from izba.compose.load.environment import resolve_environment, resolve_labels
from izba.compose.load.extends import apply_extends
from izba.compose.load.include import apply_include
from izba.compose.load.interpolate import interpolate
from izba.compose.load.kept import Kept
from izba.compose.load.merge import CannotMerge, merge
from izba.compose.load.names import project_name
from izba.compose.load.normalize import normalize
from izba.compose.load.paths import resolve_paths
from izba.compose.load.reset import remove
from izba.compose.load.schema import check as check_schema
from izba.compose.load.source import Sources
from izba.compose.load.unicity import unique
from izba.compose.load.values import settle
from izba.compose.load.warn import meaningless

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

    from izba.compose.load.include import Include
    from izba.compose.load.source import Document, Source
    from izba.compose.treepath import Path


class LoadRequest(Record):
    """What to load.

    files        in order, later ones over earlier; each with its text where it is not on the disk (`-`)
    directory    what relative paths are relative to
    environment  variables, `.env` included
    named        services that were named, which enables their profiles
    kept         parsed files of commands before
    """

    files: tuple[tuple[str, str | None], ...]
    directory: str
    environment: Mapping[str, str]
    name: str | None = None
    profiles: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    kept: Kept = Kept()
    interpolate: bool = True
    resolve_environment: bool = True
    resolve_paths: bool = True
    normalize: bool = True
    check: bool = True


class Loaded(Record):
    """The tree of a project, complete, and which of its services are enabled."""

    name: str
    tree: dict[str, Any]
    sources: Sources
    warnings: tuple[str, ...]
    environment: Mapping[str, str]
    enabled: frozenset[str]


def load(request: LoadRequest) -> Loaded:
    """The project of the files. Raises `ComposeFileError`, `ComposeError`."""
    parsed = [
        document
        for file, text in request.files
        for document in request.kept.documents(read_text(file) if text is None else text, file)
    ]
    name = project_name(request.name, request.environment, parsed, request.directory)
    environment = {**request.environment, "COMPOSE_PROJECT_NAME": name}
    loader = Loader(interpolate=request.interpolate, resolve_paths=request.resolve_paths, kept=request.kept)
    tree = loader.model(parsed, request.directory, environment, ())
    sources = Sources(loader.sources)
    tree["name"] = name
    if request.normalize:
        normalize(tree, environment if request.interpolate else {})
    if request.interpolate:  # what has variables in it has no form yet
        tree = settle(tree, sources)
    services: dict[str, Any] = tree.setdefault("services", {})
    named = (profile for each in request.named for profile in services.get(each, {}).get("profiles") or ())
    profiles = {*request.profiles, *named}
    enabled = frozenset(each for each, service in services.items() if is_enabled(service, profiles))
    if request.check:
        check_project(tree, enabled.__contains__, sources)
    own = {each: services[each] for each in services if each in enabled}
    if request.interpolate:
        resolve_labels(own, sources)
    if request.resolve_environment:
        resolve_environment(own, environment, sources)
    return Loaded(
        name=name,
        tree=tree,
        sources=sources,
        warnings=tuple(dict.fromkeys((*loader.warnings, *meaningless(tree)))),
        environment=environment,
        enabled=enabled,
    )


def is_enabled(service: dict[str, Any], profiles: Collection[str]) -> bool:
    """Whether a service is part of the project under these profiles."""
    own = service.get("profiles") or ()
    return not own or "*" in profiles or any(profile in profiles for profile in own)


class Loader:
    """Loads documents, and those they extend and include."""

    def __init__(self, *, interpolate: bool, resolve_paths: bool, kept: Kept) -> None:
        self._interpolate = interpolate
        self._kept = kept
        self._resolve_paths = resolve_paths
        self.sources: list[Source] = []
        self.warnings: list[str] = []

    def model(
        self, parsed: Sequence[Document], directory: str, environment: Mapping[str, str], chain: tuple[str, ...]
    ) -> dict[str, Any]:
        """Phases 3 to 12 of some files: the tree of one project, or of one that is included."""
        tree: dict[str, Any] = {}
        for document in parsed:
            tree = self._add(tree, document, directory, environment, chain)
        tree = set_defaults(tree)
        check_resources(tree, Sources(self.sources))
        if self._interpolate or chain:
            _take_variables(tree, environment)
        if not self._resolve_paths:
            return tree
        return resolve_paths(tree, directory)

    def _add(
        self,
        tree: dict[str, Any],
        document: Document,
        directory: str,
        environment: Mapping[str, str],
        chain: tuple[str, ...],
    ) -> dict[str, Any]:
        source = document.source
        self.sources.append(source)
        new = self._checked(document, environment)

        def included(include: Include, by: Document) -> dict[str, Any]:
            return self._included(include, by, environment, (*chain, source.file))

        apply_include(document, new, directory, (*chain, source.file), included)
        remove(tree, (*document.resets, *document.overrides))

        def base(file: str, by: Document, path: Path) -> dict[str, Any]:
            return self._base(file, by, path, environment)

        apply_extends(document, new, directory, base)
        try:
            merged = unique(merge(tree, new))
        except CannotMerge as error:
            raise source.error(error.path, error.message) from None
        return unique(canonical(merged, source, tolerant=not self._interpolate))

    def _checked(self, document: Document, environment: Mapping[str, str]) -> dict[str, Any]:
        """Phases 3 to 5."""
        source = document.source
        tree: dict[str, Any] = clone(document.tree)
        if self._interpolate:
            tree = interpolate(tree, source, environment.get, self._warn_missing)
        if (problem := check_schema(tree)) and (self._interpolate or not _has_variables(tree, problem.path)):
            raise source.error(problem.path, problem.message, hint=problem.hint)
        if tree.pop("version", None) is not None:
            self.warnings.append(
                f"{source.file}: the attribute `version` is obsolete, it will be ignored, please remove it to avoid "
                "potential confusion"
            )
        return tree

    def _included(
        self, include: Include, by: Document, environment: Mapping[str, str], chain: tuple[str, ...]
    ) -> dict[str, Any]:
        from izba.compose import dotenv

        found: dict[str, str] = {}
        for file in include.env_files:
            found |= dotenv.parse(read_at(by.source, include.path, file), file, (found | dict(environment)).get)
        parsed = [
            each
            for file in include.files
            for each in self._kept.documents(read_at(by.source, include.path, file), file)
        ]
        return self.model(parsed, include.directory, found | dict(environment), chain)

    def _base(self, file: str, by: Document, path: Path, environment: Mapping[str, str]) -> dict[str, Any]:
        """The services of a file that a service of another file extends, their paths absolute."""
        tree: dict[str, Any] = {}
        for document in self._kept.documents(read_at(by.source, path, file), file):
            new = self._checked(document, environment)
            remove(tree, (*document.resets, *document.overrides))
            new.pop("include", None)
            tree = unique(canonical(unique(merge(tree, new)), document.source, tolerant=not self._interpolate))
        services: dict[str, Any] = resolve_paths(tree, os.path.dirname(file)).get("services") or {}
        return services

    def _warn_missing(self, name: str) -> None:
        self.warnings.append(f'The "{name}" variable is not set. Defaulting to a blank string.')


def _take_variables(tree: dict[str, Any], environment: Mapping[str, str]) -> None:
    """A variable that is only named has the value it has for the files that name it (an include has its own `.env`)."""
    for service in (tree.get("services") or {}).values():
        if isinstance(service.get("environment"), list):
            service["environment"] = [
                f"{each}={environment[each]}" if each in environment else each for each in service["environment"]
            ]


def _has_variables(tree: Any, path: Path) -> bool:
    """Whether the value at a path is not known before its variables are."""
    part: Any
    for part in path:
        tree = tree[part] if isinstance(tree, (dict, list)) else tree
    return isinstance(tree, str) and "$" in tree
