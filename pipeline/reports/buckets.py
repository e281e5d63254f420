"""The spans of time that reports count in: hours, days, weeks and four weeks of the site's time zone.

Owns the borders of the buckets. A week begins on Monday (ISO 8601); four weeks are counted from Monday, 5 January 1970. A day of the
site may have 23 or 25 hours. Hours are counted from the site's midnight, as `toStartOfHour` of ClickHouse does: an hour begins at the
full local hour, in Kolkata at :30 UTC. If the clock changes by half an hour (Lord Howe), the later hours of that day begin at the local
half, and its last hour has 30 minutes. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, Literal, NamedTuple

Grain = Literal["hour", "day", "week", "four_weeks"]

DAYS: Final[dict[Grain, int]] = {"four_weeks": 28, "week": 7, "day": 1}
"""The grains of whole days, the longest first."""
FIRST_MONDAY: Final = date(1970, 1, 5)
HOUR: Final = timedelta(hours=1)


class Bucket(NamedTuple):
    """One span: `start` and `end` are moments in UTC, `end` is not in it."""

    grain: Grain
    start: datetime
    end: datetime


def bucket(grain: Grain, moment: datetime, zone: tzinfo) -> Bucket:
    """Return the bucket in which a moment falls."""
    day = moment.astimezone(zone).date()
    if grain == "hour":
        # Never from the local minutes alone: after a change by half an hour they point before the hour that has ended.
        whole = _of_days("day", day, zone)
        begin = whole.start + (moment - whole.start) // HOUR * HOUR
        return Bucket(grain, begin, min(begin + HOUR, whole.end))
    return _of_days(grain, _first_day(grain, day), zone)


def buckets(grain: Grain, since: datetime, until: datetime, zone: tzinfo) -> Iterator[Bucket]:
    """Yield the buckets of one grain that lie whole in a window, in order."""
    at = bucket(grain, since, zone)
    while at.end <= until:
        if at.start >= since:
            yield at
        at = bucket(grain, at.end, zone)


def _first_day(grain: Grain, day: date) -> date:
    return day - timedelta(days=(day - FIRST_MONDAY).days % DAYS[grain])


def _of_days(grain: Grain, first: date, zone: tzinfo) -> Bucket:
    return Bucket(grain, _midnight(first, zone), _midnight(first + timedelta(days=DAYS[grain]), zone))


def _midnight(day: date, zone: tzinfo) -> datetime:
    # If a clock change skips midnight, the day begins at the moment that midnight would have been.
    return datetime.combine(day, time.min, zone).astimezone(UTC)
