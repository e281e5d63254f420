"""The choice of the spans to publish: once each, once more for late events, and never again for fewer rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.publish.due import SETTLED, Due, Published, Rows, Stored, Wanted, due
from pipeline.publish.publisher import in_order
from pipeline.reports.buckets import Grain, bucket

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
HOUR, DAY, QUARTER = timedelta(hours=1), timedelta(days=1), timedelta(minutes=15)
UTC_ZONE = ZoneInfo("UTC")
LONG_AGO = MONDAY - 900 * DAY
HOURS, PAGES, ERRORS = "traffic_by_hour", "pages", "error_pages"
ALL_GRAINS: tuple[Grain, ...] = ("day", "week", "four_weeks")
REPORTS = {
    HOURS: Wanted(("hour",), is_split=False, names_faults=False),
    PAGES: Wanted(ALL_GRAINS, is_split=True, names_faults=False),
    ERRORS: Wanted(ALL_GRAINS, is_split=True, names_faults=True),
}


@dataclass
class Site:
    """A site whose stored rows grow, and whose spans are published as they become due."""

    rows: dict[datetime, int] = field(default_factory=dict)
    before: dict[datetime, int] | None = None
    published: dict[tuple[str, Grain, datetime], Published] = field(default_factory=dict)
    busy: Mapping[datetime, bool] = field(default_factory=dict)
    zone: ZoneInfo = UTC_ZONE

    def due(self, passed: datetime, now: datetime | None = None, kept_from: datetime = LONG_AGO) -> list[Due]:
        """Return what is due when everything received before `passed` is stored."""
        before = self.rows if self.before is None else self.before
        stored = Stored(Rows(self.rows), Rows(before), self.published, self.busy)
        return list(due(REPORTS, stored, passed=passed, kept_from=kept_from, now=now or passed, zone=self.zone))

    def publish(self, passed: datetime, now: datetime | None = None, kept_from: datetime = LONG_AGO) -> list[Due]:
        """Publish what is due, and return it."""
        found = self.due(passed, now, kept_from)
        for each in found:
            place = (each.report, each.span.grain, each.span.start)
            self.published[place] = Published(each.span.end, each.revision, each.events, now or passed)
        return found


def told(found: list[Due]) -> list[tuple[str, Grain, datetime, int]]:
    """Return report, grain, begin and revision of what is due."""
    return [(each.report, each.span.grain, each.span.start, each.revision) for each in found]


def of(found: list[Due], report: str, grain: Grain) -> list[Due]:
    """Return what is due of one report and grain."""
    return [each for each in found if (each.report, each.span.grain) == (report, grain)]


def test_an_hour_is_due_when_everything_received_in_it_is_stored_and_not_before() -> None:
    site = Site({MONDAY: 7})
    assert site.due(MONDAY + HOUR - timedelta(seconds=1)) == []
    assert told(site.due(MONDAY + HOUR)) == [(HOURS, "hour", MONDAY, 0)]


def test_a_day_is_due_after_its_last_hour_and_a_week_after_its_last_day() -> None:
    site = Site({MONDAY: 7})
    assert {each.span.grain for each in site.due(MONDAY + DAY - HOUR)} == {"hour"}
    assert told(of(site.due(MONDAY + DAY), PAGES, "day")) == [(PAGES, "day", MONDAY, 0)]
    assert of(site.due(MONDAY + 7 * DAY - HOUR), PAGES, "week") == []
    assert told(of(site.due(MONDAY + 7 * DAY), PAGES, "week")) == [(PAGES, "week", MONDAY, 0)]


def test_the_days_are_those_of_the_sites_zone() -> None:
    moscow = ZoneInfo("Europe/Moscow")
    site = Site({MONDAY: 7}, zone=moscow)
    (day,) = of(site.due(MONDAY + DAY), PAGES, "day")
    assert (day.span.start, day.span.end) == (MONDAY - 3 * HOUR, MONDAY + 21 * HOUR)


def test_the_newest_span_comes_first() -> None:
    hours = of(Site({MONDAY: 7}).due(MONDAY + 5 * HOUR), HOURS, "hour")
    assert [each.span.start for each in hours] == [MONDAY + place * HOUR for place in (4, 3, 2, 1, 0)]


def test_an_hour_without_rows_is_published_too_once_the_site_has_any() -> None:
    site = Site({MONDAY: 7, MONDAY + 3 * HOUR: 1})
    assert [each.events for each in of(site.due(MONDAY + 4 * HOUR), HOURS, "hour")] == [1, 0, 0, 7]
    assert Site({}).due(MONDAY + DAY) == []


def test_a_span_that_still_grows_waits_for_the_next_look() -> None:
    site = Site({MONDAY: 7, MONDAY + HOUR: 3}, before={MONDAY: 6, MONDAY + HOUR: 3})
    assert told(site.due(MONDAY + 2 * HOUR)) == [(HOURS, "hour", MONDAY + HOUR, 0)]
    site.before = None
    assert len(site.due(MONDAY + 2 * HOUR)) == 2


@pytest.mark.parametrize(("late", "is_again"), [(0, False), (5, False), (6, True), (400, True)])
def test_late_events_of_more_than_a_twentieth_publish_a_span_once_more(late: int, is_again: bool) -> None:
    site = Site({MONDAY: 100})
    site.publish(MONDAY + HOUR)
    site.rows[MONDAY + QUARTER] = late
    later = MONDAY + HOUR + SETTLED
    assert told(site.publish(MONDAY + HOUR, later)) == ([(HOURS, "hour", MONDAY, 1)] if is_again else [])
    site.rows[MONDAY + 2 * QUARTER] = 10_000
    assert bool(site.publish(MONDAY + HOUR, later + DAY)) is not is_again
    site.rows[MONDAY + 3 * QUARTER] = 10_000_000
    assert site.publish(MONDAY + HOUR, later + 2 * DAY) == []


def test_a_correction_waits_ten_minutes_because_it_is_the_last_one() -> None:
    site = Site({MONDAY: 100})
    site.publish(MONDAY + HOUR)
    site.rows[MONDAY] = 200
    assert site.due(MONDAY + HOUR, MONDAY + HOUR + SETTLED - timedelta(seconds=1)) == []
    assert len(site.due(MONDAY + HOUR, MONDAY + HOUR + SETTLED)) == 1


def test_one_late_event_of_an_hour_without_any_publishes_it_again() -> None:
    site = Site({MONDAY: 7})
    site.publish(MONDAY + 2 * HOUR)
    site.rows[MONDAY + HOUR] = 1
    assert told(site.due(MONDAY + 2 * HOUR, MONDAY + 3 * HOUR)) == [(HOURS, "hour", MONDAY + HOUR, 1)]


def test_a_span_that_begins_before_the_kept_rows_is_never_counted() -> None:
    site = Site({MONDAY: 7})
    kept_from = MONDAY + 90 * timedelta(minutes=1)
    hours = of(site.due(MONDAY + 3 * HOUR, kept_from=kept_from), HOURS, "hour")
    assert [each.span.start for each in hours] == [MONDAY + 2 * HOUR]
    assert of(site.due(MONDAY + 7 * DAY, kept_from=kept_from), PAGES, "week") == []


@pytest.mark.parametrize(
    ("busy", "numbers"),
    [
        ({}, {}),
        ({MONDAY: False}, {ERRORS: False}),
        ({MONDAY: True}, {PAGES: True, ERRORS: True}),
    ],
)
def test_reports_of_days_have_numbers_of_a_busy_hour_and_name_only_faults_in_another(
    busy: dict[datetime, bool], numbers: dict[str, bool]
) -> None:
    found = Site({MONDAY: 7}, busy=busy).due(MONDAY + HOUR)
    assert {each.report: each.numbers for each in found} == {HOURS: True} | numbers


def test_an_hour_that_is_not_known_to_be_busy_is_published_once_it_is() -> None:
    site = Site({MONDAY: 7})
    assert told(site.publish(MONDAY + HOUR)) == [(HOURS, "hour", MONDAY, 0)]
    site.busy = {MONDAY: True}
    assert {each.report for each in site.publish(MONDAY + HOUR)} == {PAGES, ERRORS}
    assert site.publish(MONDAY + HOUR) == []


def test_after_a_change_of_the_zone_no_span_that_overlaps_a_published_one_is_published() -> None:
    site = Site({MONDAY: 7, MONDAY + 2 * DAY: 7, MONDAY + 3 * DAY: 7})
    site.publish(MONDAY + 2 * DAY)
    site.zone = ZoneInfo("Europe/Moscow")
    days = of(site.publish(MONDAY + 4 * DAY), PAGES, "day")
    assert [each.span.start for each in days] == [MONDAY + 3 * DAY - 3 * HOUR]


quarters = st.dictionaries(
    st.integers(0, 4 * 24 * 9).map(lambda number: MONDAY + number * QUARTER), st.integers(1, 300), max_size=20
)
zones = st.sampled_from([UTC_ZONE, ZoneInfo("Europe/Moscow"), ZoneInfo("Asia/Kolkata")])


@given(st.lists(quarters, min_size=1, max_size=6), zones)
def test_every_span_is_published_once_and_again_at_most_once_however_rows_arrive(
    arrivals: list[dict[datetime, int]], zone: ZoneInfo
) -> None:
    site, made = Site(zone=zone), list[tuple[str, Grain, datetime, int]]()
    for place, more in enumerate(arrivals):
        for quarter, number in more.items():
            site.rows[quarter] = site.rows.get(quarter, 0) + number
        found = site.publish(MONDAY + 8 * DAY, MONDAY + (9 + place) * DAY)
        for each in found:
            assert each.span.end <= MONDAY + 8 * DAY
            assert each.events == sum(n for at, n in site.rows.items() if each.span.start <= at < each.span.end)
        made += told(found)
        assert site.due(MONDAY + 8 * DAY, MONDAY + (9 + place) * DAY) == []
    assert len(set(made)) == len(made)
    assert {revision for *_, revision in made} <= {0, 1}
    first = Rows(site.rows).first
    if first is not None and first < MONDAY + 7 * DAY:
        assert (PAGES, "day", bucket("day", first, zone).start, 0) in made


@given(quarters, st.data())
def test_fewer_rows_never_publish_a_span_again(rows: dict[datetime, int], data: st.DataObject) -> None:
    site = Site(dict(rows))
    site.publish(MONDAY + 8 * DAY)
    for quarter, number in rows.items():
        left = data.draw(st.integers(0, number))
        site.rows[quarter] = left
        if not left and data.draw(st.booleans()):
            del site.rows[quarter]
    assert site.due(MONDAY + 8 * DAY, MONDAY + 10 * DAY) == []


@given(quarters, st.integers(0, 9 * 24))
def test_rows_are_counted_from_the_begin_of_a_span_to_its_end(rows: dict[datetime, int], hour: int) -> None:
    span = bucket("hour", MONDAY + hour * HOUR, UTC_ZONE)
    assert Rows(rows).within(span) == sum(number for at, number in rows.items() if span.start <= at < span.end)


def test_pages_are_published_before_every_report_that_asks_what_pages_are_known() -> None:
    site = Site({MONDAY: 7})
    found = [each for each in site.due(MONDAY + 7 * DAY) if each.report != HOURS]
    names = ("zebra", "Ants", PAGES, ERRORS, "pages_of_exit")
    mixed = [each._replace(report=name) for each in found for name in names]
    listed = in_order(mixed)
    assert sorted(listed) == sorted(mixed)
    together = [name for name, _ in groupby(each.report for each in listed)]
    assert together == [PAGES, "Ants", ERRORS, "pages_of_exit", "zebra"]
    for (_, grain), some in groupby(listed, key=lambda each: (each.report, each.span.grain)):
        starts = [each.span.start for each in some]
        assert starts == sorted(starts, reverse=True), grain
