"""Loading texts as files of a project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from izba.compose.load.bind import bind
from izba.compose.load.phases import Loaded, LoadRequest, load
from izba.compose.project import Project


def loaded(
    directory: Path, *texts: str, environment: dict[str, str] | None = None, profiles: tuple[str, ...] = ()
) -> Loaded:
    files = []
    for index, text in enumerate(texts):
        path = directory / ("compose.yaml" if index == 0 else f"over{index}.yaml")
        path.write_text(text)
        files.append((str(path), None))
    return load(
        LoadRequest(
            files=tuple(files), directory=str(directory), environment=environment or {}, name="p", profiles=profiles
        )
    )


def tree(directory: Path, *texts: str, **options: Any) -> dict[str, Any]:
    return loaded(directory, *texts, **options).tree


def project(directory: Path, *texts: str, **options: Any) -> Project:
    return bind(loaded(directory, *texts, **options), str(directory), ())
