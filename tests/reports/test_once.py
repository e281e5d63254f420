"""An event delivered twice is one event in every number, on both sides of every boundary."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import pytest

from pipeline.reports import catalogue, run
from pipeline.ship.rollup import count_days
from sql import fill
from support import clinic_day
from support.publishing import publish_exactly
from support.server import Rows

ALL = catalogue.all_reports()
NOON = clinic_day.MIDNIGHT + timedelta(hours=12)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
PEOPLE = 20


def view(at: datetime, visitor: int, nonce: int, **facts: object) -> dict[str, object]:
    """Return a page view of a visitor with a cookie."""
    known = {"visitor_kind": "cookie", "cookie_state": "returning", "ad": ""}
    return clinic_day.row(at, visitor=visitor, nonce=nonce, **known, **facts)


def store(tables: Rows, *rows: dict[str, object]) -> None:
    """Store rows, each with an id of its own."""
    clinic_day.store(tables.settings, [row | {"event_id": uuid.UUID(int=place)} for place, row in enumerate(rows, 1)])


def days(
    tables: Rows, since: datetime = clinic_day.SINCE, until: datetime = clinic_day.UNTIL
) -> list[tuple[object, object]]:
    """Return day and events as the privacy report counts them."""
    table = run.run(tables.settings, catalogue.find("privacy/retention", ALL), clinic_day.SITE, since, until)
    return [(row[0], row[1]) for row in table.rows]


def events(tables: Rows, *rows: dict[str, object]) -> int:
    """Return how many events of these rows are counted in the day."""
    store(tables, *rows)
    return sum(int(str(number)) for _, number in days(tables))


@pytest.mark.parametrize(
    ("after", "counted"),
    [(SECOND, 1), (10 * MINUTE, 1), (10 * MINUTE + timedelta(milliseconds=1), 2), (-1 * SECOND, 1)],
)
def test_a_second_delivery_within_ten_minutes_does_not_count(after: timedelta, counted: int, tables: Rows) -> None:
    assert events(tables, view(NOON, 7, 99), view(NOON + after, 7, 99)) == counted


def test_a_third_delivery_is_measured_from_the_second(tables: Rows) -> None:
    assert events(tables, *(view(NOON + minutes * MINUTE, 7, 99) for minutes in (0, 9, 18, 29))) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"nonce": 98},
        {"visitor": 8},
        {"kind": "impression"},
        {"ad": "header"},
    ],
)
def test_an_event_with_another_nonce_visitor_kind_or_ad_is_another_event(
    other: dict[str, object], tables: Rows
) -> None:
    assert events(tables, view(NOON, 7, 99), view(NOON, 7, 99) | other) == 2


def test_an_event_without_a_nonce_is_never_a_repeat(tables: Rows) -> None:
    assert events(tables, view(NOON, 7, 0), view(NOON + SECOND, 7, 0)) == 2


def test_a_page_view_of_nobody_is_known_again_by_its_nonce(tables: Rows) -> None:
    nobody = {"visitor": 0, "visitor_kind": "none", "cookie_state": "signal"}
    assert events(tables, view(NOON, 7, 99) | nobody, view(NOON + SECOND, 7, 99) | nobody) == 1


def test_the_same_nonce_on_another_site_is_another_event(tables: Rows) -> None:
    assert events(tables, view(NOON - SECOND, 7, 99) | {"site": "elsewhere"}, view(NOON, 7, 99)) == 1


@pytest.mark.parametrize("boundary", [NOON, clinic_day.UNTIL - timedelta(days=0)])
def test_a_delivery_on_each_side_of_a_boundary_counts_before_it(boundary: datetime, tables: Rows) -> None:
    store(tables, view(boundary - SECOND, 7, 99), view(boundary + SECOND, 7, 99))
    hour = timedelta(hours=1)
    assert [number for _, number in days(tables, boundary - hour, boundary)] == [1]
    assert days(tables, boundary, boundary + hour) == []
    assert [number for _, number in days(tables, boundary - hour, boundary + hour)] == [1]


def test_the_numbers_by_hour_count_a_delivery_on_each_side_of_midnight_once(tables: Rows) -> None:
    store(tables, view(clinic_day.MIDNIGHT - SECOND, 7, 99), view(clinic_day.MIDNIGHT + SECOND, 7, 99))
    count_days(tables.settings, [clinic_day.MIDNIGHT.date() - timedelta(days=1), clinic_day.MIDNIGHT.date()])
    query = "SELECT hour, pageviews, visitors FROM pixel.hourly FINAL WHERE grouping = 'total' AND pageviews > 0"
    assert [row[1:] for row in tables.admin.query(query).result_rows] == [(1, 1)]


def test_a_session_has_each_event_once(tables: Rows) -> None:
    store(tables, view(NOON, 7, 99), view(NOON + SECOND, 7, 99), view(NOON + MINUTE, 7, 98))
    values = {"site": clinic_day.SITE, "since": clinic_day.SINCE, "until": clinic_day.UNTIL}
    text = fill(
        "WITH $stored, $people, $sessions SELECT session, count() FROM in_sessions GROUP BY session", {"zone": "'UTC'"}
    )
    assert tables.admin.query(text, parameters=values).result_rows == [(1, 2)]


def _hits(name: str) -> str:
    return {"fraud/bursts": "in_60s", "privacy/exposure": "events", "privacy/retention": "events"}.get(name, "hits")


# Visitors and page views: twenty visitors read one page and follow its link to an error; a crawler meets the same error.
COUNTED = {
    "broken_browsers": [(PEOPLE, 2 * PEOPLE)],
    "broken_links": [(PEOPLE, PEOPLE)],
    "browsers": [(PEOPLE, 2 * PEOPLE)],
    "cookie_loss": [(PEOPLE, 2 * PEOPLE)],
    "crawl_errors": [(None, PEOPLE)],
    "dead_links": [(PEOPLE, PEOPLE)],
    "error_pages": [(PEOPLE, PEOPLE)],
    "networks": [(PEOPLE, 2 * PEOPLE)],
    "pages": [(PEOPLE, PEOPLE)],
    "referrers": [(PEOPLE, PEOPLE)],
    "releases": [(PEOPLE, 2 * PEOPLE)],
    "script_share": [(PEOPLE, PEOPLE), (PEOPLE, PEOPLE)],
    "traffic_by_day": [(PEOPLE, 2 * PEOPLE)],
    "traffic_by_hour": [(PEOPLE, 2 * PEOPLE)],
}


def test_every_published_report_counts_views_delivered_twice_once(tables: Rows) -> None:
    error = {"page": "/gone", "status": 404, "referrer_kind": "internal", "referrer_page": "/a"}
    crawler = {"robot": "Googlebot", "net_class": "crawler"}
    rows = []
    for number in range(1, PEOPLE + 1):
        at = NOON + 50 * MINUTE + number * timedelta(milliseconds=100)
        rows += [view(at, number, number, page="/a"), view(at + MINUTE, number, 100 + number, **error)]
        rows.append(view(at, 1000, 200 + number, **(error | crawler)))
    # The second deliveries of the errors fall into the next hour.
    store(tables, *rows, *(row | {"received_at": row["received_at"] + 9 * MINUTE} for row in rows))
    publish_exactly(tables.settings)
    found = {}
    for report in ALL:
        if report.is_published and report.counted == "events":
            table = run.run(tables.settings, report, clinic_day.SITE, clinic_day.SINCE, clinic_day.UNTIL)
            shown = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
            found[report.name] = [(row.get("visitors"), row["hits"]) for row in shown if row["hits"]]
    # The others have no row: none of their faults is here.
    assert {name: rows for name, rows in found.items() if rows} == COUNTED


@pytest.mark.parametrize("name", [report.path for report in ALL if report.counted and not report.is_published])
def test_every_report_of_rows_counts_twenty_views_delivered_twice_as_twenty(name: str, tables: Rows) -> None:
    robot = {"robot": "Googlebot"} if name == "fraud/robots" else {}
    one = name == "fraud/bursts"
    rows = [
        view(
            NOON + number * timedelta(milliseconds=100),
            7 if one else number,
            1000 + number,
            page=f"/{number % 5}" if one else "/",
            status=404,
            **robot,
        )
        for number in range(1, PEOPLE + 1)
    ]
    store(tables, *rows, *(row | {"received_at": row["received_at"] + SECOND} for row in rows))  # type: ignore[operator]
    table = run.run(tables.settings, catalogue.find(name, ALL), clinic_day.SITE, clinic_day.SINCE, clinic_day.UNTIL)
    (row,) = table.rows
    shown = dict(zip(table.columns, row, strict=True))
    assert shown[_hits(name)] == PEOPLE
    assert shown.get("visitors", PEOPLE) == PEOPLE
