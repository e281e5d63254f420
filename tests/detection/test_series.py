"""A table of numbers by hour: what is not in it is zero, and what does not belong to it is left out."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from pipeline.detection.series import SITE, Counted, Counts, Slice, Table
from support.made_site import MONDAY

HOUR = timedelta(hours=1)
UTC_ZONE = ZoneInfo("UTC")
PAGE = Slice("page", "/")


def test_an_hour_without_a_row_is_zero() -> None:
    table = Table(MONDAY, MONDAY + 4 * HOUR, [Counted(MONDAY + HOUR, SITE, 5, 3, {"error": 2})], UTC_ZONE)
    assert list(table.of("views")) == [0, 5, 0, 0]
    assert list(table.of("people")) == [0, 3, 0, 0]
    assert list(table.of("error")) == [0, 2, 0, 0]
    assert list(table.of("storm", PAGE)) == [0, 0, 0, 0]


@pytest.mark.parametrize("hours", [-1, 4, 1000])
def test_a_row_outside_of_the_table_is_left_out(hours: int) -> None:
    table = Table(MONDAY, MONDAY + 4 * HOUR, [Counted(MONDAY + hours * HOUR, PAGE, 5, 3, {})], UTC_ZONE)
    assert table.slices == {}
    assert table.of("views", PAGE).sum() == 0


def test_the_open_hour_counts_as_far_as_it_is_over() -> None:
    table = Table(MONDAY, MONDAY + timedelta(hours=2, minutes=15), (), UTC_ZONE)
    assert table.size == 3
    assert list(table.elapsed) == [1, 1, 0.25]


def test_a_table_that_ends_with_an_hour_has_no_open_one() -> None:
    table = Table(MONDAY, MONDAY + 2 * HOUR, (), UTC_ZONE)
    assert list(table.elapsed) == [1, 1]


@pytest.mark.parametrize("hours", [0, -5])
def test_a_table_of_no_time_is_empty(hours: int) -> None:
    table = Table(MONDAY, MONDAY + hours * HOUR, [Counted(MONDAY, SITE, 1, 1, {})], UTC_ZONE)
    assert table.size == 0
    assert list(table.elapsed) == []
    assert list(table.weekday_hours()) == []


def test_the_table_of_an_earlier_moment_knows_no_later_hour() -> None:
    rows = [Counted(MONDAY + place * HOUR, SITE, 1, 1, {}) for place in range(10)]
    whole = Table(MONDAY, MONDAY + 10 * HOUR, rows, UTC_ZONE)
    earlier = whole.before(MONDAY + 4 * HOUR)
    assert earlier.size == 4
    assert earlier.of("people").size == 4
    assert earlier.until == MONDAY + 4 * HOUR


def test_places_and_times_are_each_others_inverse() -> None:
    table = Table(MONDAY, MONDAY + 10 * HOUR, (), UTC_ZONE)
    assert [table.place(table.time(place)) for place in range(10)] == list(range(10))
    assert table.place(MONDAY + timedelta(minutes=59)) == 0
    assert table.place(MONDAY - timedelta(minutes=1)) == -1


def test_a_table_of_whole_series_is_the_one_of_its_hours() -> None:
    rows = [
        Counted(MONDAY + place * HOUR, piece, place + 1, place, {"error": place} if place % 2 else {})
        for place in range(-2, 6)
        for piece in (SITE, PAGE)
    ]
    rows.append(Counted(MONDAY - HOUR, Slice("page", "/old"), 1, 1, {}))
    counts = [
        Counts(measure, piece, [place for place, _ in found], [number for _, number in found])
        for piece in (SITE, PAGE, Slice("page", "/old"))
        for measure in ("views", "people", "error")
        if (
            found := [
                ((row.hour - MONDAY) // HOUR, number)
                for row in rows
                if row.slice == piece and (number := numbers(row)[measure]) is not None
            ]
        )
    ]
    by_hour = Table(MONDAY, MONDAY + 4 * HOUR, rows, UTC_ZONE)
    whole = Table.of_counts(MONDAY, MONDAY + 4 * HOUR, counts, UTC_ZONE)
    assert whole.slices == by_hour.slices == {"site": [SITE], "page": [PAGE]}
    for piece in (SITE, PAGE):
        for measure in ("views", "people", "error", "storm"):
            assert list(whole.of(measure, piece)) == list(by_hour.of(measure, piece))


def numbers(row: Counted) -> dict[str, int | None]:
    return {"views": row.views, "people": row.people, "error": row.flags.get("error")}
