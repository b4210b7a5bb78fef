"""A container's name."""

from __future__ import annotations

from izba.engine import eventlog
from izba.engine.containers import lifecycle
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
    if lifecycle.state(container).is_running:
        try:
            lifecycle.ask(container, {"verb": "renamed", "name": bare})
        except lifecycle.NotRunning:
            pass  # it ended meanwhile
    eventlog.emit_container(engine, container, "rename", name=bare, oldName=f"/{container.name}")
