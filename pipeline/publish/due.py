"""Decides which spans of time are to be published now.

Owns the rule. A span is published once it is closed: everything received in it is stored (`passed`), and the number of its rows did
not change between two looks, because a backfill may still be running. It is published once more, and only once, when late events
have made more than 5 % more rows of it; fewer rows (an erasure, a block, the end of a term) never publish it again. Pure.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from pipeline.reports.buckets import Bucket, Grain, bucket, buckets
from pipeline.reports.header import CountedTable

Quarters = Mapping[datetime, int]
"""The number of stored rows of a site by quarter of an hour (its begin, UTC)."""

LATE_SHARE: Final = 0.05
"""Additional rows, as a share of those published, that make a correction."""
ORDER: Final[tuple[Grain, ...]] = ("hour", "day", "week", "four_weeks")
SETTLED: Final = timedelta(minutes=10)
"""A correction waits so long after the publication: it is the last one."""


class Published(NamedTuple):
    """A published span: its end, how often it was corrected, the rows that it had, and when it was published (UTC)."""

    end: datetime
    revision: int
    events: int
    at: datetime


class Due(NamedTuple):
    """A span of a report to publish, with its number of rows; without `numbers` only faults are named in it."""

    report: str
    span: Bucket
    revision: int
    events: int
    numbers: bool = True


class Wanted(NamedTuple):
    """The grains of a report, whether it splits the site's visitors, and whether faults are named as soon as their hour is published.

    `counted` is the table whose rows make its spans.
    """

    grains: tuple[Grain, ...]
    is_split: bool
    names_faults: bool
    counted: CountedTable = "events"


class Rows:
    """Counts the rows of a span, by a running sum over the quarters."""

    def __init__(self, quarters: Quarters) -> None:
        self._times = sorted(quarters)
        self._sums = [0, *accumulate(quarters[time] for time in self._times)]

    @property
    def first(self) -> datetime | None:
        """The first quarter with a row."""
        return self._times[0] if self._times else None

    def within(self, span: Bucket) -> int:
        """Return the number of rows in a span."""
        return self._sums[bisect_left(self._times, span.end)] - self._sums[bisect_left(self._times, span.start)]


class Stored(NamedTuple):
    """The rows of a site now and at the look before, and its published spans by (report, grain, start).

    `busy` tells of each hour whose traffic is published whether it had enough visitors for the reports of days.
    """

    now: Rows
    before: Rows
    published: Mapping[tuple[str, Grain, datetime], Published]
    busy: Mapping[datetime, bool]


class _Taken:
    """The published time of each report and grain. After a change of the site's time zone, a span of the new zone overlaps two old ones:
    if it were published too, the difference would tell of single hours.
    """

    def __init__(self, published: Mapping[tuple[str, Grain, datetime], Published]) -> None:
        self._spans: dict[tuple[str, Grain], list[tuple[datetime, datetime]]] = {}
        for (report, grain, start), each in sorted(published.items()):
            self._spans.setdefault((report, grain), []).append((start, each.end))

    def overlaps(self, report: str, span: Bucket) -> bool:
        """Return whether a published span of the report and grain has a part of this one."""
        spans = self._spans.get((report, span.grain), [])
        before = bisect_left(spans, (span.end,))
        return before > 0 and spans[before - 1][1] > span.start


def due(
    reports: Mapping[str, Wanted],
    stored: Stored,
    *,
    passed: datetime,
    kept_from: datetime,
    now: datetime,
    zone: ZoneInfo,
) -> Iterator[Due]:
    """Yield what is to be published of one site, the newest span first.

    Rows before `kept_from` may have ended, so a span that begins earlier is never counted again.
    """
    if stored.now.first is None:
        return
    taken = _Taken(stored.published)
    for grain in ORDER:
        since = max(bucket(grain, stored.now.first, zone).start, kept_from)
        for span in sorted(buckets(grain, since, passed, zone), reverse=True):
            events = stored.now.within(span)
            if events != stored.before.within(span):
                continue
            for name, wanted in reports.items():
                with_numbers = _with_numbers(wanted, span, stored.busy)
                if with_numbers is None:
                    continue
                before = stored.published.get((name, grain, span.start))
                if before is None:
                    if not taken.overlaps(name, span):
                        yield Due(name, span, 0, events, with_numbers)
                elif _is_late(before, events, now):
                    yield Due(name, span, 1, events, with_numbers)


def _with_numbers(wanted: Wanted, span: Bucket, busy: Mapping[datetime, bool]) -> bool | None:
    """Return whether a report has numbers of a span; None where it has nothing of it, or not yet."""
    if span.grain in wanted.grains:
        return True
    if span.grain != "hour" or span.start not in busy:
        return None
    return (busy[span.start] and wanted.is_split) or (False if wanted.names_faults else None)


def _is_late(before: Published, events: int, now: datetime) -> bool:
    grown = events > before.events * (1 + LATE_SHARE)
    return before.revision == 0 and grown and now - before.at >= SETTLED
