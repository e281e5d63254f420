"""The series of the problems engine in ClickHouse: counts the hours that changed, and reads them as a table.

Owns `pixel.series` and the view `rollup.series` (sql/problems/series.sql). Theory of operation: the number of stored rows of each quarter of an hour is known without reading a
row; an hour whose number differs from the one at its last count is counted again. So late events, replayed logs and ended days
are seen without a list of what arrived. The last hour is counted up to the moment of the look.

Works as `pixel_writer`, which reads counts and no row of an event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from clickhouse_connect.driver import Client

from pipeline.database.client import in_utc
from pipeline.detection.series import HOUR, Counts, Slice, Table
from pipeline.detection.watches import FAULTS, FLAGS
from pipeline.publish.ledger import stored_days, stored_quarters
from pipeline.reports.header import CountedTable
from pipeline.reports.statements import literal, rendered
from pipeline.settings.model import Settings
from pipeline.settings.site import Site
from sql import PROBLEMS_DIR, fill, without_comments

VIEW: Final = "rollup.series"
TABLES: Final[tuple[CountedTable, ...]] = ("events", "technical")
HISTORY_DAYS: Final = 56
"""The engine learns from eight weeks."""
MOST_SLICES: Final = 500
MOST_READ: Final = 1000
"""So many slices of a dimension are read: those with most people, and before them those with faults."""
MOST_OF_NETWORK: Final = 3
MOST_OF_PERSON: Final = 10
MOST_ROWS: Final = 300_000
CLOSE: Final = timedelta(hours=12)
"""Hours between which no more time passes are counted by one query, whose cost is that of its rows and a fixed part."""
ROWS: Final = "rows"
"""The dimension of the one row of an hour that says how many rows of events were stored when it was counted."""
QUARTER: Final = timedelta(minutes=15)

_COUNT: Final = (
    "/* count the series */ INSERT INTO pixel.series SELECT *, now64(3, 'UTC') FROM rollup.series(site = {site:String},"
    " since = {since:DateTime('UTC')}, until = {until:DateTime('UTC')})"
)
_CLEAR: Final = (
    "/* clear the series */ INSERT INTO pixel.series SELECT site, hour, dimension, name, 0, 0, map(), now64(3, 'UTC')"
    " FROM pixel.series FINAL WHERE site = {site:String} AND hour >= {since:DateTime('UTC')} AND hour < {until:DateTime('UTC')}"
    " AND dimension != 'rows' AND views + people + length(numbers) > 0"
)
# One row for each measure of a slice: half a million rows of hours would take Python seconds.
_READ: Final = """/* read the series */
WITH of_site AS (
    SELECT * FROM pixel.series FINAL
    WHERE site = {site:String} AND hour >= {since:DateTime('UTC')} AND hour < {until:DateTime('UTC')} AND dimension != 'rows'
)
SELECT dimension, name, each.1 AS measure, groupArray(place), groupArray(each.2) FROM (
    SELECT
        dimension, name, toInt32(dateDiff('hour', {since:DateTime('UTC')}, hour)) AS place,
        arrayJoin(arrayConcat([('views', views), ('people', people)], CAST(numbers, 'Array(Tuple(String, UInt32))'))) AS each
    FROM of_site
)
WHERE (dimension, name) IN (
    SELECT dimension, name FROM of_site GROUP BY dimension, name
    ORDER BY sum(people) + 100 * sum(arraySum(mapValues(mapFilter((flag, number) -> flag IN {faults:Array(String)}, numbers)))) DESC
    LIMIT {most:UInt32} BY dimension
)
GROUP BY dimension, name, measure"""
_COUNTED: Final = (
    "/* counted hours */ SELECT hour, views FROM pixel.series FINAL"
    " WHERE site = {site:String} AND hour >= {since:DateTime('UTC')} AND dimension = 'rows'"
)
_COLUMNS: Final = {
    "site": "String",
    "hour": "DateTime('UTC')",
    "dimension": "String",
    "name": "String",
    "views": "UInt32",
    "people": "UInt32",
    "numbers": "Map(String, UInt32)",
    "counted_at": "DateTime64(3, 'UTC')",
}


def series_views(settings: Settings) -> dict[str, str]:
    """Return the statement that makes or replaces the view, by its name."""
    text = without_comments((PROBLEMS_DIR / "series.sql").read_text(encoding="utf-8"))
    names = ", ".join(literal(flag) for flag in FLAGS)
    given = {
        "names": names,
        "named_bit": str(FLAGS.index("named")),
        "fault_bits": str(FAULTS),
        "most_of_network": str(MOST_OF_NETWORK),
        "most_of_person": str(MOST_OF_PERSON),
        "most_slices": str(MOST_SLICES),
    }
    return {VIEW: rendered(VIEW, fill(text, given), settings)}


class SeriesStore:
    """The series of all sites; keeps what it has counted, so one object sees each change once."""

    def __init__(self) -> None:
        self._days: dict[CountedTable, Mapping[str, int]] = {}
        self._quarters: dict[CountedTable, dict[str, Mapping[str, Mapping[datetime, int]]]] = {}
        self._counted: dict[str, dict[datetime, int]] = {}

    def count(self, client: Client, site: Site, until: datetime) -> list[datetime]:
        """Count the hours of a site that changed, up to `until`, and return them in order."""
        begin = _hour(until) - timedelta(days=HISTORY_DAYS)
        stored = self._stored_hours(site.id, until)
        # Of the quarter that goes on, rows after the moment may be stored already: the next look counts its hour again.
        over = self._stored_hours(site.id, until, are_over=True)
        counted = self._known(client, site.id, begin)
        due = sorted(
            hour
            for hour in {*stored, *counted}
            if begin <= hour < until and stored.get(hour, 0) != counted.get(hour, 0)
        )
        for hours in _together(due, stored):
            values = {"site": site.id, "since": hours[0], "until": min(hours[-1] + HOUR, until)}
            client.command(_CLEAR, parameters=values)
            client.command(_COUNT, parameters=values)
            now = datetime.now(UTC)
            rows: list[Sequence[object]] = [(site.id, hour, ROWS, "", over.get(hour, 0), 0, {}, now) for hour in hours]
            client.insert("series", rows, list(_COLUMNS), database="pixel", column_type_names=list(_COLUMNS.values()))
            counted.update({hour: over.get(hour, 0) for hour in hours})
        return due

    def look(self, client: Client, settings: Settings) -> None:
        """Look which rows are stored now; call it before the sites are counted."""
        for table in TABLES:
            before, known = self._days.get(table, {}), self._quarters.get(table, {})
            days = stored_days(client, table, settings)
            self._quarters[table] = {
                day: known[day] if before.get(day) == number else stored_quarters(client, table, day, settings)
                for day, number in days.items()
            }
            self._days[table] = days

    def read(self, client: Client, site: Site, until: datetime, days: int = HISTORY_DAYS) -> Table:
        """Return the table of a site from its first hour with visitors, at most `days` ago, up to `until`."""
        since = _hour(until) - timedelta(days=days)
        values = {"site": site.id, "since": since, "until": until, "faults": list(FLAGS[:FAULTS]), "most": MOST_READ}
        found = [
            Counts(measure, Slice(dimension, name), places, numbers)
            for dimension, name, measure, places, numbers in client.query(_READ, parameters=values).result_rows
        ]
        came = (
            place
            for each in found
            if each.measure == "people"
            for place, number in zip(each.places, each.numbers, strict=True)
            if number
        )
        first = min(came, default=(_hour(until) - since) // HOUR)
        counts = (each._replace(places=[place - first for place in each.places]) for each in found)
        return Table.of_counts(since + first * HOUR, until, counts, site.zone)

    def _stored_hours(self, site: str, until: datetime, *, are_over: bool = False) -> dict[datetime, int]:
        """Return the stored rows by hour, of the quarters that began before `until`, or that are over then."""
        found: dict[datetime, int] = {}
        days = [day for of_days in self._quarters.values() for day in of_days.values()]
        for of_sites in days:
            for quarter, number in of_sites.get(site, {}).items():
                if quarter + QUARTER <= until or (quarter < until and not are_over):
                    found[_hour(quarter)] = found.get(_hour(quarter), 0) + number
        return found

    def _known(self, client: Client, site: str, begin: datetime) -> dict[datetime, int]:
        if site not in self._counted:
            rows = client.query(_COUNTED, parameters={"site": site, "since": begin}).result_rows
            self._counted[site] = {in_utc(hour): int(number) for hour, number in rows}
        return self._counted[site]


def table_of(client: Client, settings: Settings, site: Site, until: datetime, days: int = HISTORY_DAYS) -> Table:
    """Count what changed at a site and return its table of the last `days` up to `until`."""
    series = SeriesStore()
    series.look(client, settings)
    series.count(client, site, until)
    return series.read(client, site, until, days)


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _together(due: Sequence[datetime], stored: Mapping[datetime, int]) -> Iterator[list[datetime]]:
    """Yield the hours that one query counts: hours close to each other, with at most `MOST_ROWS` rows unless a single one has more."""
    some: list[datetime] = []
    rows = 0
    for hour in due:
        rows += stored.get(hour, 0)
        if some and (rows > MOST_ROWS or hour - some[-1] > CLOSE):
            yield some
            some, rows = [], stored.get(hour, 0)
        some.append(hour)
    if some:
        yield some
