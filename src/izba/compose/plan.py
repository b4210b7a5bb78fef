"""What is to be done: operations with their reasons, each after those it needs, each one call of the engine.

A plan is a value. It can be printed, compared and thrown away; nothing happens until it is executed.
"""

from __future__ import annotations

from izba._record import Record

CREATE_NETWORK = "CreateNetwork"
CREATE_VOLUME = "CreateVolume"
REMOVE_NETWORK = "RemoveNetwork"
REMOVE_VOLUME = "RemoveVolume"
CREATE = "CreateContainer"
START = "StartContainer"
STOP = "StopContainer"
REMOVE = "RemoveContainer"
RENAME = "RenameContainer"
WAIT = "WaitFor"


class Operation(Record):
    """One step. `target` is the project's word for what it is done to (`service:web:1`, `network:default`).

    needs      numbers of the operations that come before it
    service    whose container it is, `number` which one
    name       the resource's name in the engine: of a container, a network, a volume
    old        the id of the container that is replaced, whose anonymous volumes go on
    condition  what is waited for
    fresh      one that is made gets anonymous volumes of its own instead of those of the old one; one that is removed
               never ran, and takes its own along
    required   whether a failure of this one is a failure of those that need it
    """

    number: int
    kind: str
    target: str
    cause: str
    needs: tuple[int, ...] = ()
    service: str = ""
    replica: int = 0
    name: str = ""
    old: str = ""
    condition: str = ""
    required: bool = True
    fresh: bool = False

    def __str__(self) -> str:
        needs = f"[{','.join(map(str, self.needs))}] -> " if self.needs else ""
        what = f" {self.condition}" if self.condition else ""
        return f"{needs}#{self.number} {self.target}, {self.kind}{what}, {self.cause}"


class Plan(Record):
    """Operations in an order in which they could be done one after another."""

    operations: tuple[Operation, ...] = ()
    orphans: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "".join(f"{operation}\n" for operation in self.operations)


class Planner:
    """Collects operations, numbered as they come."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []

    def add(
        self,
        kind: str,
        target: str,
        cause: str,
        *,
        needs: tuple[int, ...] = (),
        service: str = "",
        replica: int = 0,
        name: str = "",
        old: str = "",
        condition: str = "",
        required: bool = True,
        fresh: bool = False,
    ) -> int:
        """One more; its number."""
        number = len(self.operations) + 1
        self.operations.append(
            Operation(
                number=number,
                kind=kind,
                target=target,
                cause=cause,
                needs=tuple(sorted(set(needs))),
                service=service,
                replica=replica,
                name=name,
                old=old,
                condition=condition,
                required=required,
                fresh=fresh,
            )
        )
        return number
