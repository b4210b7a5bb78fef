"""Timing that a shared machine can't spoil: contestants take turns, medians are compared, ratios are what counts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Measure:
    """One thing to time. `actions` maps a contestant to what is timed; `before` runs untimed ahead of each.

    With a `unit`, what counts is the number that an action returns, and more is better.
    """

    name: str
    actions: Mapping[str, Callable[[], object]]
    before: Callable[[str], object] | None = None
    runs: int = 7
    warmups: int = 1
    goals: tuple[Goal, ...] = ()
    unit: str = ""


@dataclass(frozen=True)
class Goal:
    """izba's median is at most `factor` times that of `peer`, or at most `seconds`; where more is better, at least
    that, or at least `figure`.
    """

    factor: float | None = None
    peer: str = "docker"
    seconds: float | None = None
    figure: float | None = None
    izba: str = "izba"

    def verdict(self, medians: Mapping[str, float], *, unit: str = "") -> str:
        own = medians[self.izba]
        if self.figure is not None:
            return f"at least {self.figure:g} {unit}: {'met' if own >= self.figure else 'MISSED'}"
        if self.seconds is not None:
            word = "met" if own <= self.seconds else "MISSED"
            return f"at most {self.seconds * 1000:.0f} ms: {word}"
        if self.factor is None or self.peer not in medians:
            return f"{self.peer} did not run"
        wanted = self.factor * medians[self.peer]
        word = "met" if (own >= wanted if unit else own <= wanted) else "MISSED"
        return f"{'at least' if unit else 'at most'} {self.factor:g} of {self.peer}: {word}"


@dataclass
class Outcome:
    """The seconds (or figures) of each contestant's runs, and contestants that failed with their reason."""

    measure: Measure
    seconds: dict[str, list[float]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def medians(self) -> dict[str, float]:
        return {name: statistics.median(values) for name, values in self.seconds.items() if values}


def run(measure: Measure) -> Outcome:
    """Let the contestants take turns; one that fails is out, with its reason."""
    outcome = Outcome(measure, {name: [] for name in measure.actions})
    for turn in range(measure.warmups + measure.runs):
        for name, action in measure.actions.items():
            if name in outcome.failures:
                continue
            try:
                if measure.before:
                    measure.before(name)
                start = time.perf_counter()
                figure = action()
                elapsed = time.perf_counter() - start
            except RuntimeError as error:
                outcome.failures[name] = str(error)
                outcome.seconds.pop(name, None)
                continue
            if turn >= measure.warmups:
                outcome.seconds[name].append(float(str(figure)) if measure.unit else elapsed)
    return outcome


def report(outcome: Outcome) -> str:
    """The rows of one measure: minimum, median, maximum in milliseconds and izba's ratio to each peer."""
    medians = outcome.medians
    unit = outcome.measure.unit
    scale, digits = (1, 1 if max(medians.values(), default=0) < 1000 else 0) if unit else (1000, 1)
    lines = [f"\n{outcome.measure.name}"]
    for name, values in outcome.seconds.items():
        ratio = (
            f"   izba is {medians['izba'] / medians[name]:.2f} of it" if name != "izba" and "izba" in medians else ""
        )
        row = "  ".join(f"{value * scale:9.{digits}f}" for value in (min(values), medians[name], max(values)))
        lines.append(f"  {name:<16}{row} {unit or 'ms'}{ratio}")
    lines += [f"  {name:<16}failed: {reason}" for name, reason in outcome.failures.items()]
    for goal in outcome.measure.goals:
        if goal.izba in medians:
            lines.append(f"  goal: {goal.verdict(medians, unit=unit)}")
    return "\n".join(lines)
