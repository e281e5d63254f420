"""A report as a page shows it: the answer in words, one part of the table with its bars, the chart with what it says.

Owns the cells of a table, its order and its parts. Numbers and words are those of `pipeline.reports.answers`, which the terminal prints, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final, NamedTuple

from dashboards.asked.order import sorted_rows
from dashboards.asked.wanted import Wanted
from dashboards.charts.bars import lengths
from dashboards.charts.line import Line, Point, line
from dashboards.view import View
from dashboards.words.catalogue import column_meaning, column_title, texts, value_title
from pipeline.reports import answers
from pipeline.reports.buckets import bucket
from pipeline.reports.catalogue import Period
from pipeline.reports.header import COUNTED, PEOPLE, Report
from pipeline.reports.header import Column as DeclaredColumn
from pipeline.reports.run import run

MOST_CELLS: Final = 400
"""Cells of a page: it stays light, and the next part is one link away."""
FEWEST_ROWS: Final = 25
MOST_SPANS: Final = 2000


class Column(NamedTuple):
    """The head of a column; `href` sorts by it, and `order` is what it is sorted by now: ascending, descending or ''."""

    title: str
    meaning: str
    is_number: bool
    unit: str = ""
    href: str = ""
    order: str = ""


class Cell(NamedTuple):
    """One cell; `length` is that of its bar in hundredths, `href` where it leads, and a gap has no published number."""

    text: str
    is_number: bool
    length: int | None = None
    href: str = ""
    is_gap: bool = False


class Shown(NamedTuple):
    """A report, answered; of `total` rows those from `first` on are shown. `empty` is the key of the text that says why there are no numbers."""

    told: str
    empty: str = ""
    columns: Sequence[Column] = ()
    rows: Sequence[Sequence[Cell]] = ()
    first: int = 1
    total: int = 0
    step: int = FEWEST_ROWS
    chart: Line | None = None
    message: str = ""

    @property
    def has_gap(self) -> bool:
        """Whether a cell that is shown has no published number."""
        return any(cell.is_gap for row in self.rows for cell in row)

    @property
    def last(self) -> int:
        """The number of the last row that is shown."""
        return self.first + len(self.rows) - 1


def rows_of(view: View, wanted: Wanted) -> answers.Table:
    """Ask a report as the user of the person's role, without the rows of sites that the person may not see; raises what `run` raises."""
    with view.ask() as client:
        table = run(
            view.settings, wanted.report, _site(view, wanted.report), *wanted.period,
            more=wanted.more, holding=wanted.holding, client=client,
        )  # fmt: skip
    if "site" not in table.columns or "site" in wanted.report.parameters:
        return table
    place = table.columns.index("site")
    return answers.Table(table.columns, [row for row in table.rows if _may_see(view, row[place])])


