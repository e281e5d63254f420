"""Hours as numbers: right, the same when counted again, and without a way back to a person."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from pipeline.database.client import connect
from pipeline.errors import Retryable
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse, Retention
from pipeline.ship.rollup import LATE_DAYS, RECENT_DAYS, _days, count_days, count_late_hours, count_recent_hours
from pipeline.ship.schedule import JOBS
from support import clinic_day
from support.command import free_port
from support.server import Rows

DAY = clinic_day.SINCE.date()
NUMBERS = "sum(pageviews), sum(impressions), sum(visitors)"


def hours(rows: Rows, where: str, select: str = NUMBERS) -> list[tuple[object, ...]]:
    """Return what the roll-up says."""
    query = f"SELECT {select} FROM pixel.hourly FINAL WHERE {where}"
    return [tuple(row) for row in rows.admin.query(query).result_rows]


def store(rows: Rows, events: Iterable[dict[str, object]]) -> None:
    """Store events of the clinic."""
    clinic_day.store(rows.settings, list(events))


def view(minute: int, visitor: int, **facts: object) -> dict[str, object]:
    """Return a page view of a visitor with a cookie, so many minutes after midnight."""
    given = {"visitor": visitor, "visitor_kind": "cookie", "page": "/doctors/cardiology", "browser": "Firefox"} | facts
    return clinic_day.row(clinic_day.SINCE + timedelta(minutes=minute), **given)


def test_an_hour_says_what_the_events_say(tables: Rows) -> None:
    store(tables, clinic_day.rows())
    count_days(tables.settings, [DAY])
    counted = hours(tables, "grouping = 'total' AND NOT robot", "toHour(hour) AS of_day, pageviews, impressions")
    expected = tables.admin.query(
        "SELECT toHour(received_at) AS of_day, countIf(kind = 'pageview'), countIf(kind = 'impression')"
        " FROM pixel.events WHERE robot = '' GROUP BY of_day ORDER BY of_day"
    ).result_rows
    assert len(expected) > 10
    assert sorted(counted) == [tuple(row) for row in expected]


@pytest.mark.parametrize("grouping", ["page_group", "browser", "os", "device", "country", "asn", "mode"])
def test_every_grouping_adds_up_to_the_total(tables: Rows, grouping: str) -> None:
    store(tables, clinic_day.rows())
    count_days(tables.settings, [DAY])
    select = "sum(pageviews), sum(impressions)"
    assert hours(tables, f"grouping = '{grouping}'", select) == hours(tables, "grouping = 'total'", select)


def test_visitors_are_distinct_within_each_group(tables: Rows) -> None:
    store(tables, [view(1, 7), view(2, 7, browser="Safari"), view(3, 8), view(61, 7)])
    count_days(tables.settings, [DAY])
    assert hours(tables, "grouping = 'total' ORDER BY hour", "visitors") == [(2,), (1,)]
    by_browser = hours(tables, "grouping = 'browser' AND toHour(hour) = 0 ORDER BY browser", "browser, visitors")
    assert by_browser == [("Firefox", 2), ("Safari", 1)]


def test_a_first_hit_belongs_to_the_cookie_it_brought(tables: Rows) -> None:
    same = {"ip_token": "::9", "ua_token": 5}
    store(tables, [view(1, 100, visitor_kind="day", cookie_state="new", **same), view(2, 7, **same)])
    # Somebody else behind the same address, with the same agent, who refuses cookies.
    store(tables, [view(3, 101, visitor_kind="day", cookie_state="refused", **same)])
    count_days(tables.settings, [DAY])
    assert hours(tables, "grouping = 'total'", "pageviews, visitors") == [(3, 2)]


def test_who_has_no_visitor_is_counted_in_views_only(tables: Rows) -> None:
    store(tables, [view(1, 0, visitor_kind="none"), view(2, 0, visitor_kind="none")])
    count_days(tables.settings, [DAY])
    assert hours(tables, "grouping = 'total'", "pageviews, visitors") == [(2, 0)]


def test_a_page_counts_for_its_section(tables: Rows) -> None:
    pages = ("/", "/doctors", "/doctors/a", "/services/~sensitive", "")
    store(tables, [view(1, 7, page=page) for page in pages])
    count_days(tables.settings, [DAY])
    sections = hours(tables, "grouping = 'page_group' ORDER BY page_group", "page_group, pageviews")
    assert sections == [("", 1), ("/", 1), ("/doctors", 2), ("/services/~sensitive", 1)]


def test_counting_again_changes_nothing(tables: Rows) -> None:
    store(tables, clinic_day.rows())
    everything = "* EXCEPT computed_at"
    count_days(tables.settings, [DAY])
    once = sorted(hours(tables, "1", everything))
    count_days(tables.settings, [DAY, DAY])
    assert sorted(hours(tables, "1", everything)) == once


def test_a_late_event_is_counted_the_next_time(tables: Rows) -> None:
    store(tables, [view(1, 7)])
    count_days(tables.settings, [DAY])
    store(tables, [view(5, 8)])
    count_late_hours(tables.settings)
    assert hours(tables, "grouping = 'total'") == [(2, 0, 2)]


def test_who_is_blocked_vanishes_from_the_numbers(tables: Rows) -> None:
    store(tables, [view(1, 7), view(2, 8, browser="Rare")])
    count_days(tables.settings, [DAY])
    assert hours(tables, "browser = 'Rare'") == [(1, 0, 1)]
    tables.writer.command(
        "INSERT INTO pixel.subject_blocks (case_id, kind, visitor, state) VALUES ('1', 'visitor', 8, 'blocked')"
    )
    count_days(tables.settings, [DAY])
    assert hours(tables, "browser = 'Rare'") == [(0, 0, 0)]
    assert hours(tables, "grouping = 'total'") == [(1, 0, 1)]


def test_an_hour_that_is_not_over_is_not_counted(tables: Rows) -> None:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    store(tables, [clinic_day.row(now, visitor=7, visitor_kind="cookie", epoch=now.date())])
    count_recent_hours(tables.settings)
    if datetime.now(UTC).hour == now.hour:
        assert hours(tables, "1", "count()") == [(0,)]


def test_no_day_is_counted_whose_rows_may_have_ended() -> None:
    short = Settings(retention=Retention(keys_days=3, rows_days=3, quarantine_days=3))
    assert len(_days(LATE_DAYS, short)) == 3
    assert len(_days(LATE_DAYS, Settings())) == LATE_DAYS
    assert _days(RECENT_DAYS, Settings())[0] == datetime.now(UTC).date()


def test_the_worker_reads_numbers_and_no_row(tables: Rows) -> None:
    assert tables.writer.query(f"SELECT * FROM rollup.hourly_counts(day = '{DAY}')").result_rows == []
    for query in ("SELECT count() FROM pixel.hourly", "SELECT visitor FROM pixel.events"):
        with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
            tables.writer.query(query)


def test_no_reader_reaches_the_view(clickhouse: Settings) -> None:
    for role in ("ops", "security", "privacy"):
        client = connect(clickhouse, role)
        with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
            client.query(f"SELECT * FROM rollup.hourly_counts(day = '{DAY}')")
        client.close()


def test_a_database_that_is_away_is_tried_again(clickhouse: Settings) -> None:
    away = clickhouse.model_copy(update={"clickhouse": ClickHouse(port=free_port())})
    with pytest.raises(Retryable):
        count_recent_hours(away)


def test_the_worker_counts_hourly_and_once_more_daily() -> None:
    assert {job.run: job.every_seconds for job in JOBS if job.run in (count_recent_hours, count_late_hours)} == {
        count_recent_hours: 3600,
        count_late_hours: 86_400,
    }
