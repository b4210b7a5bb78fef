"""The way of a defect: New → In progress → In review → Closed, or Cancelled; and who may take which step."""

from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from uuid import UUID

from common.tokens import Identity


class Status(StrEnum):
    NEW = "new"
    IN_PROGRESS = "in_progress"
    IN_REVIEW = "in_review"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class Priority(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


FINISHED = frozenset({Status.CLOSED, Status.CANCELLED})


class Who(Enum):
    LEADERS = auto()
    ASSIGNEE = auto()
    ASSIGNEE_OR_ANYONE_WHEN_FREE = auto()


@dataclass(frozen=True)
class Step:
    who: Who
    needs_reason: bool = False


STEPS: dict[tuple[Status, Status], Step] = {
    (Status.NEW, Status.IN_PROGRESS): Step(Who.ASSIGNEE_OR_ANYONE_WHEN_FREE),
    (Status.IN_PROGRESS, Status.IN_REVIEW): Step(Who.ASSIGNEE),
    (Status.IN_REVIEW, Status.CLOSED): Step(Who.LEADERS),
    (Status.IN_REVIEW, Status.IN_PROGRESS): Step(Who.LEADERS, needs_reason=True),
    (Status.NEW, Status.CANCELLED): Step(Who.LEADERS, needs_reason=True),
    (Status.IN_PROGRESS, Status.CANCELLED): Step(Who.LEADERS, needs_reason=True),
    (Status.IN_REVIEW, Status.CANCELLED): Step(Who.LEADERS, needs_reason=True),
}


def may_take(step: Step, asking: Identity, assignee_id: UUID | None) -> bool:
    if asking.leads:
        return True
    if not asking.writes or step.who is Who.LEADERS:
        return False
    free = assignee_id is None and step.who is Who.ASSIGNEE_OR_ANYONE_WHEN_FREE
    return free or assignee_id == asking.user_id


def allowed_from(status: Status, asking: Identity, assignee_id: UUID | None) -> list[Status]:
    return [to for (begins, to), step in STEPS.items() if begins == status and may_take(step, asking, assignee_id)]
