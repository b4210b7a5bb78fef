"""A container's name."""

from __future__ import annotations

from izba.engine.containers.create import check_name
from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine


def rename(engine: Engine, container: Container, name: str) -> None:
    """Raises `BadName`, `NameInUse`."""
    bare = name.removeprefix("/")
    if not bare:
        raise InvalidArgument("Neither old nor new names may be empty")
    if bare == container.name:
        raise InvalidArgument("Renaming a container with the same name as its current name", hint="choose another name")
    check_name(bare)
    engine.store.containers.rename(container.id, bare)
