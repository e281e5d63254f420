"""The days of open blocks: their keys are kept, so that a blocked person's rows can still be found.

Owns the query on `pixel.subject_blocks`. When ClickHouse does not answer, no key is destroyed: a missing answer never
counts as "no block". ClickHouse also answers which day it is: where keys were copied for weeks in advance, a clock that jumped ahead would find nothing odd.
"""

from __future__ import annotations

from datetime import date, timedelta

from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.database.client import connect, explain, working_as
from pipeline.errors import Fatal
from pipeline.settings.model import Settings

_OPEN_BLOCKS = """\
/* open blocks */
SELECT epoch, toDate(since, 'UTC') AS first, toDate(until, 'UTC') AS last
FROM pixel.subject_blocks FINAL
WHERE state = 'blocked'"""

_TODAY = "/* today */ SELECT toDate(now('UTC'))"


def refuse_a_wrong_clock(settings: Settings, today: date) -> None:
    """Raise `Fatal` where ClickHouse is more than a day before or behind `today` (UTC).

    Raises `Retryable` when ClickHouse is unavailable.
    """
    with working_as(settings, "pixel_eraser", timeout=10) as client:
        ((day,),) = client.query(_TODAY).result_rows
    if abs(today - day) > timedelta(days=1):
        raise Fatal(
            f"the clock of this host says {today}, that of ClickHouse {day}: no key is destroyed; expected the same day: set the clock right"
        )


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
