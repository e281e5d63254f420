"""The buckets of published numbers: borders in the site's zone, across clock changes, and the fewest for a window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.reports.buckets import Bucket, Grain, bucket, buckets

MOSCOW, BERLIN, KOLKATA = ZoneInfo("Europe/Moscow"), ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")
HOWE = ZoneInfo("Australia/Lord_Howe")  # its clock changes by half an hour
ZONES = st.sampled_from([ZoneInfo("UTC"), MOSCOW, BERLIN, KOLKATA, ZoneInfo("America/Sao_Paulo"), HOWE])
GRAINS: tuple[Grain, ...] = ("hour", "day", "week", "four_weeks")
FIRST, LAST = datetime(2015, 1, 1), datetime(2035, 1, 1)  # noqa: DTZ001 - hypothesis adds the zone
moments = st.datetimes(FIRST, LAST, timezones=st.just(UTC))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("grain", "zone", "moment", "start", "end"),
    [
        ("hour", MOSCOW, "2026-11-27T10:59", "2026-11-27T10:00", "2026-11-27T11:00"),
        ("hour", KOLKATA, "2026-11-27T10:59", "2026-11-27T10:30", "2026-11-27T11:30"),
        ("hour", HOWE, "2026-04-04T14:59", "2026-04-04T14:00", "2026-04-04T15:00"),  # until the clock goes back
        ("hour", HOWE, "2026-04-04T15:10", "2026-04-04T15:00", "2026-04-04T16:00"),
        ("hour", HOWE, "2026-04-05T13:10", "2026-04-05T13:00", "2026-04-05T13:30"),
        ("day", HOWE, "2026-04-04T15:10", "2026-04-04T13:00", "2026-04-05T13:30"),  # 24 hours and a half
        ("day", MOSCOW, "2026-11-27T20:59", "2026-11-26T21:00", "2026-11-27T21:00"),
        ("day", MOSCOW, "2026-11-27T21:00", "2026-11-27T21:00", "2026-11-28T21:00"),
        ("day", BERLIN, "2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00"),  # 25 hours
        ("day", BERLIN, "2026-03-29T12:00", "2026-03-28T23:00", "2026-03-29T22:00"),  # 23 hours
        ("week", MOSCOW, "2026-11-27T12:00", "2026-11-22T21:00", "2026-11-29T21:00"),
        ("four_weeks", MOSCOW, "2026-11-27T12:00", "2026-11-22T21:00", "2026-12-20T21:00"),
    ],
)
def test_a_bucket_has_the_borders_of_the_sites_zone(
    grain: Grain, zone: ZoneInfo, moment: str, start: str, end: str
) -> None:
    assert bucket(grain, utc(moment), zone) == Bucket(grain, utc(start), utc(end))


@given(st.sampled_from(GRAINS), moments, ZONES)
@example("hour", utc("2026-04-04T14:30"), HOWE)
@example("hour", utc("2026-04-04T15:10"), HOWE)
@example("hour", utc("2026-10-04T12:45"), HOWE)
def test_every_moment_is_in_its_bucket_and_the_next_begins_where_it_ends(
    grain: Grain, moment: datetime, zone: ZoneInfo
) -> None:
    made = bucket(grain, moment, zone)
    assert made.start <= moment < made.end
    assert bucket(grain, made.start, zone) == made
    assert bucket(grain, made.end, zone).start == made.end


@pytest.mark.parametrize("change", ["2026-04-04T15:00", "2026-10-03T15:30"])
def test_the_hours_go_on_through_a_night_whose_clock_changes_by_half_an_hour(change: str) -> None:
    days = [bucket("day", utc(change) + timedelta(days=number), HOWE) for number in (-1, 0, 1)]
    hours = list(islice(buckets("hour", days[0].start, days[-1].end, HOWE), 100))
    assert [hour.start for hour in hours] == [days[0].start, *(hour.end for hour in hours[:-1])]
    assert hours[-1].end == days[-1].end
    assert {day.start for day in days} <= {hour.start for hour in hours}
