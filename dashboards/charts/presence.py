"""When clients were there: a strip of 24 hours for each day, days without anybody among them, and a clock over all days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

DAY_SECONDS: Final = 86_400
LEAST_WIDTH: Final = 0.4
"""Hundredths of a day: a shorter time is drawn as long as this, so that it can be seen."""
HOUR: Final = timedelta(hours=1)


class Span(NamedTuple):
    """A client was there from its first to its last event."""

    since: datetime
    until: datetime


class Segment(NamedTuple):
    """A part of a strip, in hundredths of the day."""

    x: float
    width: float


class Strip(NamedTuple):
    """One day of the clock on the wall; without segments nobody was there."""

    day: date
    segments: Sequence[Segment]


def strips(spans: Sequence[Span], zone: tzinfo) -> list[Strip]:
    """Return the strip of every day from the first span to the last one."""
    found: dict[date, list[Segment]] = {}
    for since, until in ((span.since.astimezone(zone), span.until.astimezone(zone)) for span in spans):
        days = (until.date() - since.date()).days
        for number in range(days + 1):
            left = _share(since) if number == 0 else 0.0
            right = _share(until) if number == days else 100.0
            width = max(right - left, LEAST_WIDTH)
            of_day = found.setdefault(since.date() + timedelta(days=number), [])
            of_day.append(Segment(round(min(left, 100 - width), 2), round(width, 2)))
    if not found:
        return []
    first, last = min(found), max(found)
    every = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [Strip(day, sorted(found.get(day, []))) for day in every]


def clock(spans: Sequence[Span], zone: tzinfo) -> list[int]:
    """Return for each of the 24 hours on the wall how many spans reach into it, each counted once a day."""
    hours = [0] * 24
    for span in spans:
        at, touched = _hour_of(span.since), set[tuple[date, int]]()
        while at <= span.until:
            local = at.astimezone(zone)
            touched.add((local.date(), local.hour))
            at += HOUR
        for _, hour in touched:
            hours[hour] += 1
    return hours


def longest_gap(spans: Sequence[Span]) -> timedelta:
    """Return the longest time between two spans in which nobody of them was there, 0 where there is none."""
    longest, end = timedelta(0), None
    for since, until in sorted(spans):
        if end is not None:
            longest = max(longest, since - end)
        end = until if end is None else max(end, until)
    return longest


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _share(local: datetime) -> float:
    return 100 * (local.hour * 3600 + local.minute * 60 + local.second) / DAY_SECONDS
