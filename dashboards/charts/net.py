"""Ad views and paid landings of each day, gross and net: what the toggle counts, and their bars."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from dashboards.charts.stack import Stack, stack

Row = Mapping[str, Any]
NETS: Final[Mapping[str, tuple[str, ...]]] = {
    "gross": ("valid", "confirmed", "robots", "own"),
    "givt": ("valid", "confirmed"),
    "sivt": ("valid",),
}
"""What each side of the toggle counts, the lowest part of a bar first."""
MEASURES: Final = ("impressions", "paid_landings")


class Measure(NamedTuple):
    """Ad views or paid landings of the period: the sum of each part, what the toggle counts of them, and their bars by day."""

    name: str
    parts: Mapping[str, int]
    shown: tuple[str, ...]
    chart: Stack

    @property
    def counted(self) -> int:
        """What the toggle counts."""
        return sum(self.parts[part] for part in self.shown)


def measures(rows: Sequence[Row], runs: Sequence[Row], days: Sequence[date], net: str) -> list[Measure]:
    """Return the measures of days from rows of `fraud.totals`; a day that was not scored and has no row is a gap."""
    scored = {run["day"] for run in runs}
    by_day: dict[date, list[Row]] = defaultdict(list)
    for row in rows:
        by_day[row["day"]].append(row)
    made = []
    for measure in MEASURES:
        of_days = {day: _parts(by_day[day], measure) for day in days if day in by_day or day in scored}
        shown = NETS[net]
        bars = [[of_days[day][part] for part in shown] if day in of_days else None for day in days]
        sums = {part: sum(of_day[part] for of_day in of_days.values()) for part in NETS["gross"]}
        made.append(Measure(measure, sums, shown, stack(days, shown, bars)))
    return made


def _parts(rows: Iterable[Row], measure: str) -> dict[str, int]:
    gross, known, valid, own = (
        sum(row[name] for row in rows)
        for name in (measure, f"{measure}_without_givt", f"{measure}_valid", f"own_{measure}")
    )
    return {"valid": valid, "confirmed": known - valid, "robots": gross - known, "own": own}
