"""The list of reports, their thresholds, and the period of a report.

Owns the list of report files and the values written into their views. Nothing here opens a connection or asks the clock.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Final, NamedTuple

from pipeline.errors import Fatal
from pipeline.reports.buckets import HOUR, Grain, bucket
from pipeline.reports.header import Family, Report, Value
from pipeline.reports.report_file import read_report
from pipeline.settings.site import Site
from sql import REPORTS_DIR

FAMILIES: Final[tuple[Family, ...]] = ("technical", "fraud", "privacy")
CHANGED_THRESHOLDS: Final = REPORTS_DIR / "thresholds.toml"

_AGO: Final = re.compile(r"(?P<number>\d{1,6})(?P<unit>[hdw])")
_HOURS: Final = {"h": 1, "d": 24, "w": 168}
_YEARS: Final = range(1971, 2105)
"""ClickHouse's `DateTime` reaches from 1970 into 2106; a time outside of it would turn into another one."""


class Period(NamedTuple):
    """Whole hours or days of a time zone, from `since` (included) to `until` (excluded)."""

    since: datetime
    until: datetime


def all_reports(directory: Path = REPORTS_DIR) -> list[Report]:
    """Return every report, by family and name.

    Raises `Fatal` naming file and line of a malformed one.
    """
    return [read_report(family, file) for family in FAMILIES for file in sorted((directory / family).glob("*.sql"))]


def find(name: str, reports: Sequence[Report]) -> Report:
    """Return the report called `family/name`, or just `name` where only one family has it.

    Raises `LookupError` that lists the existing names.
    """
    found = [report for report in reports if name in (report.path, report.name)]
    if len(found) != 1:
        names = ", ".join(report.path for report in found or reports)
        raise LookupError(f"{'several reports are' if found else 'no report is'} called {name}; there are: {names}")
    return found[0]


def thresholds(report: Report, file: Path = CHANGED_THRESHOLDS) -> dict[str, Value]:
    """Return the thresholds in force: the report's own, changed by thresholds.toml.

    Raises `Fatal` for a threshold in that file which the report does not have, or of another type.
    """
    changed: Mapping[str, Any] = (
        tomllib.loads(file.read_text(encoding="utf-8")).get(report.purpose, {}).get(report.name, {})
    )
    own = {name: threshold.default for name, threshold in report.thresholds.items()}
    for name, value in changed.items():
        if type(value) is not type(own.get(name)):
            kind = f"a value like {own[name]!r}" if name in own else f"one of {', '.join(own) or 'none'}"
            raise Fatal(f"{file}: [{report.purpose}.{report.name}] {name}: expected {kind}")
    return {**own, **changed}


def parameters(report: Report, site: str, period: Period, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the value of each parameter of a report as ClickHouse reads it.

    Raises `LookupError` for a parameter without a value, or one that the report does not have.
    """
    since, until = (_clickhouse_time(moment) for moment in period)
    defaults = {name: str(each.default) for name, each in report.parameters.items() if each.default is not None}
    asked = {"site": site, "since": since, "until": until}
    given = defaults | {name: value for name, value in asked.items() if name in report.parameters} | dict(more or {})
    if given.keys() != report.parameters.keys():
        odd = min(given.keys() ^ report.parameters.keys())
        raise LookupError(f"{report.path}: {odd}: expected values for {', '.join(report.parameters)}")
    return given


def zone_of(report: Report, site: Site) -> tzinfo:
    """Return the time zone in which a report is asked and answered: that of its site, UTC where it has none."""
    return site.zone if "site" in report.parameters and site.timezone != "UTC" else UTC


def read_period(since: str, until: str, now: datetime, zone: tzinfo = UTC, step: Grain = "hour") -> Period:
    """Read two times, each ISO 8601 (in `zone` without an offset) or an age (`24h`, `7d`, `2w`), as whole hours of `zone`, or whole days.

    `0h` as `until` is the end of the hour or day of `now`. Raises `ValueError` that quotes the time.
    """
    first, last = _time(since, now, zone), _time(until, now, zone)
    if first >= last:
        raise ValueError(f"{since} is not before {until}: expected the earlier time first")
    start, end = bucket(step, first, zone).start, bucket(step, last - timedelta(microseconds=1), zone).end
    return Period(start.astimezone(zone), end.astimezone(zone))


def _time(text: str, now: datetime, zone: tzinfo) -> datetime:
    try:
        moment = _moment(text, now, zone)
    except OverflowError:
        moment = datetime.min.replace(tzinfo=UTC)
    if moment.year not in _YEARS:
        raise ValueError(f"{text} is outside of all stored times: expected a time of {_YEARS[0]} to {_YEARS[-1]}")
    return moment


def _moment(text: str, now: datetime, zone: tzinfo) -> datetime:
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now.astimezone(UTC) - HOUR * int(ago["number"]) * _HOURS[ago["unit"]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time: expected 24h, 7d, 2w or a time like 2026-11-22T14:00") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _clickhouse_time(moment: datetime) -> str:
    # ClickHouse refuses a trailing Z and offsets in a parameter.
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
