"""Exact numbers of this moment: they come from counters alone, and a silent site is a row like any other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from clickhouse_connect.driver import Client

from pipeline.database.client import connect
from pipeline.reports import answers, catalogue, run
from pipeline.settings.model import Settings
from pipeline.settings.site import Site
from support.server import Rows

NOW = catalogue.find("technical/now", catalogue.all_reports())
SITES = (Site(id="clinic", hosts=("clinic.example",)), Site(id="portal", hosts=("portal.example",)))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MINUTE = timedelta(minutes=1)
RECENT = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 3 * HOUR
"""A full hour that is over, of the 24 that are shown."""
WEEK_SECONDS = 7 * 24 * 3600


@pytest.fixture
def two_sites(tables: Rows) -> Iterator[Settings]:
    """The shared server with the views of two sites."""
    with tables.views_of(SITES) as settings:
        yield settings


@pytest.fixture
def ops(two_sites: Settings) -> Iterator[Client]:
    client = connect(two_sites, "ops")
    yield client
    client.close()


def asked(settings: Settings, since: datetime = RECENT, until: datetime = RECENT + HOUR) -> answers.Table:
    return run.run(settings, NOW, "clinic", since, until)


def test_each_minute_has_a_row_for_each_site_and_a_silent_site_is_told_first(tables: Rows, two_sites: Settings) -> None:
    tables.count(RECENT, "stored", 3, site="clinic")
    tables.count(RECENT, "stored", 4, site="clinic")
    tables.count(RECENT, "refused", 5, reason="flood")
    tables.count(RECENT, "refused", 2, reason="unknown_site")
    tables.count(RECENT, "flood", 5)
    tables.count(RECENT + 58 * MINUTE, "stored", 1, site="clinic")
    tables.count(RECENT - HOUR, "stored", 9, site="portal")
    tables.count(RECENT + HOUR, "stored", 9, site="portal")
    table = asked(two_sites)
    assert table.columns == NOW.view_columns
    assert len(table.rows) == 120
    assert table.rows[:4] == [
        (RECENT, "clinic", 7, 7, 5, 120),
        (RECENT, "portal", 0, 7, 5, 7200),
        (RECENT + MINUTE, "clinic", 0, 0, 0, 120),
        (RECENT + MINUTE, "portal", 0, 0, 0, 7200),
    ]
    assert sum(row[2] for row in table.rows if row[1] == "clinic") == 8  # type: ignore[misc]
    assert answers.answer(NOW, table, "en").startswith("Silent for longest: portal, 7,200 seconds")


def test_a_site_that_never_sent_a_hit_is_silent_for_seven_days_or_more(tables: Rows, two_sites: Settings) -> None:
    tables.count(RECENT - timedelta(days=8), "stored", 1, site="portal")
    assert {row[1:] for row in asked(two_sites).rows} == {
        ("clinic", 0, 0, 0, WEEK_SECONDS),
        ("portal", 0, 0, 0, WEEK_SECONDS),
    }


def test_hits_that_were_counted_without_a_site_are_not_left_out(tables: Rows, two_sites: Settings) -> None:
    tables.count(RECENT, "stored", 6)
    assert [row[1:3] for row in asked(two_sites).rows[:3]] == [("", 6), ("clinic", 0), ("portal", 0)]


def test_minutes_of_more_than_a_day_ago_are_not_shown_and_no_period_tells_of_them(
    tables: Rows, two_sites: Settings
) -> None:
    before = datetime.now(UTC)
    for at, number in ((RECENT, 1), (RECENT - 2 * DAY, 2)):
        tables.count(at, "stored", number, site="clinic")
        tables.count(at, "refused", number, reason="flood")
    rows = [row for row in asked(two_sites, RECENT - 3 * DAY, RECENT + HOUR).rows if row[1] == "clinic"]
    first = rows[0][0]
    assert isinstance(first, datetime)
    assert before - DAY - MINUTE <= first <= datetime.now(UTC) - DAY
    assert [sum(numbers) for numbers in list(zip(*rows, strict=True))[2:5]] == [1, 1, 1]
    assert asked(two_sites, RECENT - 3 * DAY, RECENT - 2 * DAY + HOUR).rows == []


def test_no_minute_of_the_future_is_shown_and_the_plain_view_ends_now(tables: Rows, ops: Client) -> None:
    before = (
        datetime.now(UTC).replace(second=0, microsecond=0) - MINUTE
    )  # a minute that has just begun is not shown yet
    tables.count(before, "stored", 2, site="clinic")
    rows = ops.query(
        "SELECT minute, accepted, lag FROM technical.now_3h WHERE site = 'clinic' ORDER BY minute"
    ).result_rows
    newest, _, lag = rows[-1]
    assert before <= newest.replace(tzinfo=UTC) <= datetime.now(UTC)
    assert 180 <= len(rows) <= 241
    assert sum(row[1] for row in rows) == 2
    assert 0 <= lag < 180


@pytest.mark.parametrize(("name", "hours"), [("day", 24), ("7d", 168), ("28d", 672)])
def test_plain_views_of_the_counters_answer_for_the_last_hours(
    name: str, hours: int, tables: Rows, ops: Client
) -> None:
    now = datetime.now(UTC)
    tables.count(now - (hours - 1) * HOUR, "offered", 3)
    tables.count(now - (hours + 2) * HOUR, "offered", 5)
    asked = f"SELECT events FROM technical.counters_{name} WHERE outcome = 'offered'"
    assert ops.query(asked).result_rows == [(3,)]


def test_plain_views_over_counters_have_described_columns_and_are_listed(ops: Client) -> None:
    described = {row[0]: (row[1], row[4]) for row in ops.query("DESCRIBE TABLE technical.now_3h").result_rows}
    assert tuple(described) == NOW.view_columns
    assert described["minute"] == ("DateTime('UTC')", "begin of the minute of receipt (UTC)")
    assert all(comment for _, comment in described.values())
    listed = ops.query(
        "SELECT name, plain, example FROM technical.reports WHERE has(['technical.now', 'technical.counters'], name)"
    )
    assert sorted(listed.result_rows) == [
        (
            "technical.counters",
            ["technical.counters_day", "technical.counters_7d", "technical.counters_28d"],
            "SELECT * FROM technical.counters_day",
        ),
        ("technical.now", ["technical.now_3h"], "SELECT * FROM technical.now_3h"),
    ]
