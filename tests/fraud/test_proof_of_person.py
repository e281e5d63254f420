"""What proves a person without a verdict: not a cookie that was set on the same day, which any program sends back."""

from __future__ import annotations

from pipeline.settings.model import Settings
from support.clinic_day import store
from support.server import Rows
from support.suspicion import MadeClient, found

WAY = ("/", "/a", "/b", "/c", "/d")


def test_a_cookie_of_the_same_day_proves_no_person(tables: Rows, clickhouse: Settings) -> None:
    robot = MadeClient({"cookie_age": "day"})
    store(clickhouse, robot.views(range(9), WAY))
    assert [(suspect.suspect, suspect.is_person) for suspect in found(tables.writer, "F13")] == [(robot.suspect, False)]


def test_a_cookie_of_the_week_before_proves_a_person(tables: Rows, clickhouse: Settings) -> None:
    reader = MadeClient({"cookie_age": "week"})
    store(clickhouse, reader.views(range(9), WAY))
    assert [(suspect.suspect, suspect.is_person) for suspect in found(tables.writer, "F13")] == [(reader.suspect, True)]
