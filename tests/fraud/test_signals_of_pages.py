"""Signals of rate and path over made rows: each fires, does not fire, and its guard holds."""

from __future__ import annotations

import pytest

from pipeline.enrich.labels import Label
from pipeline.enrich.robots import IN_AGENT
from pipeline.scoring.rules import all_signals
from pipeline.scoring.score import LIKELY, WATCH
from pipeline.settings.model import Settings
from support.server import Rows
from support.suspicion import MadeClient, fired

PAGES = ("/", "/price", "/doctors", "/contacts")
MANY = tuple(f"/article-{number}" for number in range(200))


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


def test_twenty_pages_in_a_minute_are_a_burst_though_no_ten_seconds_are(tables: Rows, clickhouse: Settings) -> None:
    robot, slower = MadeClient(), MadeClient()
    rows = [*robot.views(range(0, 60, 3), PAGES), *slower.views(range(0, 57, 3), PAGES)]
    assert fired(tables, clickhouse, rows, "F13") == {robot.suspect: 8}


def test_more_than_a_hundred_pages_in_one_sitting_are_too_long(tables: Rows, clickhouse: Settings) -> None:
    robot, in_two_sittings, kiosk = MadeClient(), MadeClient(), MadeClient()
    rows = [
        *robot.views(range(0, 1010, 10), MANY),
        *in_two_sittings.views([*range(0, 700, 10), *range(2500, 3200, 10)], MANY),
        *kiosk.views(range(0, 4000, 10), PAGES),
    ]
    assert fired(tables, clickhouse, rows, "F14") == {robot.suspect: 101}


def test_forty_pages_in_a_minute_are_the_breadth_of_a_crawler(tables: Rows, clickhouse: Settings) -> None:
    robot, reader, reloading = MadeClient(), MadeClient(), MadeClient()
    rows = [
        *robot.views(range(30, 70), MANY),
        *reader.views(range(39), MANY),
        *reloading.views(range(50), MANY[:39]),
    ]
    assert fired(tables, clickhouse, rows, "F15") == {robot.suspect: 40}


def test_forty_pages_of_a_day_are_broad_where_they_are_a_third_of_the_site(tables: Rows, clickhouse: Settings) -> None:
    robot = MadeClient()
    rows = [*robot.views(range(0, 45 * 300, 300), MANY), *_readers_of(100)]
    assert fired(tables, clickhouse, rows, "F15b") == {robot.suspect: 45}


def test_forty_pages_of_a_day_are_not_broad_on_a_large_site(tables: Rows, clickhouse: Settings) -> None:
    reader = MadeClient()
    rows = [*reader.views(range(0, 45 * 300, 300), MANY), *_readers_of(200)]
    assert fired(tables, clickhouse, rows, "F15b") == {}


def _readers_of(pages: int) -> list[dict[str, object]]:
    """Return views of ten pages by each reader, so that two have read each of so many pages."""
    starts = [*range(0, pages, 10)] * 2
    return [row for start in starts for row in MadeClient().views(range(0, 600, 60), MANY[start : start + 10])]


def test_ten_missing_pages_are_a_search_and_broken_links_are_not(tables: Rows, clickhouse: Settings) -> None:
    scanner, slow = MadeClient(), MadeClient()
    rows = [
        *scanner.views(range(0, 100, 10), [f"/old-{number}" for number in range(10)], status=404),
        *slow.views(range(0, 120, 12), [f"/new-{number}" for number in range(10)], status=404),
    ]
    assert fired(tables, clickhouse, rows, "F16") == {scanner.suspect: 10}
    menu = [f"/menu-{number}" for number in range(12)]
    people = [MadeClient() for _ in range(5)]
    broken = [row for person in people for row in person.views(range(12), menu, status=404)]
    assert fired(tables, clickhouse, broken, "F16") == {scanner.suspect: 10}
    assert fired(tables, clickhouse, slow.views(range(9), menu, status=500), "F16") == {scanner.suspect: 10}


def test_two_different_attacks_within_ten_minutes_fire(tables: Rows, clickhouse: Settings) -> None:
    scanner, once = MadeClient(), MadeClient()
    rows = [
        *scanner.views([0, 500], ("/.env", "/.git"), attack="dotfile"),
        *once.views([0, 5], ("/.env",), attack="dotfile"),
    ]
    assert fired(tables, clickhouse, rows, "F17") == {scanner.suspect: 2}


def test_two_attacks_of_different_hours_and_two_doors_that_are_not_there_weigh_less(
    tables: Rows, clickhouse: Settings
) -> None:
    slow, editor, scanner = MadeClient(), MadeClient(), MadeClient()
    doors = ("/wp-login.php", "/wp-admin", "/administrator")
    rows = [
        *slow.views([0, 7_000], ("/.env", "/.git"), attack="dotfile"),
        *editor.views([0, 20], doors[:2], attack="cms_door", status=404),
        *scanner.views([0, 20, 40], doors, attack="cms_door", status=404),
    ]
    assert fired(tables, clickhouse, rows, "F17") == {slow.suspect: 1.5, editor.suspect: 1.5, scanner.suspect: 3}
    half, whole = (all_signals()["F17"].points(value) for value in (1.5, 2))
    assert WATCH <= half < LIKELY <= whole


def test_a_door_that_opens_is_a_door_of_the_site(tables: Rows, clickhouse: Settings) -> None:
    editor = MadeClient()
    pages = ("/wp-login.php", "/wp-admin", "/wp-admin/post.php", "/wp-admin/upload.php")
    rows = editor.views(range(0, 400, 100), pages, attack="cms_door")
    mistyped = editor.views([450], ("/.env",), attack="dotfile", status=404)
    assert fired(tables, clickhouse, [*rows, *mistyped], "F17") == {}
    assert fired(tables, clickhouse, [], "F57") == {}


