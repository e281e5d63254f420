"""Signals of timing over made rows: each fires, does not fire, and its guard holds."""

from __future__ import annotations

import pytest

from pipeline.settings.model import Settings
from support.server import Rows
from support.suspicion import MadeClient, fired

PAGES = ("/", "/price", "/doctors", "/contacts")
ARTICLES = tuple(f"/article-{number}" for number in range(30))
READING = (0, 8, 95, 130, 133, 310, 325, 420, 428, 431, 640, 700, 710, 835)
"""Seconds at which a person opens pages: glances and long looks in turn."""


def test_regular_gaps_fire_and_those_of_a_reader_do_not(tables: Rows, clickhouse: Settings) -> None:
    script, reader, few = MadeClient(), MadeClient(), MadeClient()
    rows = [
        *script.views([0, 20, 45, 66, 90, 112, 130, 154], PAGES),
        *reader.views(READING, ARTICLES),
        *few.views(range(0, 120, 20), PAGES),
    ]
    got = fired(tables, clickhouse, rows, "F20")
    assert got == {script.suspect: pytest.approx(0.10 * (1 + 16 / 49), abs=0.02)}


def test_six_gaps_have_to_be_more_regular_than_twenty(tables: Rows, clickhouse: Settings) -> None:
    few, many = MadeClient(), MadeClient()
    gaps = [10, 20, 40, 10, 20, 40]
    seconds = [sum((gaps * 4)[:number]) for number in range(25)]
    rows = [*few.views(seconds[:7], ARTICLES), *many.views(seconds, ARTICLES)]
    assert fired(tables, clickhouse, rows, "F20") == {many.suspect: pytest.approx(0.55, abs=0.01)}


@pytest.mark.parametrize("signal", ["F20", "F21"])
def test_a_screen_that_loads_its_page_again_and_a_second_visit_are_no_regular_gaps(
    tables: Rows, clickhouse: Settings, signal: str
) -> None:
    kiosk, in_parts = MadeClient(), MadeClient()
    rows = [
        *kiosk.views([0], ("/start",)),
        *kiosk.views(range(30, 3000, 30)),
        *in_parts.views(range(0, 20_000, 2000), PAGES),
    ]
    assert fired(tables, clickhouse, rows, signal) == {}


def test_uniform_gaps_fire_and_those_of_a_reader_do_not(tables: Rows, clickhouse: Settings) -> None:
    script, reader, few = MadeClient(), MadeClient(), MadeClient()
    rows = [
        *script.views(range(0, 13 * 20, 20), PAGES),
        *reader.views(READING, ARTICLES),
        *few.views(range(0, 12 * 20, 20), PAGES),
    ]
    assert fired(tables, clickhouse, rows, "F21") == {script.suspect: 0}


def test_a_fixed_period_fires_even_on_one_page(tables: Rows, clickhouse: Settings) -> None:
    monitor, sometimes, short, burst = MadeClient(), MadeClient(), MadeClient(), MadeClient()
    rows = [
        *monitor.views(range(0, 60 * 21, 60)),
        *sometimes.views([number * 60 + number * number % 7 * 5 for number in range(30)]),
        *short.views(range(0, 60 * 20, 60)),
        *burst.views(range(30), PAGES),
    ]
    assert fired(tables, clickhouse, rows, "F22") == {monitor.suspect: 1}


def test_page_views_in_twenty_hours_of_a_day_are_of_nobody_who_sleeps(tables: Rows, clickhouse: Settings) -> None:
    nightly = [hour * 3600 - 36000 for hour in range(20)]
    robot, worker = MadeClient(), MadeClient()
    nobody = {"visitor_kind": "day", "cookie_state": "none", "cookie_age": "none"}
    alone = MadeClient(nobody)
    crowd = [MadeClient({**nobody, "ip_token": "100::1", "ua_token": number}) for number in (1, 2)]
    rows = [
        *robot.views(nightly),
        *worker.views(nightly[:19]),
        *alone.views(nightly),
        *crowd[0].views(nightly),
        *crowd[1].views([0]),
    ]
    assert fired(tables, clickhouse, rows, "F23") == {robot.suspect: 20, alone.suspect: 20}
