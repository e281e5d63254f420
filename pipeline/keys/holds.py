"""The days of open blocks: their keys are kept, so that a blocked person's rows can still be found.

Owns the query on `pixel.subject_blocks`. When ClickHouse does not answer, no key is destroyed: a missing answer never
counts as "no block".
"""

from __future__ import annotations

from datetime import date, timedelta

from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.database.client import connect, explain
from pipeline.settings.model import Settings

_OPEN_BLOCKS = """\
/* open blocks */
SELECT epoch, toDate(since, 'UTC') AS first, toDate(until, 'UTC') AS last
FROM pixel.subject_blocks FINAL
WHERE state = 'blocked'"""


def blocked_days(settings: Settings, today: date) -> frozenset[date]:
    """Return the UTC days up to `today` whose rows an open block covers.

    Raises `Retryable` when ClickHouse is unavailable, `Fatal` when it refuses.
    """
    client = connect(settings, "pixel_eraser")
    try:
        blocks = client.query(_OPEN_BLOCKS).result_rows
    except ClickHouseError as error:
        raise explain(error, settings, "pixel_eraser") from None
    finally:
        client.close()
    days = {epoch for epoch, _, _ in blocks}
    for _, first, last in blocks:
        days.update(first + timedelta(offset) for offset in range((min(last, today) - first).days + 1))
    return frozenset(days)
