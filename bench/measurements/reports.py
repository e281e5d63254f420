"""Time of every report over tables of a million rows and more, for the last day and the last 28 days."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from bench import reports
from bench.effort import Effort
from bench.figures import Figure, Findings, Table, Target, at_most

LIMITS: Final[Mapping[int, Mapping[str, float]]] = {
    1_000_000: {"24h": 0.3, "28d": 0.5},
    10_000_000: {"24h": 0.6, "28d": 1.5},
    50_000_000: {"24h": 1.0, "28d": 4.0},
}
"""Seconds within which 95 of 100 answers must come, by the rows of the table."""
REFUSED: Final = 999.0
"""The seconds of a report that ClickHouse refused: it went beyond its reader's limits."""

Asked = Mapping[str, Mapping[str, float]]


def measure(effort: Effort) -> Findings:
    figures: list[Figure] = []
    tables: list[Table] = []
    for rows in effort.tables:
        effort.say(f"reports over {rows:,} rows")
        found = reports.measure(rows, directory=effort.scratch)
        figures += _figures(rows, found)
        tables.append(_table(rows, found["reports"]))
    return Findings(tuple(figures), tuple(tables))


def _figures(rows: int, found: Mapping[str, Any]) -> Iterator[Figure]:
    limits = LIMITS.get(rows, {})
    for window in reports.WINDOWS:
        for kind, is_published in (("published cells", True), ("rows", False)):
            of_kind = {
                path: _seconds(windows[window])
                for path, windows in found["reports"].items()
                if path.startswith("technical/") == is_published
            }
            slowest = max(of_kind, key=of_kind.__getitem__)
            what = f"p95 of the slowest report over {kind}, {slowest}, {window}, {rows:,} rows"
            key = f"reports.{rows}.{window}.{kind.split()[-1]}"
            yield Figure(key, what, "s", (of_kind[slowest],), _target(limits, window))
    cpu = found["publishing_a_day"]["cpu"]
    yield Figure(
        f"reports.{rows}.publishing", f"CPU of publishing a day of three sites, {rows:,} rows in 28 days", "s", (cpu,)
    )


def _target(limits: Mapping[str, float], window: str) -> Target | None:
    return at_most(limits[window]) if window in limits else None


def _table(rows: int, found: Mapping[str, Asked]) -> Table:
    columns = (
        "report",
        *(f"{window}: {what}" for window in reports.WINDOWS for what in ("p95 s", "CPU s", "rows read")),
    )
    lines = (
        (path, *(cell for window in reports.WINDOWS for cell in _cells(windows[window])))
        for path, windows in found.items()
    )
    return Table(f"reports over {rows:,} rows", columns, tuple(lines))


def _cells(asked: Mapping[str, float]) -> tuple[str, str, str]:
    if "refused" in asked:
        return f"refused ({asked['refused']:.0f})", "", ""
    return f"{asked['p95_s']:.2f}", f"{asked['cpu_s']:.2f}", f"{asked['rows_read']:,.0f}"


def _seconds(asked: Mapping[str, float]) -> float:
    return asked.get("p95_s", REFUSED)
