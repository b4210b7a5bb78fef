"""Phase 6: a service that extends another is laid over it; the other one's own `extends` come first.

The other service is in the same file, or in one that is named; then its paths are relative to that file.
"""

from __future__ import annotations

import os

from izba.compose.files import RemoteFile, absolute, is_remote
from izba.compose.load.clone import clone
from izba.compose.load.merge import CannotMerge, extend
from izba.compose.load.reset import remove

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from izba.compose.load.source import Document
    from izba.compose.treepath import Path

    LoadBase = Callable[[str, Document, Path], dict[str, Any]]


def apply_extends(document: Document, tree: dict[str, Any], directory: str, load_base: LoadBase) -> None:
    """Replace each service of the tree that extends another. Raises `ComposeFileError`.

    `load_base(file, document, path)` gives the services of another file, its paths absolute.
    """
    extender = _Extender(document, load_base)
    services = tree.get("services") or {}
    for name in services:
        services[name] = extender.resolved(name, services, document.source.file, directory, ())


class _Extender:
    """One document's."""

    def __init__(self, document: Document, load_base: LoadBase) -> None:
        self._document = document
        self._load_base = load_base
        self._files: dict[str, dict[str, Any]] = {}

    def resolved(
        self, name: str, services: dict[str, Any], file: str, directory: str, chain: tuple[tuple[str, str], ...]
    ) -> Any:
        """The service with what it extends under it."""
        service = services[name]
        if not isinstance(service, dict) or "extends" not in service:
            return service
        path: Path = ("services", chain[0][1] if chain else name, "extends")
        here = (file, name)
        if here in chain:
            raise self._circle((*chain, here), path)
        extends = service["extends"]
        wanted, other = (extends, None) if isinstance(extends, str) else (extends["service"], extends.get("file"))
        base_services, base_file, base_directory = services, file, directory
        if other is not None:
            base_file = self._file(other, directory, path)
            base_directory = os.path.dirname(base_file)
            base_services = self._services(base_file, path)
        if wanted not in base_services:
            raise self._document.source.error(
                path,
                f"cannot extend service {wanted!r}: there is none in {base_file}",
                hint=_hint(wanted, base_services),
            )
        base = self.resolved(wanted, base_services, base_file, base_directory, (*chain, here))
        base_services[wanted] = base
        return self._merged(name, base, service, path)

    def _merged(self, name: str, base: Any, service: dict[str, Any], path: Path) -> dict[str, Any]:
        source = clone(base) or {}
        under = {"services": {name: source}}
        remove(under, (*self._document.resets, *self._document.overrides))
        over = {key: value for key, value in service.items() if key != "extends"}
        try:
            merged = extend(under["services"].get(name) or {}, over)
        except CannotMerge as error:
            raise self._document.source.error(
                (*path[:2], *error.path[2:]), f"{error.message} ({name} extends it)"
            ) from None
        merged.pop("extends", None)
        return merged

    def _file(self, other: str, directory: str, path: Path) -> str:
        if is_remote(other):
            raise self._document.source.error((*path, "file"), RemoteFile(other).message, hint=RemoteFile(other).hint)
        return absolute(directory, other)

    def _services(self, file: str, path: Path) -> dict[str, Any]:
        if file not in self._files:
            self._files[file] = self._load_base(file, self._document, (*path, "file"))
        return self._files[file]

    def _circle(self, chain: tuple[tuple[str, str], ...], path: Path) -> Exception:
        shown = " extends ".join(f"{name} ({os.path.basename(file)})" for file, name in chain)
        return self._document.source.error(path, f"services extend each other in a circle: {shown}")


def _hint(name: str, services: dict[str, Any]) -> str | None:
    from izba.nearest import nearest

    meant = nearest(name, list(services))
    return f"did you mean {meant}?" if meant else None
