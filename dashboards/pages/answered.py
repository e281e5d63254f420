"""A report as a page shows it: the answer in words, the table with its bars, the chart.

Owns the cells of a table. Numbers and words are those of `pipeline.reports.answers`, which the terminal prints, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from dashboards.charts.bars import lengths
from dashboards.charts.line import Line, Mark, Point, line
from dashboards.view import View
from dashboards.words.catalogue import column_meaning, column_title, value_title
from pipeline.reports import answers
from pipeline.reports.catalogue import Period, zone_of
from pipeline.reports.header import Report
from pipeline.reports.run import run

MOST_ROWS = 500
"""Rows of a page; the download has all of them."""


class Column(NamedTuple):
    """The head of a column."""

    title: str
    meaning: str
    is_number: bool


class Cell(NamedTuple):
    """One cell; `length` is that of its bar in hundredths, and `href` where it leads."""

    text: str
    is_number: bool
    length: int | None = None
    href: str = ""


class Shown(NamedTuple):
    """A report, answered for a period."""

    report: Report
    period: Period
    told: str
    limits: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    left_out: int
    chart: Line | None


def period_of(view: View, report: Report) -> Period:
    """Return the period of the address as the report takes it."""
    return view.period(report.step, zone_of(report, view.site))


def answered(view: View, report: Report, period: Period, marks: Sequence[Mark] = ()) -> Shown:
    """Ask a report as the user of the person's role; raises what `run` raises."""
    if told := answers.not_configured(report, view.site, view.language):
        return Shown(report, period, told, answers.limits(report, view.language), (), (), 0, None)
    with view.ask() as client:
        table = run(view.settings, report, view.site.id, *period, more=_own(view, report), client=client)
    screen = answers.for_screen(report, answers.for_eyes(report, table, view.language))
    rows, left_out = screen.rows[:MOST_ROWS], max(0, len(screen.rows) - MOST_ROWS)
    numbers = [any(isinstance(row[place], int | float) for row in rows) for place in range(len(screen.columns))]
    lanes = [
        lengths([row[place] for row in rows]) if numbers[place] else [None] * len(rows)
        for place in range(len(screen.columns))
    ]
    return Shown(
        report,
        period,
        answers.answer(report, in_words(table, view.language), view.language)
        or ("" if table.rows else view.words.say("nothing_published")),
        answers.limits(report, view.language),
        [_column(report, name, view, is_number=numbers[place]) for place, name in enumerate(screen.columns)],
        [
            [
                _cell(screen.columns[place], value, lanes[place][number], view, is_number=numbers[place])
                for place, value in enumerate(row)
            ]
            for number, row in enumerate(rows)
        ],
        left_out,
        _chart(report, table, period, marks),
    )


def in_words(table: answers.Table, language: str) -> answers.Table:
    """Return a table with the words for the values of closed lists, as the cells of a page have them."""
    rows = [
        tuple(
            value_title(name, value, language) if isinstance(value, str) else value
            for name, value in zip(table.columns, row, strict=True)
        )
        for row in table.rows
    ]
    return answers.Table(table.columns, rows)


def _own(view: View, report: Report) -> Mapping[str, str]:
    return {
        name: view.query[name][:200]
        for name in report.parameters
        if name in view.query and name not in ("site", "since", "until")
    }


def _column(report: Report, name: str, view: View, *, is_number: bool) -> Column:
    return Column(column_title(name, view.language), column_meaning(report, name, view.language), is_number)


def _cell(column: str, value: object, length: int | None, view: View, *, is_number: bool) -> Cell:
    is_written = isinstance(value, int | float)
    text = view.words.written(value) if is_written else value_title(column, str(value), view.language)
    return Cell(text, is_number, length)


def _chart(report: Report, table: answers.Table, period: Period, marks: Sequence[Mark]) -> Line | None:
    """Return the line of a report whose rows are spans: the number of its people, with gaps where there is none."""
    start = next(iter(report.named("start")), "")
    people = next(iter(report.named("visitors", "loads")), "")
    if report.chart != "line" or not start or not people or not table.rows:
        return None
    at, value = table.columns.index(start), table.columns.index(people)
    known = {_in_utc(row[at]): row[value] for row in table.rows}
    moments = _spans(period, report.step)
    return line([Point(each, _number(known.get(each.astimezone(UTC)))) for each in moments], marks)


def _spans(period: Period, step: str) -> list[datetime]:
    from pipeline.reports.buckets import bucket

    zone, at = period.since.tzinfo or UTC, period.since
    found: list[datetime] = []
    while at < period.until and len(found) < 2000:
        found.append(at)
        at = bucket("day" if step == "day" else "hour", at, zone).end.astimezone(zone)
    return found


def _in_utc(value: object) -> datetime | None:
    if not isinstance(value, datetime):
        return None
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
