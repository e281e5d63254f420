"""Four weeks of published numbers of two sites, so that every chart of the pages has a line, a gap, an expected band and a mark.

Two days are really published, the last one with few readers of one page; their cells are copied to the days before with other numbers.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import cast
from unittest.mock import patch

from pipeline.marks.record import write_mark
from pipeline.reports import catalogue
from pipeline.settings.model import Settings
from support import clinic_day, clinic_faults, measured_day
from support.days import MIDNIGHT
from support.publishing import ALL, publish_all
from support.server import Rows

DAYS = 26
"""Days before the first published one that have numbers."""
GAP = (9, 10)
"""Days before it that have none."""
SHOWN = {
    clinic_day.SITE: ("pages", "browsers", "networks", "traffic_by_day", "web_vitals"),
    clinic_faults.SITE: ("broken_links",),
}
"""The published reports of each site: all of them would take half a minute."""
BROKEN = "/doctors"
RELEASE = "release 1.4"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LEFT_OUT = f"arrayFilter(ago -> ago NOT IN {GAP}, range(1, {DAYS}))"
# A day has between 80 and 119 of 100 visitors, a weekend has fewer.
ITS_DAY = "toDate(start - toIntervalDay(ago))"
SHARE = f"(80 + sipHash64({ITS_DAY}) % 40) * if(toDayOfWeek({ITS_DAY}) > 5, 0.6, 1) / 100"
BEFORE = f"""
INSERT INTO pixel.cells SELECT * EXCEPT ago REPLACE (
    start - toIntervalDay(ago) AS start, end - toIntervalDay(ago) AS end, reinterpretAsUUID(sipHash128(publication, ago)) AS publication,
    if(visitors IS NULL, NULL, greatest(5, toUInt64(visitors * {SHARE}))) AS visitors,
    mapApply((name, number) -> (name, toUInt64(ceil(number * {SHARE}))), numbers) AS numbers
)
FROM (SELECT *, arrayJoin({LEFT_OUT}) AS ago FROM pixel.cells WHERE start < {{until:DateTime('UTC')}})
"""
# Hits of each hour of a week; one night has none.
COUNTS = """
INSERT INTO pixel.counters (minute, collector, name, reason, site, value, batch_id)
SELECT at, 'a', counted.1, counted.2, counted.3, toUInt64(counted.4 * (2 + 40 * pow(sin(pi() * toHour(at) / 24), 2))), generateUUIDv4()
FROM (SELECT toStartOfHour(now('UTC')) - number * 3600 AS at FROM numbers(1, 168))
ARRAY JOIN [('offered', '', '', 1), ('spooled', '', '', 1), ('stored', '', 'clinic', 0.8), ('stored', '', 'branch', 0.2), ('refused', 'flood', '', 0.02)] AS counted
WHERE NOT (toDate(at) = yesterday() AND toHour(at) < 5)
"""
SPANS_BEFORE = f"""
INSERT INTO pixel.publications SELECT * EXCEPT ago REPLACE (
    start - toIntervalDay(ago) AS start, end - toIntervalDay(ago) AS end, reinterpretAsUUID(sipHash128(id, ago)) AS id
)
FROM (SELECT *, arrayJoin({LEFT_OUT}) AS ago FROM pixel.publications WHERE start < {{until:DateTime('UTC')}})
"""

Row = dict[str, object]


def store_days(settings: Settings, rows: Rows) -> None:
    """Store and publish them; the first day of the clinic itself is stored already."""
    day = clinic_day.rows()
    clinic_day.store(settings, clinic_faults.rows())
    clinic_day.store(
        settings, later(row for number, row in enumerate(day) if row["page"] != BROKEN or number % 10 == 0)
    )
    clinic_day.store(settings, measured_day.rows(), "technical")
    clinic_day.store(settings, later(measured_day.rows()), "technical")
    for site in settings.sites:
        shown = tuple(catalogue.find(name, ALL) for name in SHOWN[site.id])
        with patch("pipeline.publish.publisher.all_reports", lambda of_site=shown: of_site):
            publish_all(settings.model_copy(update={"sites": (site,)}))
    for query in (BEFORE, SPANS_BEFORE):
        rows.writer.command(query, parameters={"until": f"{MIDNIGHT + DAY:%Y-%m-%d %H:%M:%S}"})
    rows.writer.command(COUNTS)
    write_mark(settings, clinic_day.SITE, RELEASE, MIDNIGHT + 11 * HOUR)


def later(rows: Iterable[Row]) -> list[Row]:
    """Return rows as those of the next day, with ids of their own."""
    return [row | _moved(row) for row in rows]


def _moved(row: Row) -> Row:
    at = cast("datetime", row["received_at"]) + DAY
    return {"received_at": at, "event_id": uuid.uuid4()} | ({"epoch": at.date()} if "epoch" in row else {})
