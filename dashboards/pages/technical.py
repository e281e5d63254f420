"""What is broken: the list of problems as sentences, and the reports by their questions.

Owns the filters of the list, how severe a problem is called, and what is new to a person. The line of a problem is drawn from published numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from statistics import quantiles
from typing import Any, Final, Literal, NamedTuple

import orjson
from starlette.responses import Response

from dashboards.access.people import People
from dashboards.access.store import access_file
from dashboards.charts.line import Point
from dashboards.charts.spark import Spark, spark
from dashboards.pages import report
from dashboards.view import View
from dashboards.words.catalogue import value_title
from pipeline.database.client import in_utc
from pipeline.detection.watches import all_watches
from pipeline.errors import PixelError
from pipeline.reports.run import run

DAYS = 28
"""Resolved problems of so many days are listed."""
STATES: Final = ("active", "muted", "resolved", "closed")
SEVERE, NOTICEABLE = 100, 20
"""So many visitors lost make a problem severe, or noticeable."""
MOST_LINES: Final = 20
ENOUGH: Final = 7
"""Days before a problem without which no band is drawn."""
_CELLS: Final = (
    "SELECT site, report, key1, key2, start, sum(number) FROM technical.cells WHERE site IN {sites:Array(String)} AND grain = 'day'"
    " AND measure = 'visitors' AND start >= {since:DateTime('UTC')} AND (report = 'traffic_by_day' OR report IN ('pages', 'browsers', 'networks')"
    " AND (key1 IN {keys:Array(String)} OR concat(key1, ' ', key2) IN {keys:Array(String)})) GROUP BY site, report, key1, key2, start"
)
Severity = Literal["severe", "noticeable", "slight", "over"]


class Told(NamedTuple):
    """A problem as the view tells it."""

    id: str
    site: str
    kind: str
    state: str
    sentence: str
    since: datetime
    until: datetime | None
    page: str
    browser: str
    network: str
    country: str
    changed: str
    answers: Sequence[tuple[str, str]]
    works_for: str
    lost_low: int
    lost: int
    lost_high: int

    @property
    def headline(self) -> str:
        """The first sentence."""
        return self.sentence.partition(". ")[0].removesuffix(".") + "."

    @property
    def more(self) -> str:
        """What follows the first sentence."""
        return self.sentence.partition(". ")[2]

    @property
    def is_active(self) -> bool:
        """Whether it goes on."""
        return self.state in ("open", "ongoing")

    @property
    def group(self) -> str:
        """Its state as the filter names it."""
        return "active" if self.is_active else self.state

    @property
    def severity(self) -> Severity:
        """How much it costs while it goes on."""
        if not self.is_active:
            return "over"
        return "severe" if self.lost >= SEVERE else "noticeable" if self.lost >= NOTICEABLE else "slight"

    @property
    def affected(self) -> str:
        """The page, browser, network or country that is concerned, '' for the whole site."""
        return self.page or self.browser or self.network or self.country

    @property
    def series(self) -> tuple[str, str]:
        """The report that has the numbers of its place, and the key there; no report where none has them."""
        if self.page.startswith("/"):
            return "pages", self.page
        if self.browser:
            return "browsers", self.browser
        if self.network:
            return "networks", self.network
        return ("", "") if self.affected else ("traffic_by_day", "")


def every(view: View) -> list[Told]:
    """Return the problems of all of the person's sites, the most costly first."""
    of = next(each for each in report.reports() if each.view == "technical.problems")
    with view.ask("technical") as client:
        table = run(view.settings, of, view.site.id, view.now - timedelta(days=DAYS), view.now, client=client)
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return [_told(row, view) for row in rows if view.person.may_see(row["site"])]  # type: ignore[arg-type]


def of_site(view: View, told: Sequence[Told]) -> list[Told]:
    """Return the problems of the site of the address, all where it names none."""
    asked = view.query.get("site", "")
    return [each for each in told if asked in ("", each.site)]


def problems(view: View) -> list[Told]:
    """Return the problems of the site of the address, else of the person's sites, the most costly first."""
    return of_site(view, every(view))