def test_two_views_with_an_attack_in_the_agent_fire_and_one_does_not(tables: Rows, clickhouse: Settings) -> None:
    attacker, once, slow, scanner = MadeClient(), MadeClient(), MadeClient(), MadeClient()
    sent = {"robot": IN_AGENT, "ivt_reasons": [Label.DECLARED_ROBOT, Label.ROBOT_SCANNER]}
    rows = [
        *attacker.views([0, 1], ("/",), **sent),
        *once.views([0], ("/",), **sent),
        *slow.views([0, 700], ("/",), **sent),
        *scanner.views([0, 1], ("/",), **{**sent, "robot": "vulnerability scanner"}),
    ]
    assert fired(tables, clickhouse, rows, "F17") == {attacker.suspect: 2, slow.suspect: 1.5}


def test_a_link_of_the_site_that_looks_like_an_attack_is_nobodys_attack(tables: Rows, clickhouse: Settings) -> None:
    links = ("/../price", "/%3Cscript%3E")
    people = [MadeClient() for _ in range(5)]
    rows = [
        row
        for person in people
        for attack in ("traversal", "script")
        for row in person.views([0, 5], links, attack=attack, referrer_kind="internal")
    ]
    assert fired(tables, clickhouse, rows, "F17") == {}
    assert fired(tables, clickhouse, [], "F57") == {}
    alone = MadeClient().views([0, 5], ("/x", "/y"), attack="script", referrer_kind="internal")
    assert len(fired(tables, clickhouse, alone, "F17")) == 1


def test_two_kinds_of_attack_within_ten_minutes_fire(tables: Rows, clickhouse: Settings) -> None:
    scanner, one_kind, slow = MadeClient(), MadeClient(), MadeClient()
    rows = [
        *scanner.views([0], ("/.env",), attack="dotfile"),
        *scanner.views([599], ("/wp-login",), attack="cms_door", status=404),
        *one_kind.views([0, 5], ("/.env", "/.git"), attack="dotfile"),
        *slow.views([0], ("/.env",), attack="dotfile"),
        *slow.views([600], ("/wp-login",), attack="cms_door", status=404),
    ]
    assert fired(tables, clickhouse, rows, "F57") == {scanner.suspect: 2}


def test_ten_repeats_of_a_page_in_ten_minutes_are_a_flood(tables: Rows, clickhouse: Settings) -> None:
    robot, slow, reader = MadeClient(), MadeClient(), MadeClient()
    rows = [
        *robot.views(range(0, 220, 20)),
        *slow.views(range(0, 60 * 31, 31)),
        *reader.views(range(40), PAGES[:1] + MANY),
    ]
    assert fired(tables, clickhouse, rows, "F18") == {robot.suspect: 10}


def test_one_nonce_sent_again_and_again_is_a_flood_and_a_proxy_that_doubles_is_not(
    tables: Rows, clickhouse: Settings
) -> None:
    robot, doubled = MadeClient(), MadeClient()
    rows = [*robot.views(range(11), nonce=77)]
    for number in range(12):
        rows += doubled.views([number * 20, number * 20 + 1], (MANY[number],), nonce=1000 + number)
    assert fired(tables, clickhouse, rows, "F18") == {robot.suspect: 10}


@pytest.mark.parametrize(("clients", "flagged"), [(5, 5), (6, 0)])
def test_a_page_that_six_clients_storm_has_a_fault_of_its_own(
    tables: Rows, clickhouse: Settings, clients: int, flagged: int
) -> None:
    rows = [row for _ in range(clients) for row in MadeClient().views(range(12), ("/loop",))]
    assert len(fired(tables, clickhouse, rows, "F18")) == flagged


def test_who_follows_the_hidden_link_to_the_trap_page_is_no_person(tables: Rows, clickhouse: Settings) -> None:
    robot, silent, sent, searched = MadeClient(), MadeClient(), MadeClient(), MadeClient()
    rows = [
        *robot.views([0], ("/trap",), page_role="trap", referrer_kind="internal"),
        *silent.views([0], ("/",)),
        *silent.views([5], ("/trap",), page_role="trap"),
        *sent.views([0], ("/trap",), page_role="trap"),
        *sent.views([5], ("/",)),
        *searched.views([0], ("/",)),
        *searched.views([5], ("/trap",), page_role="trap", referrer_kind="search"),
    ]
    assert fired(tables, clickhouse, rows, "F19") == {robot.suspect: 1, silent.suspect: 1}


def test_an_address_that_loads_a_hundred_pages_in_an_hour_without_links_is_broad(
    tables: Rows, clickhouse: Settings
) -> None:
    address = {"ip_token": "100::1", "net_token": "100::"}
    parts = [MadeClient({**address, "ua_token": number}) for number in range(4)]
    bystander = MadeClient({**address, "ua_token": 9})
    linked = [MadeClient({"ip_token": "100::2", "ua_token": number}) for number in range(4)]
    rows = bystander.views([5, 50], PAGES)
    for place, client in enumerate(parts):
        rows += client.views(range(0, 2500, 100), MANY[place * 25 :])
    for place, client in enumerate(linked):
        rows += client.views(range(0, 2500, 100), MANY[place * 25 :])
    rows += linked[0].views([3000], PAGES, referrer_kind="internal")
    got = fired(tables, clickhouse, rows, "F54")
    assert got.keys() == {client.suspect for client in parts}
    assert all(100 <= value <= 102 for value in got.values())
