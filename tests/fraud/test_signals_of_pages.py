"""Signals of rate and path over made rows: each fires, does not fire, and its guard holds."""

from __future__ import annotations

from pipeline.settings.model import Settings
from support.server import Rows
from support.suspicion import MadeClient, fired

PAGES = ("/", "/price", "/doctors", "/contacts")


def test_eight_pages_in_ten_seconds_are_a_burst_and_one_page_reloaded_is_not(
    tables: Rows, clickhouse: Settings
) -> None:
    robot, person, kiosk = MadeClient(), MadeClient(), MadeClient()
    rows = [
        *robot.views(range(9), PAGES),
        *person.views(range(0, 90, 10), PAGES),
        *kiosk.views(range(20)),
    ]
    assert fired(tables, clickhouse, rows, "F13") == {robot.suspect: 9}


def test_two_different_attacks_within_ten_minutes_fire(tables: Rows, clickhouse: Settings) -> None:
    scanner, once, slow = MadeClient(), MadeClient(), MadeClient()
    rows = [
        *scanner.views([0, 500], ("/.env", "/.git"), attack="dotfile"),
        *once.views([0, 5], ("/.env",), attack="dotfile"),
        *slow.views([0, 700], ("/.env", "/.git"), attack="dotfile"),
    ]
    assert fired(tables, clickhouse, rows, "F17") == {scanner.suspect: 2}


def test_a_way_of_five_pages_that_five_clients_of_three_networks_took_is_cloned(
    tables: Rows, clickhouse: Settings
) -> None:
    way = ("/", "/a", "/b", "/c", "/d")
    clones = [MadeClient() for _ in range(5)]
    others = [MadeClient({"cookie_age": "month"}) for _ in range(3)]
    rows = [row for client in [*clones, *others] for row in client.views(range(0, 50, 10), way)]
    assert fired(tables, clickhouse, rows, "F27") == {client.suspect: 5 for client in clones}
