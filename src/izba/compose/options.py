"""Which project is meant: its files, its directory and its variables, from flags and the environment."""

from __future__ import annotations

import os

from izba._record import Record
from izba.compose import dotenv
from izba.compose.errors import ComposeError, NoComposeFile
from izba.compose.files import RemoteFile, is_remote
from izba.compose.load.phases import LoadRequest
from izba.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

DEFAULT_FILES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDE_FILES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)


class ProjectOptions(Record):
    """The flags before a command's name."""

    files: tuple[str, ...] = ()
    name: str | None = None
    directory: str | None = None
    env_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()


def load_request(options: ProjectOptions, environ: Mapping[str, str], stdin: TextIO) -> LoadRequest:
    """What to load. Raises `NoComposeFile`, and what `.env` files raise."""
    # COMPOSE_FILE and its kin can stand in the .env of the directory we are in.
    here = options.directory or os.getcwd()
    environment = _with_env_files(options, environ, os.path.abspath(here))
    files = _files(options, environment, os.path.abspath(here))
    directory = _directory(options, files)
    if directory != os.path.abspath(here) and not options.env_files:
        environment = _with_env_files(options, environ, directory)
    profiles = options.profiles or tuple(filter(None, environment.get("COMPOSE_PROFILES", "").split(",")))
    return LoadRequest(
        files=tuple((file, stdin.read() if file == "-" else None) for file in files),
        directory=directory,
        environment=environment,
        name=options.name,
        profiles=tuple(profile.strip() for profile in profiles),
    )


def _files(options: ProjectOptions, environment: Mapping[str, str], here: str) -> tuple[str, ...]:
    given = options.files
    if not given and (text := environment.get("COMPOSE_FILE")):
        given = tuple(text.split(environment.get("COMPOSE_PATH_SEPARATOR") or os.pathsep))
    if given:
        return tuple(_existing(file) for file in given)
    directory = here
    while True:
        found = [f"{directory}/{name}" for name in DEFAULT_FILES if os.path.isfile(f"{directory}/{name}")]
        if found:
            over = [f"{directory}/{name}" for name in OVERRIDE_FILES if os.path.isfile(f"{directory}/{name}")]
            return (found[0], *over[:1])
        above = os.path.dirname(directory)
        if above == directory:
            raise NoComposeFile(here)
        directory = above


def _existing(file: str) -> str:
    if file == "-":
        return file
    if is_remote(file):
        raise RemoteFile(file)
    path = os.path.abspath(file)
    if not os.path.exists(path):
        raise NotFound(f"open {path}: no such file or directory")
    return path


def _directory(options: ProjectOptions, files: tuple[str, ...]) -> str:
    if options.directory:
        return os.path.abspath(options.directory)
    first = next((file for file in files if file != "-"), None)
    return os.path.dirname(first) if first else os.getcwd()


def _with_env_files(options: ProjectOptions, environ: Mapping[str, str], directory: str) -> dict[str, str]:
    """Our own environment over the files': `--env-file`s, COMPOSE_ENV_FILES, or the directory's `.env`."""
    named = options.env_files or tuple(filter(None, environ.get("COMPOSE_ENV_FILES", "").split(",")))
    found: dict[str, str] = {}
    if named:
        for path in (os.path.abspath(file) for file in named if file != os.devnull):
            if not os.path.exists(path):
                raise ComposeError(f"couldn't find env file: {path}")
            found |= dotenv.read(path, {**found, **environ}.get)
    elif not _true(environ.get("COMPOSE_DISABLE_ENV_FILE")) and os.path.isfile(f"{directory}/.env"):
        found = dotenv.read(f"{directory}/.env", environ.get)
    return {**found, **environ}


def _true(text: str | None) -> bool:
    return (text or "").lower() in {"1", "true", "yes", "y", "on"}
