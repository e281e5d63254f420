"""Reads the stored and the published numbers of the publisher in ClickHouse, and writes publications.

Owns the queries on `pixel.publications` and `pixel.cells` and the two inserts of a publication: the cells, then one row for each span that
makes them valid. A publication that ended between the two is made again under a new id, and nobody ever reads the cells of the old one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import uuid4

from clickhouse_connect.driver import Client

from pipeline.database.client import in_utc, of_each_shard
from pipeline.database.cluster import stored_in
from pipeline.publish.cells import Shown
from pipeline.publish.due import Due, Published
from pipeline.reports.buckets import Grain
from pipeline.reports.header import CountedTable
from pipeline.settings.model import Settings

BUSY_HOUR: Final = 200
"""Visitors of an hour from which the reports of days are published for it, too."""
HOURS: Final = "traffic_by_hour"
PAGES: Final = "pages"
KNOWN_DAYS: Final = 28
"""A page that was published in the last so many days is publicly known."""
_SEEN: Final = (
    "site = {site:String} AND report = {report:String} AND publication IN (SELECT argMin(id, (-revision, published_at, id))"
    " FROM pixel.publications WHERE site = {site:String} AND report = {report:String} GROUP BY grain, start, end)"
)
"""The cells that readers see, as the views of `technical` choose them: no cells of a publication that ended early or was corrected."""
_CELL: Final = ("publication", "site", "report", "grain", "start", "end", "keys", "visitors", "numbers")
_SPAN: Final = ("site", "report", "grain", "start", "end", "revision", "id", "events", "has_dropped", "published_at")
_GRAIN: Final = "Enum8('hour' = 1, 'day' = 2, 'week' = 3, 'four_weeks' = 4)"
_TYPES: Final = {
    "publication": "UUID",
    "id": "UUID",
    "grain": _GRAIN,
    "start": "DateTime('UTC')",
    "end": "DateTime('UTC')",
    "keys": "Map(LowCardinality(String), String)",
    "visitors": "Nullable(UInt64)",
    "numbers": "Map(LowCardinality(String), UInt64)",
    "revision": "UInt8",
    "events": "UInt64",
    "has_dropped": "Bool",
    "published_at": "DateTime64(3, 'UTC')",
}
# The writer may not read a table's description, so the types travel with the rows.
_CELL_TYPES, _SPAN_TYPES = ([_TYPES.get(name, "String") for name in names] for names in (_CELL, _SPAN))


class Publication(NamedTuple):
    """The numbers of one span of a report, ready to be written."""

    due: Due
    cells: Sequence[Shown]
    has_dropped: bool


class Ledger:
    """The published numbers of one site, from `since` on."""

    def __init__(self, client: Client, site: str, since: datetime) -> None:
        self._client = client
        self._site = site
        self._since = since

    def published(self) -> dict[tuple[str, Grain, datetime], Published]:
        """Return the published spans by report, grain and start."""
        rows = self._rows(
            "/* published spans */ SELECT report, grain, start, max(end),"
            " argMin((revision, events, published_at), (-revision, published_at, id))"
            " FROM pixel.publications WHERE site = {site:String} AND start >= {since:DateTime('UTC')} GROUP BY report, grain, start"
        )
        return {
            (report, grain, in_utc(start)): Published(in_utc(end), revision, events, in_utc(at))
            for report, grain, start, end, (revision, events, at) in rows
        }

    def busy_hours(self) -> dict[datetime, bool]:
        """Return of each published hour whether it had so many visitors that all reports are published for it."""
        rows = self._rows(
            "/* busy hours */ SELECT start, ifNull(max(visitors), 0) >= {busy:UInt64} FROM pixel.cells"
            " WHERE $seen AND start >= {since:DateTime('UTC')} GROUP BY start",
            report=HOURS,
            busy=BUSY_HOUR,
        )
        return {in_utc(start): bool(busy) for start, busy in rows}

    def known_pages(self) -> frozenset[str]:
        """Return the pages that were published in the last weeks, without those of which a part is not known."""
        rows = self._rows(
            "/* known pages */ SELECT DISTINCT keys['page'] FROM pixel.cells WHERE $seen"
            " AND isNotNull(visitors) AND start >= now() - toIntervalDay({days:UInt16})",
            report=PAGES,
            days=KNOWN_DAYS,
        )
        return frozenset(str(page) for (page,) in rows if "*" not in page)

    def named(self, report: str, since: datetime, until: datetime) -> list[dict[str, str]]:
        """Return the keys of the cells that were published for hours between two times."""
        rows = self._rows(
            "/* named before */ SELECT DISTINCT mapKeys(keys), mapValues(keys) FROM pixel.cells WHERE $seen"
            " AND grain = 'hour' AND start >= {since:DateTime('UTC')} AND start < {until:DateTime('UTC')}",
            report=report,
            since=since,
            until=until,
        )
        return [dict(zip(names, values, strict=True)) for names, values in rows]

    def write(self, publications: Sequence[Publication], now: datetime) -> None:
        """Write publications: readers see all of them or none."""
        cells: list[Sequence[object]] = []
        spans: list[Sequence[object]] = []
        for due, shown, has_dropped in publications:
            ident, place = uuid4(), (self._site, due.report, *due.span)
            cells += [(ident, *place, *cell) for cell in shown]
            spans.append((*place, due.revision, ident, due.events, has_dropped, now))
        if cells:
            self._client.insert("cells", cells, _CELL, database="pixel", column_type_names=_CELL_TYPES)
        self._client.insert("publications", spans, _SPAN, database="pixel", column_type_names=_SPAN_TYPES)

    def _rows(self, query: str, **values: object) -> Sequence[Sequence[Any]]:
        given = {"site": self._site, "since": self._since, **values}
        return self._client.query(query.replace("$seen", _SEEN), parameters=given).result_rows


def stored_days(client: Client, table: CountedTable, settings: Settings) -> dict[str, int]:
    """Return the number of stored rows of a table by partition (YYYYMMDD, UTC), of all shards; `client` asks the home."""
    query = (
        "/* rows of each day */ SELECT partition_id, sum(rows) FROM system.parts"
        " WHERE database = 'pixel' AND table = {table:String} AND active GROUP BY partition_id"
    )
    found = Counter[str]()
    for rows in _of_each_shard(client, settings, query, {"table": stored_in(settings, table)}):
        found.update({str(day): int(number) for day, number in rows})
    return dict(found)


def stored_quarters(
    client: Client, table: CountedTable, day: str, settings: Settings
) -> dict[str, dict[datetime, int]]:
    """Return the number of stored rows of a partition by site and quarter of an hour: time zones differ by whole quarters.

    Rows of blocked persons count: when a block ends, nothing has become more. `client` asks the home, and its settings the other shards.
    """
    found: dict[str, dict[datetime, int]] = defaultdict(Counter)
    query = (
        "/* stored rows */ SELECT site, toStartOfFifteenMinutes(toDateTime(received_at, 'UTC')) AS quarter, count()"
        " FROM pixel.{table:Identifier} WHERE received_at >= toDateTime({day:Date}, 'UTC')"
        " AND received_at < toDateTime({day:Date}, 'UTC') + INTERVAL 1 DAY GROUP BY site, quarter"
    )
    values = {"table": stored_in(settings, table), "day": f"{day[:4]}-{day[4:6]}-{day[6:]}"}
    for rows in _of_each_shard(client, settings, query, values):
        for site, quarter, events in rows:
            found[site][in_utc(quarter)] += events
    return found


def _of_each_shard(
    client: Client, settings: Settings, query: str, values: Mapping[str, str]
) -> list[Sequence[Sequence[Any]]]:
    def ask(shard: Client) -> Sequence[Sequence[Any]]:
        return shard.query(query, parameters=dict(values)).result_rows

    return of_each_shard(settings, "pixel_writer", ask, client)
