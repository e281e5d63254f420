"""Reports: SQL files that become parameterised views, and the way to ask one.

Owns which reports there are, the text of their views, and how they are run. Rules:

* `<family>.<name>` is a view with definer `pixel_viewer`, so a purpose is a grant on one database.
* Suppression (sql/views/suppressed.sql) and thresholds are written into the view; a caller gives site and time only.
* A report is run as the role of its family, never as a stronger user.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.database.client import code, connect, explain
from pipeline.errors import Fatal
from pipeline.reports.header import PLACEHOLDER, Family, Report, read_report
from pipeline.settings import Settings
from sql import REPORTS_DIR, VIEWS_DIR

OTHER: Final = "other"
HOUR: Final = timedelta(hours=1)
MISSING: Final = {46, 60, 81}
"""ClickHouse's numbers for an unknown function (which a parameterised view looks like), table and database."""

_AGO: Final = re.compile(r"(?P<number>\d{1,6})(?P<unit>[hdw])")
_HOURS: Final = {"h": 1, "d": 24, "w": 168}


class Table(NamedTuple):
    """The rows of a report, in the order of its columns."""

    columns: tuple[str, ...]
    rows: list[tuple[object, ...]]


class Period(NamedTuple):
    """Whole hours in UTC: `since` belongs to it, `until` no more."""

    since: datetime
    until: datetime


def all_reports(directory: Path = REPORTS_DIR) -> list[Report]:
    """Return every report, by family and name.

    Raises `Fatal` naming file and line of a malformed header.
    """
    families: tuple[Family, ...] = ("technical", "fraud", "privacy")
    return [read_report(family, file) for family in families for file in sorted((directory / family).glob("*.sql"))]


def find(name: str, reports: Sequence[Report]) -> Report:
    """Return the report called `family/name`, or just `name` where only one family has it.

    Raises `LookupError` with the names there are.
    """
    found = [report for report in reports if name in (report.path, report.name)]
    if len(found) != 1:
        names = ", ".join(report.path for report in found or reports)
        raise LookupError(f"{'several reports are' if found else 'no report is'} called {name}; there are: {names}")
    return found[0]


def constants(report: Report, settings: Settings, file: Path = REPORTS_DIR / "thresholds.toml") -> dict[str, int]:
    """Return the thresholds that are written into the report's view, from settings and thresholds.toml.

    Raises `Fatal` on a missing one.
    """
    configured = tomllib.loads(file.read_text(encoding="utf-8")).get(report.family, {}).get(report.name, {})
    known: Mapping[str, int] = {
        "min_visitors": settings.privacy.min_visitors,
        "min_visitors_sensitive": max(settings.privacy.min_visitors, settings.privacy.min_visitors_sensitive),
        "tokens_days": settings.retention.tokens_days,
        **configured,
    }
    for name in report.thresholds:
        if type(known.get(name)) is not int:
            raise Fatal(f"{file}: [{report.family}.{report.name}] {name}: expected a whole number")
    return dict(known)


def view_sql(report: Report, settings: Settings) -> str:
    """Return the statement that makes or replaces the report's view."""
    body = _suppressed(report) if report.suppressed else report.sql
    fixed = constants(report, settings)

    def written(match: re.Match[str]) -> str:
        return f"toUInt64({fixed[match[1]]})" if match[1] in fixed else match[0]

    return (
        f"CREATE OR REPLACE VIEW {report.family}.{report.name} DEFINER = pixel_viewer SQL SECURITY DEFINER AS\n"
        f"/* {report.path} */\n{PLACEHOLDER.sub(written, body)}"
    )


def view_statements(settings: Settings) -> list[str]:
    """Return one statement for each view there should be; without fraud review there is no fraud view."""
    families = {"technical", "privacy", *(["fraud"] if settings.fraud.enabled else [])}
    return [view_sql(report, settings) for report in all_reports() if report.family in families]


