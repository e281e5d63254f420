"""`make bench-check`: compare a short run with the committed results; fail on a loss that two more measurements confirm.

Compared are counts, which are exact, and ratios of CPU time or of interleaved times, which a busy machine changes little:
no time of its own.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from rich.progress import Progress, TimeElapsedColumn

from bench import results
from bench.effort import Effort
from bench.figures import Figure, Findings, number
from bench.measurements import calls, collector, drain, tag
from pipeline.system.console import errors, print_rows

CONFIRMATIONS = 2


class Guard(NamedTuple):
    """A figure that is compared, of which less is better; `allowed` is the growth that fails, as a share."""

    key: str
    allowed: float = 0.3

    def loss(self, committed: float, now: float) -> float:
        """Return by which share of the committed value it grew; negative when it is better."""
        return now / committed - 1

    def is_lost(self, committed: float, now: float) -> bool:
        return self.loss(committed, now) >= self.allowed


class Group(NamedTuple):
    """The guards that one measurement measures together."""

    measure: Callable[[Effort], Findings]
    guards: tuple[Guard, ...]
    runs: int = 1
    is_exact: bool = False
    """Counts and sizes: the same on every machine, however busy it is."""


EXACT = 0.1
GROUPS = (
    Group(tag.measure, (Guard("tag.gzip_bytes", allowed=EXACT),), is_exact=True),
    Group(
        calls.measure,
        (
            Guard("calls.hit", allowed=EXACT),
            Guard("calls.hit_adversarial", allowed=EXACT),
            Guard("calls.shipped", allowed=EXACT),
        ),
        is_exact=True,
    ),
    Group(
        collector.guarded,
        (Guard("collector.fsync.cpu_ratio"), Guard("collector.adversarial.cpu_ratio")),
        runs=5,
    ),
    Group(drain.measure, (Guard("drain.cpu_ratio"),), runs=3),
)
SECONDS, EVENTS = 1.0, 100_000


class Outcome(NamedTuple):
    """A guard and its medians: committed, and of each measurement now."""

    guard: Guard
    what: str
    committed: float
    now: tuple[float, ...]

    @property
    def is_lost(self) -> bool:
        """Return whether every measurement shows the loss."""
        return all(self.guard.is_lost(self.committed, one) for one in self.now)


def compare(group: Group, committed: Mapping[str, Figure], measure: Callable[[], Findings]) -> list[Outcome]:
    """Measure a group, and again while a guard looks lost; return the outcomes of the guards that were measured."""
    seen: dict[str, list[float]] = {}
    outcomes: list[Outcome] = []
    for _ in range(1 + CONFIRMATIONS):
        for figure in measure().figures:
            seen.setdefault(figure.key, []).append(figure.median)
        outcomes = [
            Outcome(guard, committed[guard.key].what, committed[guard.key].median, tuple(seen[guard.key]))
            for guard in group.guards
            if guard.key in committed and guard.key in seen
        ]
        if not any(outcome.is_lost for outcome in outcomes):
            break
    return outcomes


def comparable(known: Mapping[str, results.Result], python: str) -> dict[str, Figure]:
    """Return the committed figures that hold here: another version of Python makes other calls."""
    return {
        key: figure
        for name, result in known.items()
        for key, figure in results.by_key({name: result}).items()
        if name != "calls" or _minor(result.machine["Python"]) == _minor(python)
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.check", description=__doc__)
    parser.add_argument("--exact", action="store_true", help="only counts and sizes, which no machine changes")
    groups = [group for group in GROUPS if group.is_exact or not parser.parse_args().exact]
    committed = comparable(results.read(), platform.python_version())
    outcomes: list[Outcome] = []
    with Progress(
        "{task.description}", TimeElapsedColumn(), console=errors, disable=not errors.is_terminal, transient=True
    ) as progress:
        task = progress.add_task("starting")
        effort = Effort(Path(), lambda text: progress.update(task, description=text), seconds=SECONDS, events=EVENTS)
        for group in groups:
            outcomes += compare(group, committed, lambda group=group: _measured(group, effort))  # type: ignore[misc]
    _show(outcomes)
    for key in _not_compared(groups, outcomes):
        errors.print(f"bench-check: {key} is not compared", highlight=False)
    sys.exit(1 if any(outcome.is_lost for outcome in outcomes) else 0)


def _measured(group: Group, effort: Effort) -> Findings:
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        return group.measure(replace(effort, scratch=Path(scratch), runs=group.runs))


def _not_compared(groups: Iterable[Group], outcomes: Iterable[Outcome]) -> list[str]:
    compared = {outcome.guard.key for outcome in outcomes}
    return [guard.key for group in groups for guard in group.guards if guard.key not in compared]


def _show(outcomes: Iterable[Outcome]) -> None:
    rows = [
        (
            outcome.what,
            number(outcome.committed),
            ", ".join(map(number, outcome.now)),
            f"{outcome.guard.loss(outcome.committed, outcome.now[-1]):+.0%}",
            f"{outcome.guard.allowed:.0%}",
            "lost" if outcome.is_lost else "kept",
        )
        for outcome in outcomes
    ]
    print_rows(("what", "committed", "now", "loss", "allowed", "verdict"), rows)


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


if __name__ == "__main__":
    main()
