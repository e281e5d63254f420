"""Closed hours as numbers that are kept longer than the rows: `pixel.hourly`, counted again while late events may arrive.

Owns the intervals and the number of days. Theory of operation: the numbers of an hour come from the view
`rollup.hourly_counts` for its day; the newest count of a row replaces the older ones, so another count gives the same or
more complete numbers. A day is counted again hourly until it is over, then daily for a week, and never when its rows may
have ended: from then on there is nothing to count.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final

from pipeline.database.client import working_as
from pipeline.settings.model import Settings

RECENT_DAYS: Final = 2
"""Today, and yesterday, whose last hours closed at midnight."""
LATE_DAYS: Final = 8
"""After this time not even an outage brings late events of a day: the spool is full long before."""
COUNT_SECONDS: Final = 60

_COUNT: Final = """\
/* count the hours of a day */
INSERT INTO pixel.hourly SELECT *, now64(3, 'UTC') FROM rollup.hourly_counts(day = {day:Date})"""


def count_recent_hours(settings: Settings) -> None:
    """Count the closed hours of today and yesterday; raises what `count_days` raises."""
    count_days(settings, _days(RECENT_DAYS, settings))


def count_late_hours(settings: Settings) -> None:
    """Count again the days of the last week; raises what `count_days` raises."""
    count_days(settings, _days(LATE_DAYS, settings))


def count_days(settings: Settings, days: Iterable[date]) -> None:
    """Count the closed hours of these UTC days, one day a statement; safe at any time and twice.

    Raises `Retryable` when ClickHouse is unavailable, `Fatal` when it refuses.
    """
    with working_as(settings, "pixel_writer", timeout=COUNT_SECONDS) as client:
        for day in days:
            client.command(_COUNT, parameters={"day": day})


def _days(number: int, settings: Settings) -> list[date]:
    today = datetime.now(UTC).date()
    return [today - timedelta(days=age) for age in range(min(number, settings.retention.rows_days))]
