"""Timing that a shared machine can't spoil: contestants take turns, medians are compared, ratios are what counts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Measure:
    """One thing to time. `actions` maps a contestant to what is timed; `before` runs untimed ahead of each."""

    name: str
    actions: Mapping[str, Callable[[], object]]
    before: Callable[[str], object] | None = None
    runs: int = 7
    warmups: int = 1
    goals: tuple[Goal, ...] = ()


@dataclass(frozen=True)
class Goal:
    """izba's median is at most `factor` times that of `peer`, or at most `seconds`."""

    factor: float | None = None
    peer: str = "docker"
    seconds: float | None = None

    def verdict(self, medians: Mapping[str, float]) -> str:
        own = medians["izba"]
        if self.seconds is not None:
            word = "met" if own <= self.seconds else "MISSED"
            return f"at most {self.seconds * 1000:.0f} ms: {word}"
        if self.factor is None or self.peer not in medians:
            return f"{self.peer} did not run"
        word = "met" if own <= self.factor * medians[self.peer] else "MISSED"
        return f"at most {self.factor:g} of {self.peer}: {word}"


@dataclass
class Outcome:
    """The seconds of each contestant's runs, and contestants that failed with their reason."""

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
                action()
                elapsed = time.perf_counter() - start
            except RuntimeError as error:
                outcome.failures[name] = str(error)
                outcome.seconds.pop(name, None)
                continue
            if turn >= measure.warmups:
                outcome.seconds[name].append(elapsed)
    return outcome


def report(outcome: Outcome) -> str:
    """The rows of one measure: minimum, median, maximum in milliseconds and izba's ratio to each peer."""
    medians = outcome.medians
    lines = [f"\n{outcome.measure.name}"]
    for name, values in outcome.seconds.items():
        ratio = (
            f"   izba is {medians['izba'] / medians[name]:.2f} of it" if name != "izba" and "izba" in medians else ""
        )
        row = "  ".join(f"{value * 1000:9.1f}" for value in (min(values), medians[name], max(values)))
        lines.append(f"  {name:<16}{row} ms{ratio}")
    lines += [f"  {name:<16}failed: {reason}" for name, reason in outcome.failures.items()]
    if "izba" in medians:
        lines += [f"  goal: {goal.verdict(medians)}" for goal in outcome.measure.goals]
    return "\n".join(lines)
