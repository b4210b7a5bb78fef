"""What is wrong with a Compose project, at its place in the file where there is one."""

from __future__ import annotations

from izba.errors import InvalidArgument, NotFound, SourceError


class ComposeError(InvalidArgument):
    """The project, or what was asked of it, makes no sense."""


class ComposeFileError(SourceError):
    """A file of the project is wrong at a place."""


class NoComposeFile(NotFound):
    """No file was named, and none was found; Compose's sentence."""

    def __init__(self, directory: str) -> None:
        super().__init__(
            f"no configuration file provided: not found in {directory} or above it",
            hint="name it with -f, or call it compose.yaml",
        )


class NoSuchService(NotFound):
    """The project has no such service; Compose's sentence."""

    def __init__(self, name: str, known: list[str]) -> None:
        from izba.nearest import nearest

        meant = nearest(name, known)
        super().__init__(f"no such service: {name}", hint=f"did you mean {meant}?" if meant else None)
        self.name = name
