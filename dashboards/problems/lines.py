"""The small line of each problem in the list, from published numbers.

Owns the query of all lines at once, and the band of what was usual.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from statistics import quantiles
from typing import Any, Final, NamedTuple

from dashboards.charts.line import Point
from dashboards.charts.spark import Spark, spark
from dashboards.view import View
from pipeline.database.client import in_utc
from pipeline.errors import PixelError

ENOUGH: Final = 7
"""Days before a problem without which no band is drawn."""
_CELLS: Final = (
    "SELECT site, report, key1, key2, start, sum(number) FROM technical.cells WHERE site IN {sites:Array(String)} AND grain = 'day'"
    " AND measure = 'visitors' AND start >= {since:DateTime('UTC')} AND (report = 'traffic_by_day' OR report IN ('pages', 'browsers', 'networks')"
    " AND (key1 IN {keys:Array(String)} OR concat(key1, ' ', key2) IN {keys:Array(String)})) GROUP BY site, report, key1, key2, start"
)


class Place(NamedTuple):
    """What a problem concerns: the published report that has its numbers, and the key there; no report where none has them."""

    id: str
    site: str
    since: datetime
    report: str
    key: str


def lines(view: View, places: Sequence[Place], days: int) -> dict[str, Spark]:
    """Return the line of each problem whose numbers are published: visitors of so many days, and what eight of ten days before it had."""
    asked = [each for each in places if each.report]
    if not asked:
        return {}
    values = {
        "sites": sorted({each.site for each in asked}),
        "keys": sorted({each.key for each in asked}),
        "since": view.now - timedelta(days=days + 1),
    }
    try:
        with view.ask() as client:
            rows = client.query(_CELLS, parameters=values).result_rows
    except PixelError:  # the list itself was answered: it is worth more than its lines
        return {}
    found = {each.id: _line(view, each, rows, days) for each in asked}
    return {name: drawn for name, drawn in found.items() if drawn is not None}


def _line(view: View, place: Place, rows: Sequence[Sequence[Any]], length: int) -> Spark | None:
    zone = next((each.zone for each in view.sites if each.id == place.site), view.site.zone)
    known: dict[date, float] = defaultdict(float)
    for site, of, key1, key2, start, number in rows:
        if (
            (site, of) == (place.site, place.report)
            and number is not None
            and place.key in ("", key1, f"{key1} {key2}")
        ):
            known[in_utc(start).astimezone(zone).date()] += number
    if not known:
        return None
    today, onset = view.now.astimezone(zone).date(), place.since.astimezone(zone).date()
    days = [today - timedelta(days=length - 1 - number) for number in range(length)]
    band = _band([number for day, number in known.items() if day < onset])
    begins = [datetime(day.year, day.month, day.day, tzinfo=zone) for day in days]
    return spark([Point(at, known.get(day), *band) for at, day in zip(begins, days, strict=True)], today, zone)


def _band(before: Sequence[float]) -> tuple[float | None, float | None]:
    if len(before) < ENOUGH:
        return None, None
    tenths = quantiles(before, n=10, method="inclusive")
    return tenths[0], tenths[-1]
