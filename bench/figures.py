"""One measured figure: its samples, its target, its median and spread. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

Bound = Literal["<=", ">="]


@dataclass(frozen=True, slots=True)
class Target:
    """A limit that the median must keep."""

    bound: Bound
    limit: float

    def is_met(self, value: float) -> bool:
        return value <= self.limit if self.bound == "<=" else value >= self.limit

    def __str__(self) -> str:
        return f"{self.bound} {number(self.limit)}"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a measurement, one sample a run; without a target it explains another figure."""

    key: str
    what: str
    unit: str
    samples: tuple[float, ...]
    target: Target | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def verdict(self) -> str:
        """Return `met`, `missed`, or '' without a target."""
        if self.target is None:
            return ""
        return "met" if self.target.is_met(self.median) else "missed"

    @property
    def value(self) -> str:
        return _with_unit(number(self.median), self.unit)

    @property
    def spread(self) -> str:
        """Return the lowest and the highest sample, '' for a single one."""
        return "" if len(self.samples) < 2 else f"{number(min(self.samples))} to {number(max(self.samples))}"

    def as_json(self) -> dict[str, Any]:
        """Return the figure with its median for readers of the file; `from_json` ignores what follows from the samples."""
        rounded = tuple(float(f"{sample:.4g}") for sample in self.samples)
        return asdict(self) | {"samples": rounded, "median": float(f"{self.median:.4g}"), "verdict": self.verdict}

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> Self:
        target = Target(**given["target"]) if given["target"] else None
        return cls(given["key"], given["what"], given["unit"], tuple(given["samples"]), target)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that a measurement shows beside its figures, such as the top of a profile."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """The outcome of one measurement; `skipped` names what was not measured, and the reason."""

    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    skipped: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "figures": [figure.as_json() for figure in self.figures],
            "tables": [asdict(table) for table in self.tables],
            "skipped": list(self.skipped),
        }

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> Self:
        tables = (Table(t["title"], tuple(t["columns"]), tuple(map(tuple, t["rows"]))) for t in given["tables"])
        return cls(tuple(map(Figure.from_json, given["figures"])), tuple(tables), tuple(given["skipped"]))


def at_most(limit: float) -> Target:
    return Target("<=", limit)


def at_least(limit: float) -> Target:
    return Target(">=", limit)


def ratios(measured: Sequence[float], yardstick: Sequence[float]) -> tuple[float, ...]:
    """Return the ratio of each run to the yardstick of the same run."""
    return tuple(one / other for one, other in zip(measured, yardstick, strict=True))


def number(value: float) -> str:
    """Return a number with three digits that count, more for a large one."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _with_unit(text: str, unit: str) -> str:
    return f"{text}{unit}" if unit in ("", "x", "%") else f"{text} {unit}"
