"""Public series of other people's traffic, evaluated hour by hour: windows that were hit, and false hours outside of them.

`python -m bench.problems.public DIRECTORY` reads the Numenta Anomaly Benchmark (numenta/NAB, `data/real*` and its windows) and the daily requests of OpenCitations
(opencitations/oc-botwatch) and writes `results-public.json`, without the series. The numbers are fed as people and views of a whole site, so the
watches `all_traffic` and `traffic_spike` are the only ones that have numbers to look at.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from pipeline.detection.detect import SEASON_DAYS
from pipeline.detection.look import Look
from pipeline.detection.series import HOUR, SITE, Counted, Table
from pipeline.problems.counting import HISTORY_DAYS
from pipeline.problems.evaluate import evaluate
from pipeline.problems.problem import Problem

RESULTS: Final = Path(__file__).with_name("results-public.json")
NAB: Final = "timeseries-nab"
OPENCITATIONS: Final = "timeseries-opencitations-2026"
COUNTS: Final[Mapping[str, str]] = {
    "realAWSCloudwatch/elb_request_count_8c0756.csv": "requests of a load balancer",
}
"""The series of NAB that count traffic."""
VOLUMES: Final[Mapping[str, str]] = {
    "realAWSCloudwatch/ec2_network_in_257a54.csv": "bytes received by a server",
}
"""Not counts, but amounts that add up; given in thousands."""
OTHERS: Final[Mapping[str, str]] = {
    "realAdExchange/exchange-2_cpc_results.csv": "price of a click",
    "realAdExchange/exchange-2_cpm_results.csv": "price of a thousand views",
    "realKnownCause/ec2_request_latency_system_failure.csv": "time of an answer",
    "realKnownCause/rogue_agent_key_hold.csv": "time between keys",
    "realKnownCause/rogue_agent_key_updown.csv": "time between keys",
    "realTraffic/occupancy_6005.csv": "percent of time with a car over a sensor",
    "realTraffic/occupancy_t4013.csv": "percent of time with a car over a sensor",
    "realTraffic/speed_6005.csv": "speed of cars",
    "realTraffic/speed_t4013.csv": "speed of cars",
}
"""Prices, times, percents and speeds: no sum of them is a number of people."""
_UTC: Final = ZoneInfo("UTC")
_MONTH: Final = 30 * 24
_LEAST_DAYS: Final = 4
FELL: Final = 0.5
ROSE: Final = 3.0
"""The changes that the two watches look for: a loss of a half, and three times as many."""

Window = tuple[datetime, datetime]


class Series(NamedTuple):
    """A count by hour from `start` on; `windows` are the times in which something was wrong, by the labels of people or by `odd_days`."""

    name: str
    source: str
    kind: str
    start: datetime
    numbers: Sequence[int]
    windows: Sequence[Window]


class Judged(NamedTuple):
    """The problems that the engine named in a series.

    `looks` are the hours in which it may say something. Of the windows, `judged` overlap with them and `hit` contain an hour with an active problem. `outside` are the looks
    outside of all windows, `false` those of them with an active problem. `named` lists the problems, each time that one opened: the watch, the hour in which it was named, and
    the seen part of the expected number then.
    """

    looks: int
    windows: int
    judged: int
    hit: int
    outside: int
    false: int
    named: Sequence[tuple[str, str, float]]

    @property
    def false_in_30_days(self) -> float:
        """False hours in 30 days of looks outside of the windows."""
        return self.false * _MONTH / max(self.outside, 1)


def read_series(data: Path) -> Iterator[Series]:
    """Yield the counts of both sources below `data`; raises `OSError` when a file is missing."""
    labels = json.loads((data / NAB / "windows.json").read_text(encoding="utf-8"))
    for name, kind in {**COUNTS, **VOLUMES}.items():
        windows = [(_time(begin), _time(end)) for begin, end in labels[name]]
        with (data / NAB / name).open(encoding="utf-8", newline="") as file:
            values = [(_time(row["timestamp"]), float(row["value"])) for row in csv.DictReader(file)]
        start, numbers = by_hour(values, scale=0.001 if name in VOLUMES else 1.0)
        yield Series(Path(name).stem, "NAB", kind, start, numbers, windows)
    with (data / OPENCITATIONS / "daily_traffic_by_service.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for category, service in sorted({(row["category"], row["service"]) for row in rows}):
        days = [
            (_time(row["date"]), int(row["count"]))
            for row in rows
            if (row["category"], row["service"]) == (category, service)
        ]
        start, numbers = by_day(days)
        yield Series(f"{category} {service}", "OpenCitations", "requests of a day", start, numbers, odd_days(days))


def by_hour(values: Sequence[tuple[datetime, float]], *, scale: float = 1.0) -> tuple[datetime, list[int]]:
    """Return the begin of the first whole hour, and the sums of the whole hours; values are in order of time."""
    first, last = _hour(values[0][0]) + HOUR, _hour(values[-1][0])
    sums = [0.0] * ((last - first) // HOUR)
    for moment, value in values:
        if first <= moment < last:
            sums[(moment - first) // HOUR] += value * scale
    return first, [round(each) for each in sums]


def by_day(days: Sequence[tuple[datetime, int]]) -> tuple[datetime, list[int]]:
    """Return the first midnight, and the number of each day spread over its hours; a day without a row is zero."""
    numbers = dict(days)
    first, last = min(numbers), max(numbers)
    found: list[int] = []
    for day in range((last - first).days + 1):
        whole, rest = divmod(numbers.get(first + timedelta(days=day), 0), 24)
        found += [whole + (hour < rest) for hour in range(24)]
    return first, found


def odd_days(days: Sequence[tuple[datetime, int]]) -> list[Window]:
    """Return the days, joined where they follow each other, with at most a half or at least three times of the usual number.

    Usual is the median of the same kind of day, working day or weekend, in the four weeks before: no person's judgement, and another way than the engine's.
    """
    found: list[Window] = []
    for day, number in days:
        before = [
            other
            for at, other in days
            if day - timedelta(days=28) <= at < day and (at.weekday() >= 5) is (day.weekday() >= 5)
        ]
        usual = median(before) if len(before) >= _LEAST_DAYS else 0.0
        if usual and not FELL < number / usual < ROSE:
            end = day + timedelta(days=1)
            if found and found[-1][1] == day:
                found[-1] = (found[-1][0], end)
            else:
                found.append((day, end))
    return found


def judge(series: Series) -> Judged:
    """Evaluate a series hour by hour as the product does, with the history that the product reads."""
    problems: list[Problem] = []
    named: list[tuple[str, str, float]] = []
    looks = outside = false = 0
    judged: set[Window] = set()
    hit: set[Window] = set()
    for size in range(1, len(series.numbers) + 1):
        table = _table(series, size)
        before = {problem.id for problem in problems if problem.is_active}
        problems = evaluate(table, "public", problems)
        if Look(table).history_days < SEASON_DAYS:
            continue
        looks += 1
        active = [problem for problem in problems if problem.is_active]
        named += [_named(problem, table.until) for problem in active if problem.id not in before]
        around = {window for window in series.windows if window[0] < table.until <= window[1] + HOUR}
        judged |= around
        hit |= around if active else set()
        outside += not around
        false += bool(active) and not around
    return Judged(looks, len(series.windows), len(judged), len(hit), outside, false, named)


def results(data: Path) -> list[dict[str, Any]]:
    """Return the outcome of each series, and a line for each series that is no count."""
    found: list[dict[str, Any]] = []
    for series in read_series(data):
        outcome = judge(series)
        facts = {"series": series.name, "source": series.source, "kind": series.kind, "hours": len(series.numbers)}
        found.append({**facts, **outcome._asdict(), "false_in_30_days": round(outcome.false_in_30_days, 1)})
    found += [
        {"series": Path(name).stem, "source": "NAB", "kind": kind, "looks": None} for name, kind in OTHERS.items()
    ]
    return found


def _named(problem: Problem, now: datetime) -> tuple[str, str, float]:
    return problem.watch, f"{now:%Y-%m-%d %H}", round(problem.facts.seen / max(problem.facts.expected, 1.0), 2)


def _table(series: Series, size: int) -> Table:
    first = max(0, size - HISTORY_DAYS * 24)
    start = series.start + first * HOUR
    rows = (
        Counted(start + place * HOUR, SITE, number, number, {})
        for place, number in enumerate(series.numbers[first:size])
    )
    return Table(start, series.start + size * HOUR, rows, _UTC)


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m bench.problems.public DIRECTORY")
    lines = ",\n".join(json.dumps(each) for each in results(Path(sys.argv[1])))
    RESULTS.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
