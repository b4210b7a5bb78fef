"""Lines of several containers on one screen: a prefix for each, coloured by service."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from izba.compose.verbs.logs import Line
    from izba.engine.containers.model import Container

_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)


def wants_colour(ansi: str, *, never: bool) -> bool:
    """Whether prefixes are coloured."""
    from izba.cli.output import tty

    if never or ansi == "never":
        return False
    return ansi == "always" or tty.wants_colour(sys.stdout)


class LinePrinter:
    """Prints what containers wrote."""

    def __init__(
        self, containers: Iterable[Container], project: str, *, colour: bool, prefix: bool = True, times: bool = False
    ) -> None:
        self._project = project
        self._colour = colour
        self._prefix = prefix
        self._times = times
        self._width = 0
        self._colours: dict[str, int] = {}
        self._partial: dict[str, str] = {}
        for container in containers:
            self.know(container)

    def know(self, container: Container) -> None:
        """A container whose lines may come: prefixes are as wide as the longest."""
        self._width = max(self._width, len(self._short(container)))
        self._colours.setdefault(self._service(container), _COLOURS[len(self._colours) % len(_COLOURS)])

    def print(self, line: Line) -> None:
        """One entry; a part of a line waits for its end."""
        text = self._partial.pop(line.container.id, "") + line.entry.text
        if not text.endswith("\n") and len(text) < 1 << 16:
            self._partial[line.container.id] = text
            return
        stamp = f"{line.entry.time} " if self._times else ""
        for each in text.rstrip("\n").split("\n"):
            self._write(f"{self._head(line.container)}{stamp}{each}\n")

    def say(self, container: Container, text: str) -> None:
        """A line of our own about a container."""
        self._write(f"{self._head(container)}{text}\n")

    def finish(self) -> None:
        """Lines without an end are printed all the same."""
        sys.stdout.flush()

    def _head(self, container: Container) -> str:
        if not self._prefix:
            return ""
        self.know(container)
        text = f"{self._short(container):{self._width}}  | "
        if not self._colour:
            return text
        return f"\x1b[{self._colours[self._service(container)]}m{text}\x1b[0m"

    def _short(self, container: Container) -> str:
        """Without the project's name, as Compose prints it."""
        return container.name.removeprefix(f"{self._project}-")

    @staticmethod
    def _service(container: Container) -> str:
        from izba.compose.observe import service_of

        return service_of(container)

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.flush()
        os.write(1, text.encode("utf-8", "surrogateescape"))
