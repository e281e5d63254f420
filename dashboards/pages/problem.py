"""One problem: the five answers, the published numbers of its part of the site before and since, and the two things to do about it.

Owns which report shows the numbers of a place. The band of the chart is what eight of ten published days before the problem had: it is drawn from
numbers that everybody of this section may read, not from the real ones of the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from statistics import quantiles
from typing import Final, NamedTuple

from clickhouse_connect.driver import Client
from starlette.responses import Response

from dashboards.charts.line import Line, Mark, Point, line
from dashboards.pages import technical
from dashboards.pages.answered import Cell
from dashboards.view import View
from dashboards.words.catalogue import Words
from pipeline.database.client import in_utc
from pipeline.problems import life, store
from pipeline.problems.problem import Problem

BEFORE: Final = timedelta(days=28)
AFTER: Final = timedelta(days=7)
ENOUGH: Final = 7
"""Days before a problem without which no band is drawn."""
LONGEST_REASON: Final = 200
_CELLS: Final = (
    "SELECT start, sum(number) FROM technical.cells WHERE site = {site:String} AND report = {report:String} AND grain = 'day'"
    " AND measure = 'visitors' AND (key1 = {key:String} OR key2 != '' AND concat(key1, ' ', key2) = {key:String})"
    " AND start >= {since:DateTime('UTC')} AND start < {until:DateTime('UTC')} GROUP BY start ORDER BY start"
)


class Numbers(NamedTuple):
    """The published visitors of a place by day, as a line and as rows; `name` is the place, '' the whole site."""

    name: str
    line: Line
    rows: Sequence[tuple[datetime, float | None]]

    def cells(self, words: Words, zone: tzinfo) -> list[list[Cell]]:
        """Return the rows as cells of a table."""
        return [
            [
                Cell(words.day(day, zone), is_number=False),
                Cell("" if value is None else words.written(value), is_number=True),
            ]
            for day, value in self.rows
        ]


def show(view: View) -> Response:
    """Show one problem."""
    told = technical.find(view)
    with view.ask() as client:
        numbers = _numbers(view, client, told)
    return view.show("problem.html", problem=told, numbers=numbers, around=_around(told), can_change=can_change(view))


def can_change(view: View) -> bool:
    """Return whether the person may mute and close problems."""
    return view.person.role in ("ops", "admin")


def change(view: View) -> Response:
    """Mute a problem for some days with a reason, or close it as fixed by a mark."""
    told = technical.find(view)
    if not can_change(view):
        view.refuse(403, "not_yours")
    reason = " ".join(view.form.get("reason", "").split())
    if not reason or len(reason) > LONGEST_REASON or not reason.isprintable():
        view.refuse(400, "no_reason")
    with store.connected(view.settings) as client:
        before = next((each for each in store.newest(client, view.now).get(told.site, []) if each.id == told.id), None)
        if before is None:
            view.refuse(404, "no_such_problem")
        after = _closed(view, before, reason) if view.form.get("do") == "close" else _muted(view, before, reason)
        store.write(client, [store.change(view.settings.chosen_site(told.site), after)])
    return view.go(view.address)


def _muted(view: View, problem: Problem, reason: str) -> Problem:
    days = view.form.get("days", "7")
    if days not in ("1", "7", "28"):
        view.refuse(400, "no_reason")
    return life.muted(problem, view.now + timedelta(days=int(days)), reason, view.now)


def _closed(view: View, problem: Problem, mark: str) -> Problem:
    return life.closed(problem, mark, view.now)


def _numbers(view: View, client: Client, told: technical.Told) -> Numbers | None:
    report, key = _report_of(told)
    if not report:
        return None
    since, until = told.since - BEFORE, min(view.now, (told.until or told.since) + AFTER)
    values = {"site": told.site, "report": report, "key": key, "since": since, "until": until}
    known = {
        in_utc(start): float(number) if number is not None else None
        for start, number in client.query(_CELLS, parameters=values).result_rows
    }
    if not known:
        return None
    first, days = min(known), (max(known) - min(known)).days
    rows = [(day, known.get(day)) for day in (first + timedelta(days=number) for number in range(days + 1))]
    band = _band([value for day, value in rows if value is not None and day < told.since - timedelta(days=1)])
    points = [Point(day, value, *band) for day, value in rows]
    marks = [Mark(told.since, told.changed.split(", ")[0] or view.words.say("onset"))]
    return Numbers(key, line(points, marks), rows)


def _report_of(told: technical.Told) -> tuple[str, str]:
    """Return the report that has the numbers of a problem's place, and the key there; no report where none has them."""
    if told.page.startswith("/"):
        return "pages", told.page
    if told.browser:
        return "browsers", told.browser
    if told.network:
        return "networks", told.network
    return ("", "") if told.page or told.country else ("traffic_by_day", "")


def _band(before: Sequence[float]) -> tuple[float | None, float | None]:
    if len(before) < ENOUGH:
        return None, None
    tenths = quantiles(before, n=10, method="inclusive")
    return tenths[0], tenths[-1]


def _around(told: technical.Told) -> dict[str, str]:
    """Return the period of the reports beside the problem: from a week before it."""
    until = told.until.astimezone(UTC) if told.until else None
    since = (told.since - timedelta(days=7)).astimezone(UTC)
    return {
        "site": told.site,
        "since": f"{since:%Y-%m-%d}",
        "until": f"{until + timedelta(days=1):%Y-%m-%d}" if until else "",
    }
