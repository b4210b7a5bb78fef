"""What is wrong with a request for a container."""

from __future__ import annotations

from izba.errors import Forbidden, InvalidArgument, NotFound


class BadName(InvalidArgument):
    """A name that no container may have; Docker's sentence."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
        self.name = name


class ImageMissing(NotFound):
    """The image is not in the store; `engine.acquire` brings it."""

    def __init__(self, image: str) -> None:
        super().__init__(
            f"No such image: {image}",
            hint=f"izba pull {image}",
        )
        self.image = image


class BindSourceMissing(InvalidArgument):
    """`--mount` of a path that is not there; Docker's sentence."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f'invalid mount config for type "bind": bind source path does not exist: {path}',
            hint="create it first, or use -v, which makes a directory there",
        )
        self.path = path


class BindSourceForbidden(Forbidden):
    """`-v` of a path that is not there, at a place where izba may not make it; Docker's sentence."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"error while creating mount source path '{path}': {reason}",
            hint="make it with the rights that it takes, or bind a directory of your own",
        )
        self.path = path
