"""The series of an hour are the same, whether the hour is counted alone or with the hours of its day before it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bench.problems.rows import Product, store
from pipeline.database.client import in_utc
from pipeline.settings.model import Settings
from pipeline.traffic.history import planned_history
from pipeline.traffic.send import PlannedHit
from support.server import Rows

HOUR = timedelta(hours=1)
BEGIN = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)
COUNT = (
    "SELECT hour, dimension, name, views, people, numbers"
    " FROM rollup.series(site = {site:String}, since = {since:DateTime('UTC')}, until = {until:DateTime('UTC')})"
)


Numbers = dict[tuple[datetime, str, str], tuple[int, int, dict[str, int]]]


def counted(rows: Rows, site: str, since: datetime, until: datetime) -> Numbers:
    found = rows.writer.query(COUNT, parameters={"site": site, "since": since, "until": until}).result_rows
    return {(in_utc(row[0]), row[1], row[2]): (row[3], row[4], row[5]) for row in found}


@pytest.mark.parametrize("hour", [0, 11, 23])
def test_an_hour_that_is_counted_alone_has_the_numbers_that_it_has_with_its_day(
    tables: Rows, clickhouse: Settings, hour: int
) -> None:
    site = clickhouse.sites[0]
    product = Product(clickhouse, now_ms=int((BEGIN + 24 * HOUR).timestamp() * 1000))
    store(clickhouse, product.rows(planned_history(site, BEGIN.date(), 1, visitors=150)))
    since = BEGIN + hour * HOUR
    alone = counted(tables, site.id, since, since + HOUR)
    day = counted(tables, site.id, BEGIN, since + HOUR)
    assert alone == {key: numbers for key, numbers in day.items() if key[0] == since}
    assert len(alone) > 10


def test_the_numbers_of_an_hour_know_the_earlier_views_of_its_people(tables: Rows, clickhouse: Settings) -> None:
    site = clickhouse.sites[0]
    at_ms = int((BEGIN + 20 * HOUR).timestamp() * 1000)
    query = {"s": site.id, "u": f"https://{site.hosts[0]}/price", "m": "js"}
    # The same person came at night and comes again in the evening.
    hits = [PlannedHit(at_ms - hours * 3_600_000, "192.0.2.7", "", query, person="one") for hours in (18, 0)]
    store(clickhouse, Product(clickhouse, now_ms=at_ms).rows(hits))
    alone = counted(tables, site.id, BEGIN + 20 * HOUR, BEGIN + 21 * HOUR)
    assert alone[BEGIN + 20 * HOUR, "site", ""][2]["further"] == 1
