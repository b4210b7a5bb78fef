"""What the facts say. Pure: rows, names and days in, a summary out."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

from service_reports.models import Fact
from service_reports.schemas import (
    ByAssignee,
    ByPriority,
    ByProject,
    ByStatus,
    Day,
    Overdue,
    Period,
    Priority,
    Status,
    Summary,
    Totals,
)

FINISHED = frozenset({"closed", "cancelled"})
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Scope:
    """What a report is of: sites by name, days, and where midnight is."""

    projects: Mapping[UUID, str]
    period: Period
    zone: ZoneInfo

    @cached_property
    def today(self) -> date:
        return datetime.now(self.zone).date()

    def day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def holds(self, moment: datetime | None) -> bool:
        return moment is not None and self.period.first <= self.day(moment) <= self.period.last


def summarize(facts: Sequence[Fact], scope: Scope) -> Summary:
    statuses = _grouped(facts, lambda fact: fact.status)
    priorities = _grouped(facts, lambda fact: fact.priority)
    assignees = _grouped(facts, lambda fact: fact.assignee_id)
    projects = _grouped(facts, lambda fact: fact.project_id)
    share = _sharing(scope)
    return Summary(
        period=scope.period,
        totals=_totals(facts, scope),
        by_status=[ByStatus(status=name, count=len(statuses.get(name, ()))) for name in get_args(Status)],
        by_priority=[
            ByPriority(priority=name, open=_open(priorities.get(name, ())), closed=_closed(priorities.get(name, ())))
            for name in reversed(get_args(Priority))
        ],
        by_assignee=sorted(
            (
                ByAssignee(assignee_id=key, assignee_name=_latest_name(rows), **share(rows))
                for key, rows in assignees.items()
            ),
            key=lambda line: (-line.open, line.assignee_name or ""),
        ),
        by_project=sorted(
            (
                ByProject(project_id=key, project_name=scope.projects[key], **share(rows))
                for key, rows in projects.items()
            ),
            key=lambda line: (-line.open, line.project_name),
        ),
        timeline=_timeline(facts, scope),
    )


def late(fact: Fact, scope: Scope) -> Overdue:
    """Of one that is overdue."""
    return Overdue(
        **{name: getattr(fact, name) for name in Overdue.model_fields if hasattr(fact, name)},
        project_name=scope.projects[fact.project_id],
        days_overdue=(scope.today - fact.due_date).days if fact.due_date else 0,
    )


def is_overdue(fact: Fact, today: date) -> bool:
    return fact.due_date is not None and fact.due_date < today and fact.status not in FINISHED


def _totals(facts: Sequence[Fact], scope: Scope) -> Totals:
    closed_now = [fact for fact in facts if fact.status == "closed" and scope.holds(fact.closed_at)]
    return Totals(
        total=len(facts),
        open=_open(facts),
        closed=_closed(facts),
        cancelled=sum(fact.status == "cancelled" for fact in facts),
        overdue=sum(is_overdue(fact, scope.today) for fact in facts),
        opened_in_period=sum(scope.holds(fact.created_at) for fact in facts),
        closed_in_period=len(closed_now),
        mean_hours_to_close=_mean_hours(closed_now),
    )


def _timeline(facts: Sequence[Fact], scope: Scope) -> list[Day]:
    opened = _counted(scope.day(fact.created_at) for fact in facts)
    closed = _counted(scope.day(fact.closed_at) for fact in facts if fact.closed_at and fact.status == "closed")
    finished = _counted(scope.day(fact.closed_at) for fact in facts if fact.closed_at)
    first = scope.period.first
    still_open = _before(opened, first) - _before(finished, first)
    days = []
    for offset in range((scope.period.last - first).days + 1):
        day = first + offset * DAY
        still_open += opened.get(day, 0) - finished.get(day, 0)
        days.append(Day(date=day, opened=opened.get(day, 0), closed=closed.get(day, 0), open=still_open))
    return days


def _sharing(scope: Scope) -> Callable[[Sequence[Fact]], dict[str, Any]]:
    def share(facts: Sequence[Fact]) -> dict[str, Any]:
        closed_now = [fact for fact in facts if fact.status == "closed" and scope.holds(fact.closed_at)]
        return {
            "open": _open(facts),
            "closed": _closed(facts),
            "overdue": sum(is_overdue(fact, scope.today) for fact in facts),
            "mean_hours_to_close": _mean_hours(closed_now),
        }

    return share


def _open(facts: Iterable[Fact]) -> int:
    return sum(fact.status not in FINISHED for fact in facts)


def _closed(facts: Iterable[Fact]) -> int:
    return sum(fact.status == "closed" for fact in facts)


def _mean_hours(facts: Sequence[Fact]) -> float | None:
    hours = [(fact.closed_at - fact.created_at).total_seconds() / 3600 for fact in facts if fact.closed_at]
    return round(sum(hours) / len(hours), 1) if hours else None


def _latest_name(facts: Sequence[Fact]) -> str | None:
    return max(facts, key=lambda fact: fact.position).assignee_name


def _grouped(facts: Iterable[Fact], key: Callable[[Fact], Hashable]) -> dict[Any, list[Fact]]:
    groups: dict[Any, list[Fact]] = {}
    for fact in facts:
        groups.setdefault(key(fact), []).append(fact)
    return groups


def _counted(days: Iterable[date]) -> dict[date, int]:
    counts: dict[date, int] = {}
    for day in days:
        counts[day] = counts.get(day, 0) + 1
    return counts


def _before(counts: Mapping[date, int], first: date) -> int:
    return sum(count for day, count in counts.items() if day < first)
