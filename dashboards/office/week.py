"""A week of each site in small lines: visitors, errors, fast page loads, accepted hits.

Owns what is asked for these lines and their texts. An hour in which nothing was heard has no number: nobody knows whether the collector ran.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, NamedTuple

from clickhouse_connect.driver import Client

from dashboards.charts.line import Point
from dashboards.charts.spark import Spark, spark
from dashboards.office.tables import columns, row
from dashboards.pages.answered import Cell, Column
from dashboards.pages.report import reports
from dashboards.view import View
from pipeline.database.client import in_utc
from pipeline.reports.header import ALL
from pipeline.reports.run import run
from pipeline.settings.site import Site

DAYS: Final = 7
HOUR: Final = timedelta(hours=1)
MINUTES: Final = timedelta(minutes=15)
NEVER: Final = 7 * 86_400
"""Seconds: the view of the last minutes tells no longer age."""
_CELLS: Final = (
    "SELECT site, report, start, measure, sum(number) FROM technical.cells WHERE site IN {sites:Array(String)} AND start >= {since:DateTime('UTC')}"
    " AND (report = 'traffic_by_hour' AND grain = 'hour' AND measure = 'hits'"
    " OR report = 'traffic_by_day' AND grain = 'day' AND measure IN ('hits', 'errors', 'robots', 'probes', 'staff')"
    " OR report = 'web_vitals' AND grain = 'day' AND key1 = {all:String} AND measure IN ('good', 'visitors'))"
    " GROUP BY site, report, start, measure"
)
Cells = dict[tuple[str, str, str], dict[datetime, float]]
"""The published numbers by site, report and measure, then by the begin of their span."""


class Trend(NamedTuple):
    """A small line with its title, its text alternative and the table behind it."""

    title: str
    told: str
    spark: Spark
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]


class Week(NamedTuple):
    """Rows of technical/collector_health by hour, of technical/now of 15 minutes, and the published numbers; too small ones are not there."""

    heard: Sequence[Mapping[str, Any]]
    minutes: Sequence[Mapping[str, Any]]
    published: Cells


class OfSite(NamedTuple):
    """One site: the seconds since its newest hit, and small lines of visitors, errors and fast page loads, None where nothing is published."""

    site: Site
    lag: int | None
    trends: Sequence[tuple[str, Trend | None]]


def read(view: View, sites: Sequence[Site]) -> Week:
    """Ask for the week of these sites, as the user of the person's role for technical numbers."""
    with view.ask("technical") as client:
        # A report begins with a whole hour: of its minutes those of the last quarter of an hour count here.
        minutes = [each for each in _table(view, client, "now", MINUTES) if each["minute"] >= view.now - MINUTES]
        return Week(
            _table(view, client, "collector_health", timedelta(days=DAYS)),
            minutes,
            _published(view, client, sites),
        )


def lag(known: Week, site: str) -> int | None:
    """Return the seconds since the newest hit of a site, None for seven days without one."""
    found = next((each["lag"] for each in reversed(known.minutes) if each["site"] == site), None)
    return int(found) if found is not None and found < NEVER else None


def hours(view: View, known: Week) -> list[Point]:
    """Return the accepted hits of all sites by hour."""
    found = []
    for each in known.heard:
        passed = min(60, int((view.now - each["hour"]).total_seconds() // 60))
        found.append(
            Point(each["hour"], None if each["silent"] >= passed and not each["accepted"] else float(each["accepted"]))
        )
    return found


def published_hours(known: Week, sites: Sequence[Site]) -> set[datetime]:
    """Return the hours of which a number is published of one of these sites."""
    return {at for site in sites for at in known.published.get((site.id, "traffic_by_hour", "hits"), {})}


def of_site(view: View, site: Site, known: Week) -> OfSite:
    """Return the small lines of one site."""
    today = view.now.astimezone(site.zone).date()
    days = [datetime.combine(today - timedelta(days=DAYS - 1 - number), time(), site.zone) for number in range(DAYS)]
    first = days[0].astimezone(UTC)
    every_hour = [first + HOUR * number for number in range(max(1, int((view.now - first) / HOUR)))]
    good, loads = (known.published.get((site.id, "web_vitals", name), {}) for name in ("good", "visitors"))
    lines = (
        ("views", every_hour, known.published.get((site.id, "traffic_by_hour", "hits"), {})),
        ("errors", days, known.published.get((site.id, "traffic_by_day", "errors"), {})),
        ("fast", days, {day: 100 * number / loads[day] for day, number in good.items() if loads.get(day)}),
    )
    trends = []
    for name, begins, numbers in lines:
        points = [Point(at, numbers.get(at.astimezone(UTC))) for at in begins]
        trends.append((name, trend(view, f"trend_{name}", name, points, site=site) if numbers else None))
    return OfSite(site, lag(known, site.id), trends)


def trend(
    view: View,
    title: str,
    unit: str,
    points: Sequence[Point],
    of_day: Callable[..., float] = sum,
    site: Site | None = None,
) -> Trend:
    """Return the small line of a week; its text says today's and yesterday's numbers and how many spans have none."""
    words, zone = view.words, (site or view.site).zone
    today = view.now.astimezone(zone).date()
    drawn = spark(points, today, zone, of_day)
    known = {each.day: each.value for each in drawn.days}
    gaps = sum(each.missing for each in drawn.days)

    def written(day: date) -> str:
        value = known.get(day)
        return words.say("no_number") if value is None else words.written(value)

    told = words.say(
        "trend_told", title=words.say(title), today=written(today), before=written(today - timedelta(days=1))
    )
    return Trend(
        words.say(title),
        f"{told} {words.say('trend_gaps', n=gaps)}" if gaps else told,
        drawn,
        columns(words.say("day"), words.say("unit_" + unit), words.say("missing"), numbers=(1, 2)),
        [row(words.date(each.day), written(each.day), each.missing, numbers=(1, 2)) for each in drawn.days],
    )


def _table(view: View, client: Client, name: str, age: timedelta) -> list[Mapping[str, Any]]:
    of = next(each for each in reports() if each.view == f"technical.{name}")
    table = run(view.settings, of, view.site.id, view.now - age, view.now, client=client)
    return [dict(zip(table.columns, cells, strict=True)) for cells in table.rows]


def _published(view: View, client: Client, sites: Sequence[Site]) -> Cells:
    values = {"sites": [site.id for site in sites], "since": view.now - timedelta(days=DAYS), "all": ALL}
    found: Cells = {}
    for site, of, start, measure, number in client.query(_CELLS, parameters=values).result_rows:
        if number is not None:
            found.setdefault((site, of, measure), {})[in_utc(start)] = float(number)
    return found
