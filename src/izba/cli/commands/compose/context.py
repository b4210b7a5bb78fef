"""What every verb is given: the global flags and those of the project."""

from __future__ import annotations

import os
import sys

from izba._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.cli.context import Context
    from izba.compose.load.phases import Loaded, LoadRequest
    from izba.compose.options import ProjectOptions
    from izba.compose.project import Project


class ComposeContext(Record):
    """The flags before the verb. `parallel` 0 is as many as the machine likes; in `kept` are files parsed before."""

    context: Context
    options: ProjectOptions
    ansi: str = "auto"
    progress: str = "auto"
    dry_run: bool = False
    parallel: int = 0
    all_resources: bool = False
    kept: str = ""

    def request(self) -> LoadRequest:
        """What is to be loaded. Raises `NoComposeFile`."""
        from izba.compose.load.kept import Kept
        from izba.compose.options import load_request

        return load_request(self.options, os.environ, sys.stdin).replace(kept=Kept(directory=self.kept))

    def load(self, request: LoadRequest | None = None) -> Loaded:
        """The project's tree; its warnings are told. Raises `ComposeFileError`."""
        from izba.compose.load.phases import load

        loaded = load(request or self.request())
        for warning in loaded.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        return loaded

    def named_project(self) -> tuple[str, Project | None]:
        """The project's name, and the project if its files are to be found: `-p NAME` does without them."""
        from izba.compose.errors import NoComposeFile
        from izba.compose.load.names import BadProjectName, normalized

        name = self.options.name or os.environ.get("COMPOSE_PROJECT_NAME")
        try:
            project = self.project()
        except NoComposeFile:
            if not name or self.options.files:
                raise
            if normalized(name) != name:
                raise BadProjectName(name) from None
            return name, None
        return project.name, project

    def project(self, services: Sequence[str] = (), *, keep: bool = False) -> Project:
        """The project. Services that are named are enabled, whatever their profiles. Raises `NoSuchService`.

        `keep` its parsed files for the commands to come.
        """
        from izba.compose.load.bind import bind

        request = self.request().replace(named=tuple(services))
        request = request.replace(kept=request.kept.replace(grows=keep and not self.dry_run))
        files = tuple(os.path.abspath(file) for file, text in request.files if text is None)
        project = bind(self.load(request), request.directory, files)
        for name in services:
            project.service(name)
        return project