def fresh(view: View, told: Sequence[Told]) -> frozenset[str]:
    """Note that the person looks at all of their problems, and return those that go on and were not there at the last visit."""
    people = People(access_file(view.settings))
    look = people.look(view.person.name, "problems", [each.id for each in told], view.now.timestamp())
    return frozenset(each.id for each in told if each.is_active) - look.known


def show(view: View) -> Response:
    """Show the problems of the filters and the reports."""
    state, kind = _one_of(view, "state", (*STATES, "all")), _one_of(view, "kind", tuple(all_watches()))
    told = every(view)
    found = of_site(view, told)
    chosen = [each for each in found if kind in ("", each.kind)]
    first = [each for each in chosen if state == "all" or each.group == (state or "active")]
    listed = [
        each
        for each in report.reports()
        if each.purpose == "technical" and not each.is_for_tools and each.name != "problems"
    ]
    return view.show(
        "technical.html",
        first=first,
        rest=[] if state else [each for each in chosen if not each.is_active],
        fresh=fresh(view, told),
        lines=_lines(view, first[:MOST_LINES]),
        states=(*STATES, "all"),
        kinds={
            name: value_title("kind", name, view.language)
            for name in sorted({each.kind for each in found} | {kind} - {""})
        },
        is_filtered=bool(state or kind),
        zone_of=lambda site: next((each.zone for each in view.sites if each.id == site), view.site.zone),
        listed=listed,
    )


def _one_of(view: View, name: str, known: Sequence[str]) -> str:
    given = view.query.get(name, "")
    return given if given in ("", *known) else view.refuse(400, "bad_problem_filter")


def _told(row: Mapping[str, Any], view: View) -> Told:
    ending = "_ru" if view.language == "ru" else ""
    until = in_utc(row["until"]) if row["until"] else None
    answers = orjson.loads(row[f"answers{ending}"] or "[]")
    return Told(
        id=row["problem"],
        site=row["site"],
        kind=row["kind"],
        state=row["state"],
        sentence=row[f"sentence{ending}"],
        since=in_utc(row["since"]),
        until=until,
        page=row["page"],
        browser=row["browser"],
        network=row["network"],
        country=row["country"],
        changed=row["changed"],
        answers=answers,
        works_for=row["works_for"],
        lost_low=row["lost_low"],
        lost=row["lost"],
        lost_high=row["lost_high"],
    )


def _lines(view: View, told: Sequence[Told]) -> dict[str, Spark]:
    """Return the line of each problem whose numbers are published: visitors by day, and what eight of ten days before it had."""
    asked = [each for each in told if each.series[0]]
    if not asked:
        return {}
    values = {
        "sites": sorted({each.site for each in asked}),
        "keys": sorted({each.series[1] for each in asked}),
        "since": view.now - timedelta(days=DAYS + 1),
    }
    try:
        with view.ask() as client:
            rows = client.query(_CELLS, parameters=values).result_rows
    except PixelError:  # the list itself was answered: it is worth more than its lines
        return {}
    found = {each.id: _line(view, each, rows) for each in asked}
    return {name: drawn for name, drawn in found.items() if drawn is not None}


def _line(view: View, told: Told, rows: Sequence[Sequence[Any]]) -> Spark | None:
    zone = next((each.zone for each in view.sites if each.id == told.site), view.site.zone)
    report_name, key = told.series
    known: dict[date, float] = defaultdict(float)
    for site, of, key1, key2, start, number in rows:
        if (site, of) == (told.site, report_name) and number is not None and key in ("", key1, f"{key1} {key2}"):
            known[in_utc(start).astimezone(zone).date()] += number
    if not known:
        return None
    today, onset = view.now.astimezone(zone).date(), told.since.astimezone(zone).date()
    days = [today - timedelta(days=DAYS - 1 - number) for number in range(DAYS)]
    band = _band([number for day, number in known.items() if day < onset])
    begins = [datetime(day.year, day.month, day.day, tzinfo=zone) for day in days]
    return spark([Point(at, known.get(day), *band) for at, day in zip(begins, days, strict=True)], today, zone)


def _band(before: Sequence[float]) -> tuple[float | None, float | None]:
    if len(before) < ENOUGH:
        return None, None
    tenths = quantiles(before, n=10, method="inclusive")
    return tenths[0], tenths[-1]