def period(since: str, until: str, now: datetime) -> Period:
    """Read two times, each ISO 8601 (UTC unless it says otherwise) or how long ago (`24h`, `7d`, `2w`), as whole hours.

    `0h` as `until` is the next full hour. Raises `ValueError` that quotes what was given.
    """
    first, last = _time(since, now), _time(until, now)
    floor = first.replace(minute=0, second=0, microsecond=0)
    ceiling = (last + HOUR - timedelta(microseconds=1)).replace(minute=0, second=0, microsecond=0)
    if floor >= ceiling:
        raise ValueError(f"nothing lies between {since} and {until}: expected the earlier time first")
    return Period(floor, ceiling)


def run(settings: Settings, report: Report, site: str, since: datetime, until: datetime) -> Table:
    """Ask a report as the role of its family.

    Raises `Fatal` where its view is not there, `Retryable` where ClickHouse is away.
    """
    if report.family == "fraud" and not settings.fraud.enabled:
        raise Fatal("fraud.enabled is false in the settings, so there are no fraud reports; see docs/legal-mapping.md")
    values = {"site": site, "since": _clickhouse_time(since), "until": _clickhouse_time(until)}
    given = ", ".join(f"{each.name}={{{each.name}:{each.type}}}" for each in report.parameters)
    client = connect(settings, report.role)
    try:
        answer = client.query(
            f"SELECT * FROM {report.family}.{report.name}({given})",  # noqa: S608 - names come from checked files
            parameters={each.name: values[each.name] for each in report.parameters},
        )
    except ClickHouseError as error:
        if code(error) in MISSING:
            raise Fatal(f"the view {report.family}.{report.name} is not there; run `clinic-pixel migrate`") from None
        raise explain(error, settings, report.role) from None
    finally:
        client.close()
    # An empty answer comes without names.
    columns = answer.column_names or [column.name for column in report.columns]
    return Table(tuple(columns), [tuple(row) for row in answer.result_rows])


def answer(report: Report, table: Table, language: str) -> str:
    """Return the report's answer in words, told by its highest ranked row; '' where there is none to tell."""
    place = table.columns.index(report.rank)
    rows = [row for row in table.rows if not (report.suppressed and row[0] == OTHER)]
    if not rows:
        return ""
    first: tuple[object, ...] = max(rows, key=lambda row: _rank(row[place]))
    words = {
        name: spelled(value, language) if isinstance(value, int) else value
        for name, value in zip(table.columns, first, strict=True)
    }
    return " ".join(report.text("answer", language).format_map(words).split())


def limits(report: Report, settings: Settings, language: str) -> str:
    """Return what the report cannot know, with the thresholds in force."""
    return report.text("limits", language).format_map(constants(report, settings))


def spelled(number: int, language: str) -> str:
    """Return a number grouped as the reader is used to: 1,234 or 1 234 (with a no-break space)."""
    return f"{number:,}".replace(",", "\N{NO-BREAK SPACE}" if language == "ru" else ",")


def _suppressed(report: Report) -> str:
    keys, measures = report.named("key"), report.named("measure")
    places = {name: f"keys[{place}] AS {name}" for place, name in enumerate(keys, start=1)}
    places |= {name: f"numbers[{place}] AS {name}" for place, name in enumerate(measures, start=1)}
    places |= {name: f"distinct_visitors AS {name}" for name in report.named("visitors")}
    parts = {
        "cells": report.sql,
        "keys": ", ".join(f"toString({name})" for name in keys),
        "measures": ", ".join(f"toUInt64({name})" for name in measures),
        "columns": ", ".join(places[column.name] for column in report.columns),
        "order": report.order,
    }
    frame = (VIEWS_DIR / "suppressed.sql").read_text(encoding="utf-8")
    code = "\n".join(line for line in frame.splitlines() if not line.startswith("--"))
    # One pass, so that a `$` in a report is never taken for a part.
    return re.sub(r"\$(\w+)", lambda match: parts[match[1]], code)


def _time(text: str, now: datetime) -> datetime:
    ago = _AGO.fullmatch(text)
    if ago is not None:
        try:
            return now - HOUR * int(ago["number"]) * _HOURS[ago["unit"]]
        except OverflowError:
            raise ValueError(f"{text} lies before all calendars: expected a shorter time") from None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time: expected 24h, 7d, 2w or a time like 2026-11-22T14:00") from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _clickhouse_time(moment: datetime) -> str:
    # ClickHouse refuses a trailing Z and offsets in a parameter.
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _rank(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
