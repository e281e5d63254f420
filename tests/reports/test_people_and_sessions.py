"""Persons and sessions: the two pieces of sql/views that every query over visitors uses."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sql import fill
from support import clinic_day
from support.server import Rows

NOON = clinic_day.MIDNIGHT + timedelta(hours=12)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
HERE = {"ip_token": "::9", "ua_token": 5}


def asked(tables: Rows, select: str, pieces: str = "$people") -> list[tuple[object, ...]]:
    """Return what a query over the pieces says of all stored rows."""
    text = fill(
        f"WITH received AS (SELECT * FROM pixel.events), stored AS (SELECT * FROM received), {pieces} {select}", {}
    )
    return [tuple(row) for row in tables.admin.query(text).result_rows]


def store(tables: Rows, *rows: dict[str, object]) -> None:
    """Store rows, each with an id of its own."""
    clinic_day.store(tables.settings, [row | {"event_id": uuid.UUID(int=place)} for place, row in enumerate(rows, 1)])


def hit(at: datetime, visitor: int, kind: str = "cookie", **facts: object) -> dict[str, object]:
    """Return a row of a visitor."""
    return clinic_day.row(at, visitor=visitor, visitor_kind=kind, **facts)


def persons(tables: Rows) -> list[tuple[object, ...]]:
    """Return person and day of every row, in the order of time."""
    return asked(tables, "SELECT person, person_day = toDate(0) FROM persons ORDER BY received_at, event_id")


def test_a_cookie_is_one_person_on_all_days_and_a_day_token_another_on_each(tables: Rows) -> None:
    store(tables, hit(NOON, 7), hit(NOON + DAY, 7), hit(NOON, 8, "day"))
    assert sorted(persons(tables)) == [(7, 1), (7, 1), (8, 0)]


def test_a_first_hit_belongs_to_the_cookie_of_the_same_day_and_site_alone(tables: Rows) -> None:
    first = {"kind": "day", "cookie_state": "new", **HERE}
    elsewhere = hit(NOON, 102, **first) | {"site": "elsewhere"}
    store(tables, hit(NOON, 100, **first), hit(NOON + MINUTE, 7, **HERE), hit(NOON + DAY, 101, **first), elsewhere)
    assert sorted(persons(tables)) == [(7, 1), (7, 1), (101, 0), (102, 0)]


def test_a_refused_cookie_behind_the_same_address_stays_somebody_else(tables: Rows) -> None:
    store(tables, hit(NOON, 7, **HERE), hit(NOON + MINUTE, 101, "day", cookie_state="refused", **HERE))
    assert persons(tables) == [(7, 1), (101, 0)]


def test_on_a_sensitive_page_and_without_a_visitor_there_is_nobody(tables: Rows) -> None:
    store(tables, hit(NOON, 8, page="/services/~hiv"), hit(NOON, 0, "none"))
    assert persons(tables) == [(0, 1)] * 2


def test_a_gap_of_thirty_minutes_begins_a_session_and_one_of_less_does_not(tables: Rows) -> None:
    minutes = (0, 29, 58, 88, 117)
    store(
        tables,
        *(hit(NOON + minute * MINUTE, 7) for minute in minutes),
        hit(NOON + 60 * MINUTE, 8),
        hit(NOON, 0, "none"),
    )
    select = "SELECT person, session FROM in_sessions ORDER BY person, received_at"
    assert asked(tables, select, "$people, $sessions") == [(7, 1), (7, 1), (7, 1), (7, 2), (7, 2), (8, 1)]


def test_a_session_crosses_midnight_with_a_cookie_and_not_without(tables: Rows) -> None:
    late = clinic_day.MIDNIGHT + DAY - MINUTE
    store(tables, *(hit(at, *who) for who in ((7,), (8, "day")) for at in (late, late + 2 * MINUTE)))
    select = "SELECT person, uniqExact(person_day, session) FROM in_sessions GROUP BY person ORDER BY person"
    assert asked(tables, select, "$people, $sessions") == [(7, 1), (8, 2)]
