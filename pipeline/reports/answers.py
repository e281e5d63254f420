"""The rows of a report in the words of its reader.

Owns the answer in one sentence, the limits, and the form of a value in a table; JSON and CSV show the values themselves.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from pipeline.reports.catalogue import thresholds
from pipeline.reports.header import Report
from pipeline.settings.model import Settings


class Table(NamedTuple):
    """The rows of a report, in the order of its columns."""

    columns: tuple[str, ...]
    rows: list[tuple[object, ...]]


def answer(report: Report, table: Table, language: str) -> str:
    """Return the report's answer in words, from its highest ranked row; '' where no row can be named."""
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    named = [row for row in rows if not row.get("folded")]
    if not named:
        return ""
    first = max(named, key=lambda row: _rank(row[report.rank]))
    words = {name: spelled(value, language) for name, value in first.items()}
    return " ".join(report.words(language).answer.format_map(words).split())


def limits(report: Report, settings: Settings, language: str) -> str:
    """Return the limits of the report in words, with the thresholds in force."""
    return report.words(language).limits.format_map(thresholds(report, settings))


def for_eyes(report: Report, table: Table) -> Table:
    """Return the table for a person: times to the minute, with the offset where the zone is not UTC, `other` for the folded row instead of its flag."""
    if not report.suppressed:
        return Table(table.columns, [tuple(_shown(value) for value in row) for row in table.rows])
    rows = []
    for *values, folded in table.rows:
        first = "other" if folded else _shown(values[0])
        rows.append((first, *(_shown(value) for value in values[1:])))
    return Table(table.columns[:-1], rows)


def spelled(value: object, language: str) -> str:
    """Return a value in a sentence: a time with its zone, the digits of a number grouped by the language.

    1,234 in English, 1 234 with a no-break space in Russian.
    """
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\N{NO-BREAK SPACE}" if language == "ru" else ",")
    if isinstance(value, datetime) and value.tzname() == "UTC":
        return f"{time_text(value)} UTC"
    return str(_shown(value))


def time_text(moment: datetime) -> str:
    """Return a time to the minute, with its offset where its zone is not UTC.

    The offset tells the two hours apart that have one name when summer time ends.
    """
    return f"{moment:%Y-%m-%d %H:%M}" if moment.tzname() == "UTC" else moment.isoformat(" ", "minutes")


def _shown(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return time_text(value)
    return f"{value:%Y-%m-%d}" if isinstance(value, date) else value


def _rank(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