def answered(view: View, wanted: Wanted, zone: tzinfo) -> Shown:
    """Return what a page shows of a report; raises what `run` raises."""
    report = wanted.report
    if report.is_for_tools:
        return Shown("", "report_for_tools")
    if told := answers.not_configured(report, view.site, view.language):
        return Shown(told, "report_not_configured")
    table = rows_of(view, wanted)
    told = answers.answer(report, in_words(table, view.language), view.language)
    if told and wanted.holding:
        told = view.words.say("report_in_filter", told=told)
    screen = answers.for_screen(report, answers.for_eyes(report, table, view.language))
    rows = sorted_rows(report, screen, wanted.sort)
    step = max(FEWEST_ROWS, MOST_CELLS // max(1, len(screen.columns)))
    first = wanted.first if wanted.first <= len(rows) else 1
    columns = _columns(view, wanted, screen)
    points = _points(report, table, wanted.period)
    return Shown(
        told,
        _why_empty(wanted, table),
        columns,
        _cells(view, report, screen.columns, columns, rows)[first - 1 : first - 1 + step],
        first,
        len(rows),
        step,
        line(points) if points else None,
        _message(view, report, points, zone) if points else "",
    )


def _site(view: View, report: Report) -> str:
    return view.site.id if "site" in report.parameters else ""


def _may_see(view: View, site: object) -> bool:
    return site == "" or view.person.may_see(str(site))


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


def _why_empty(wanted: Wanted, table: answers.Table) -> str:
    """Return the key of the text that says why there are no numbers and what to do, '' where there are some."""
    report = wanted.report
    if table.rows:
        is_all_small = report.is_published and all(row[-1] for row in table.rows)
        return "report_all_small" if is_all_small else ""
    if wanted.holding:
        return "report_no_match"
    if not report.is_published:
        return "report_no_rows"
    if report.counted == "technical":
        return "report_no_loads"
    return "report_no_people" if report.shape == "partition" else "report_no_fault"


def _columns(view: View, wanted: Wanted, screen: answers.Table) -> list[Column]:
    made = []
    for place, name in enumerate(screen.columns):
        known = wanted.report.columns.get(name)
        is_number = _is_count(known) or any(isinstance(row[place], int | float) for row in screen.rows)
        usual, other = (f"-{name}", name) if is_number else (name, f"-{name}")
        title = column_title(name, view.language)
        made.append(
            Column(
                title,
                column_meaning(wanted.report, name, view.language),
                is_number,
                _unit(known.unit, title, view) if known and is_number else "",
                view.link(sort=other if wanted.sort == usual else usual, first=""),
                {name: "ascending", f"-{name}": "descending"}.get(wanted.sort, ""),
            )
        )
    return made


def _is_count(column: DeclaredColumn | None) -> bool:
    """Return whether a column of the header has numbers, even where none of this time is published."""
    return column is not None and (column.kind in COUNTED or (column.kind == "derived" and not column.type))


def _unit(unit: str, title: str, view: View) -> str:
    """Return the unit in the language of the page, '' where the title says it already."""
    word = str(texts(view.language).get(f"counted_in_{unit.replace(' ', '_')}", unit))
    return "" if "," in title or word.casefold() in title.casefold() else word


def _cells(
    view: View, report: Report, names: Sequence[str], columns: Sequence[Column], rows: Sequence[Sequence[object]]
) -> list[list[Cell]]:
    main = _main(report, names, columns)
    bars = lengths([row[names.index(main)] for row in rows]) if main else []
    made = []
    for number, row in enumerate(rows):
        cells = []
        for name, column, value in zip(names, columns, row, strict=True):
            is_written = isinstance(value, int | float)
            text = view.words.written(value) if is_written else value_title(name, str(value), view.language)
            is_gap = column.is_number and report.is_published and not is_written
            cells.append(Cell(text, column.is_number, bars[number] if name == main else None, is_gap=is_gap))
        made.append(cells)
    return made


def _main(report: Report, names: Sequence[str], columns: Sequence[Column]) -> str:
    """Return the column that has bars: the one that ranks the rows, else the number of people, else none."""
    numbers = [name for name, column in zip(names, columns, strict=True) if column.is_number]
    return next((name for name in (report.rank, *report.named(*PEOPLE)) if name in numbers), "")


def _points(report: Report, table: answers.Table, period: Period) -> list[Point]:
    """Return the people of each span of a report whose rows are spans, None where no number is published; none for other reports."""
    start = next(iter(report.named("start")), "")
    people = next(iter(report.named(*PEOPLE)), "")
    if report.chart != "line" or not start or not people or not table.rows:
        return []
    at, value = table.columns.index(start), table.columns.index(people)
    known = {_in_utc(row[at]): row[value] for row in table.rows}
    return [Point(each, _number(known.get(each.astimezone(UTC)))) for each in _spans(period, report.step)]


def _message(view: View, report: Report, points: Sequence[Point], zone: tzinfo) -> str:
    """Return what the line says, for those who do not see it: its lowest and highest number, and how much is missing."""
    there = [(point.value, point.at) for point in points if point.value is not None]
    title, missing = report.words(view.language).title, len(points) - len(there)
    if not there:
        return view.words.say("report_line_none", title=title)
    most, at = max(there, key=lambda each: each[0])
    when = view.words.day(at, zone) if report.step == "day" else view.words.time(at, zone)
    said = view.words.say("report_line", title=title, least=min(there)[0], most=most, when=when)
    if not missing:
        return said
    gaps = view.words.say("report_gaps_" + report.step, missing=missing, spans=len(points))
    return f"{said} {gaps}"


def _spans(period: Period, step: str) -> list[datetime]:
    zone, at = period.since.tzinfo or UTC, period.since
    found: list[datetime] = []
    while at < period.until and len(found) < MOST_SPANS:
        found.append(at)
        at = bucket("day" if step == "day" else "hour", at, zone).end.astimezone(zone)
    return found


def _in_utc(value: object) -> datetime | None:
    if not isinstance(value, datetime):
        return None
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
