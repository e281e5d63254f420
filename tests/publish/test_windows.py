"""A window of a report is the sum of the fewest published spans in it, in the time zone of the site."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pipeline.database.client import in_utc
from pipeline.publish.cells import Shown
from pipeline.publish.due import Due
from pipeline.publish.ledger import Ledger, Publication
from pipeline.reports.buckets import HOUR, Bucket, Grain, bucket, buckets
from support.days import MIDNIGHT
from support.publishing import DAY, ZONES, Desk, views

GRAINS: tuple[Grain, ...] = ("four_weeks", "week", "day", "hour")


def change_of_clock(zone: ZoneInfo, before: datetime) -> datetime:
    """Return noon of the last day with a change of the clock."""
    day = before.astimezone(zone).replace(hour=12)
    while day.utcoffset() == (day - DAY).utcoffset():
        day -= DAY
    return day


CHANGE = change_of_clock(ZoneInfo("Europe/Berlin"), MIDNIGHT)
HALF_CHANGE = change_of_clock(ZoneInfo("Australia/Lord_Howe"), MIDNIGHT)


def fewest(published: set[Bucket], since: datetime, until: datetime) -> list[Bucket]:
    """Return the longest of these spans that lie in a window, none within another: the oracle of the view."""
    inside = [span for span in published if since <= span.start and span.end <= until]
    return [
        span
        for span in inside
        if not any(other != span and other.start <= span.start and span.end <= other.end for other in inside)
    ]


def whole_days(since: datetime, until: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return a window widened to whole days of the site."""
    return bucket("day", since, zone).start, bucket("day", until - timedelta(milliseconds=1), zone).end


def publish(desk: Desk, site: str, spans: dict[Bucket, int], page: str = "/") -> None:
    """Write one cell for each span, as a publisher would."""
    made = [
        Publication(
            Due("pages", span, 0, 1),
            [Shown({"page": page}, visitors, {"hits": 2 * visitors, "staff": 0, "robots": 1})],
            has_dropped=False,
        )
        for span, visitors in spans.items()
    ]
    Ledger(desk.rows.writer, site, MIDNIGHT).write(made, MIDNIGHT)


def windows(draw: random.Random, first: datetime, days: int, number: int) -> Iterator[tuple[datetime, datetime]]:
    """Yield windows of any begin and length."""
    for _ in range(number):
        since = first + timedelta(minutes=draw.randrange(days * 24 * 60))
        yield (
            since,
            since
            + timedelta(
                minutes=draw.choice((30, 24 * 60, 7 * 24 * 60, 28 * 24 * 60, 60 * 24 * 60)) + draw.randrange(3000)
            ),
        )


@pytest.mark.parametrize("site", ZONES)
def test_a_window_is_the_sum_of_the_fewest_spans(site: str, desk: Desk) -> None:
    draw = random.Random(site)
    zone = ZoneInfo(ZONES[site])
    first = CHANGE.astimezone(UTC) - 60 * DAY
    days = 90
    all_spans = [span for grain in GRAINS for span in buckets(grain, first, first + days * DAY, zone)]
    # Some are not published: hours fill what the longer spans leave.
    spans = {span: 1 + draw.randrange(1000) for span in all_spans if span.grain == "four_weeks" or draw.random() < 0.8}
    publish(desk, site, spans)
    grains = set()
    for since, until in windows(draw, first, days, 9):
        chosen = fewest({*spans}, *whole_days(since, until, zone))
        grains |= {span.grain for span in chosen}
        expected = sum(spans[span] for span in chosen)
        rows = desk.ask("pages", since, until, site)
        assert [(row["visitors"], row["hits"]) for row in rows] == ([(expected, 2 * expected)] if chosen else []), (
            since,
            until,
        )
    assert grains == {*GRAINS}


def test_a_page_is_first_seen_on_its_first_published_day_also_where_weeks_are_summed(desk: Desk) -> None:
    zone = ZoneInfo("UTC")
    (month,) = list(buckets("four_weeks", MIDNIGHT - 80 * DAY, MIDNIGHT, zone))[-1:]
    days = list(buckets("day", month.start, month.end, zone))
    publish(desk, "clinic", {month: 400, days[11]: 30, days[15]: 40})

    def first_seen(since: datetime, until: datetime) -> list[tuple[datetime, int]]:
        rows = desk.ask("pages", since, until)
        return [(in_utc(row["first_seen"].astimezone(UTC)), row["visitors"]) for row in rows]

    assert first_seen(month.start, month.end) == [(days[11].start, 400)]
    assert first_seen(days[12].start, days[20].end) == [(days[15].start, 40)]
    # A day that is published outside of the first span is no begin of it.
    later = next(iter(buckets("day", month.end, month.end + DAY, zone)))
    publish(desk, "clinic", {later: 5})
    assert first_seen(month.start, later.end) == [(days[11].start, 405)]


def test_a_page_that_is_named_in_no_day_is_first_seen_at_the_begin_of_its_span(desk: Desk) -> None:
    zone = ZoneInfo("UTC")
    (month,) = list(buckets("four_weeks", MIDNIGHT - 80 * DAY, MIDNIGHT, zone))[-1:]
    publish(desk, "clinic", {month: 400}, page="/rare")
    (row,) = desk.ask("pages", month.start, month.end)
    assert in_utc(row["first_seen"].astimezone(UTC)) == month.start


def test_the_plain_views_are_the_last_day_and_the_last_days_that_are_published(desk: Desk) -> None:
    zone = ZoneInfo("UTC")
    days = list(buckets("day", MIDNIGHT - 40 * DAY, MIDNIGHT, zone))
    publish(desk, "clinic", {day: 1 + place for place, day in enumerate(reversed(days))})
    publish(desk, "clinic", {bucket("hour", MIDNIGHT, zone): 100_000})
    shown = {name: desk.query(f"SELECT site, visitors FROM technical.pages_{name}") for name in ("day", "7d", "28d")}
    assert shown == {"day": [("clinic", 1)], "7d": [("clinic", 28)], "28d": [("clinic", 406)]}


@pytest.mark.parametrize(
    ("site", "noon"),
    [
        ("berlin", CHANGE),
        ("howe", HALF_CHANGE),
        ("kolkata", MIDNIGHT + timedelta(hours=6)),
        ("clinic", MIDNIGHT + timedelta(hours=12)),
    ],
)
def test_every_hour_of_a_day_is_published_at_its_own_begin_across_a_change_of_the_clock(
    site: str, noon: datetime, desk: Desk
) -> None:
    zone = ZoneInfo(ZONES[site])
    day = bucket("day", noon, zone)
    hours = list(buckets("hour", day.start, day.end, zone))
    assert len(hours) == -(-(day.end - day.start) // HOUR), "an hour that was begun is one"
    # The first and the last moment of each hour; the number of people tells the hours apart.
    groups = [
        (place, at) for place, hour in enumerate(hours) for at in (hour.start, hour.end - timedelta(milliseconds=1))
    ]
    desk.store(*(views(1000 * number, 5 + place, at, site=site) for number, (place, at) in enumerate(groups, 1)))
    desk.publish("traffic_by_hour", "traffic_by_day", until=day.end, now=day.end + DAY, noise=0)
    shown = {
        in_utc(row["hour"]).astimezone(UTC): row["visitors"]
        for row in desk.ask("traffic_by_hour", day.start, day.end, site)
    }
    assert shown == {hour.start: 2 * (5 + place) for place, hour in enumerate(hours)}
    (row,) = desk.ask("traffic_by_day", day.start, day.end, site)
    assert row["visitors"] == sum(shown.values())
    assert in_utc(row["day"]) == day.start
