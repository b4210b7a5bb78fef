"""What every command is given besides its arguments."""

from __future__ import annotations

from izba._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.engine import Engine


class Context(Record):
    """The global flags: `--root` (None: `IZBA_ROOT` or the user's own root) and `--debug`.

    `leaving`: the process ends with the command.
    """

    root: str | None = None
    debug: bool = False
    leaving: bool = False

    def engine(self) -> Engine:
        """Open the engine on this root. Each call opens it anew; a command calls it once."""
        from izba.engine.engine import Engine

        return Engine.open(self.root, leaving=self.leaving)
