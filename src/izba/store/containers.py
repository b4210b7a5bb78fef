"""Rows of containers: what was asked for, and their names. Whether one runs is never stored (see `monitor.state`)."""

from __future__ import annotations

from izba._record import Record
from izba.errors import Conflict, NotFound
from izba.ids import is_id_prefix
from izba.store.db import IntegrityError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from izba.store.db import Database


class ContainerNotFound(NotFound):
    """No container has this name, id or beginning of an id."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No such container: {name}")
        self.name = name


class AmbiguousId(Conflict):
    """Several containers' ids begin so."""

    def __init__(self, prefix: str) -> None:
        super().__init__(f"multiple IDs found with provided prefix: {prefix}")
        self.prefix = prefix


class NameInUse(Conflict):
    """Another container has the name."""

    def __init__(self, name: str, *, holder: str) -> None:
        super().__init__(
            f'Conflict. The container name "/{name}" is already in use by container "{holder}". '
            "You have to remove (or rename) that container to be able to reuse that name.",
            hint=f"`izba rm {name}` removes it, `izba rename {name} NEW` renames it",
        )
        self.name = name
        self.holder = holder


class ContainerRow(Record):
    """One container. `image` is the digest of its manifest, `snapshot` the key of its writable layer, `created` counts
    nanoseconds since the epoch, `config` is the JSON text of what was asked for.
    """

    id: str
    name: str
    image: str
    snapshot: str
    created: int
    config: str


_COLUMNS = ", ".join(ContainerRow.__fields__)


class ContainerRows:
    """The table `containers`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def insert(self, row: ContainerRow) -> None:
        """Add a container. Raises `NameInUse`."""
        try:
            self._db.execute(
                f"INSERT INTO containers ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
                *(row.id, row.name, row.image, row.snapshot, row.created, row.config),
            )
        except IntegrityError:
            raise self._name_in_use(row.name) from None

    def require(self, name: str) -> ContainerRow:
        """By name, id or the unique beginning of an id, in this order. Raises `ContainerNotFound`, `AmbiguousId`."""
        bare = name.removeprefix("/")
        if rows := self._select("WHERE id = ? OR name = ? ORDER BY id = ? DESC", bare, bare, bare):
            return rows[0]
        rows = self._select("WHERE id >= ? AND id < ? LIMIT 2", bare, f"{bare}g") if is_id_prefix(bare) else []
        if not rows:
            raise ContainerNotFound(name)
        if len(rows) > 1:
            raise AmbiguousId(name)
        return rows[0]

    def all(self) -> list[ContainerRow]:
        """Every container, the newest first."""
        return self._select("ORDER BY created DESC")

    def exists(self, id: str) -> bool:
        """Whether the container with this full id is there."""
        return self._db.row("SELECT 1 FROM containers WHERE id = ?", id) is not None

    def rename(self, id: str, name: str) -> None:
        """Raises `NameInUse`."""
        try:
            self._db.execute("UPDATE containers SET name = ? WHERE id = ?", name, id)
        except IntegrityError:
            raise self._name_in_use(name) from None

    def set_config(self, id: str, config: str) -> None:
        """Replace what was asked for, as `izba update` does."""
        self._db.execute("UPDATE containers SET config = ? WHERE id = ?", config, id)

    def delete(self, id: str) -> None:
        """Nothing happens if there is none."""
        self._db.execute("DELETE FROM containers WHERE id = ?", id)

    def _select(self, where: str, *values: Any) -> list[ContainerRow]:
        rows = self._db.rows(f"SELECT {_COLUMNS} FROM containers {where}", *values)  # noqa: S608 - constants
        return [ContainerRow(**dict(zip(ContainerRow.__fields__, row, strict=True))) for row in rows]

    def _name_in_use(self, name: str) -> NameInUse:
        holder = self._db.row("SELECT id FROM containers WHERE name = ?", name)
        return NameInUse(name, holder=holder[0] if holder else "")
