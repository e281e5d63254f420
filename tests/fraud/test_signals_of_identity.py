"""Signals of lists, networks and identity over made rows: each fires, does not fire, and its guard holds."""

from __future__ import annotations

from pipeline.event import PageFlag
from pipeline.settings.model import Settings
from support.clinic_day import store
from support.server import Rows
from support.suspicion import MadeClient, fired, found


def test_a_browser_in_a_data_centre_fires_and_a_robot_that_names_itself_there_does_not(
    tables: Rows, clickhouse: Settings
) -> None:
    hosted = MadeClient({"net_class": "datacenter", "as_org": "", "asn": 64500})
    library = MadeClient({"net_class": "datacenter", "robot": "curl", "ivt_reasons": ["http_library"]})
    rows = [*hosted.views([0]), *library.views([0]), *MadeClient().views([0])]
    assert fired(tables, clickhouse, rows, "F05") == {hosted.suspect: 1}
    assert found(tables.writer, "F05")[0].signs[0].evidence == {"network": "AS64500"}


def test_an_empty_or_odd_agent_fires_and_a_browser_does_not(tables: Rows, clickhouse: Settings) -> None:
    empty = MadeClient({"ivt_reasons": ["empty_agent"], "browser": ""})
    odd = MadeClient({"ivt_reasons": ["odd_agent"], "ua_raw": "x" * 200})
    robot = MadeClient({"ivt_reasons": ["declared_robot"], "robot": "GPTBot"})
    rows = [*empty.views([0]), *odd.views([0, 5]), *robot.views([0]), *MadeClient().views([0])]
    assert fired(tables, clickhouse, rows, "F02") == {empty.suspect: 1, odd.suspect: 2}
    shown = {each.suspect: each.signs[0].evidence["agent"] for each in found(tables.writer, "F02")}
    assert shown == {empty.suspect: "-", odd.suspect: "x" * 100}


def test_a_false_crawler_fires_and_a_crawler_that_nobody_checks_does_not(tables: Rows, clickhouse: Settings) -> None:
    false = MadeClient({"robot": "Googlebot", "ivt_reasons": ["declared_robot", "false_crawler"]})
    unchecked = MadeClient({"robot": "GPTBot", "ivt_reasons": ["declared_robot"]})
    rows = [*false.views([0, 9]), *unchecked.views([0]), *MadeClient().views([0])]
    assert fired(tables, clickhouse, rows, "F04") == {false.suspect: 2}


def test_tor_weighs_more_than_a_vpn_and_a_relay_weighs_nothing(tables: Rows, clickhouse: Settings) -> None:
    tor, vpn, relay = (MadeClient({"net_class": name}) for name in ("tor", "vpn", "relay"))
    rows = [*tor.views([0]), *vpn.views([0]), *relay.views([0])]
    assert fired(tables, clickhouse, rows, "F06") == {tor.suspect: 2, vpn.suspect: 1}
    assert {each.signs[0].evidence["kind"] for each in found(tables.writer, "F06")} == {"Tor", "VPN"}


def test_a_controlled_browser_and_a_library_are_two_signals_and_a_check_of_the_site_is_neither(
    tables: Rows, clickhouse: Settings
) -> None:
    controlled = MadeClient({"robot": "HeadlessChrome", "ivt_reasons": ["automation_token"]})
    library = MadeClient({"robot": "python-requests", "ivt_reasons": ["http_library"]})
    check = MadeClient({"robot": "monitor:uptime", "ivt_reasons": ["automation_token", "http_library"]})
    store(clickhouse, [*controlled.views([0]), *library.views([0]), *check.views([0])])
    signs = {each.suspect: [sign.signal for sign in each.signs] for each in found(tables.writer, "F07", "F07b")}
    assert signs == {controlled.suspect: ["F07"], library.suspect: ["F07b"]}


def test_hints_that_contradict_twice_or_always_fire_and_one_of_three_does_not(
    tables: Rows, clickhouse: Settings
) -> None:
    always, twice, once, agreeing = (MadeClient() for _ in range(4))
    false = {"hints": "contradict", "hints_detail": "version: agent 47, hint 143"}
    rows = [
        *always.views([0], **false),
        *twice.views([0, 5], **false),
        *twice.views([9], hints="agree"),
        *once.views([0], **false),
        *once.views([5, 9], hints="agree"),
        *agreeing.views([0, 5], hints="agree"),
    ]
    assert fired(tables, clickhouse, rows, "F10") == {always.suspect: 1, twice.suspect: 2}
    assert found(tables.writer, "F10")[0].signs[0].evidence["detail"] == "version: agent 47, hint 143"


def test_hints_missing_from_all_of_several_hits_fire_and_one_with_hints_clears_the_rest(
    tables: Rows, clickhouse: Settings
) -> None:
    without, once, mixed = (MadeClient() for _ in range(3))
    rows = [
        *without.views([0, 5], hints="missing"),
        *once.views([0], hints="missing"),
        *mixed.views([0, 5], hints="missing"),
        *mixed.views([9], hints="agree"),
    ]
    assert fired(tables, clickhouse, rows, "F10b") == {without.suspect: 2}


def test_fetch_headers_that_contradict_twice_or_always_fire_and_one_of_three_does_not(
    tables: Rows, clickhouse: Settings
) -> None:
    always, twice, once = (MadeClient() for _ in range(3))
    rows = [
        *always.views([0], fetch="contradict"),
        *twice.views([0, 5], fetch="contradict"),
        *twice.views([9], fetch="agree"),
        *once.views([0], fetch="contradict"),
        *once.views([5, 9], fetch="none"),
    ]
    assert fired(tables, clickhouse, rows, "F55") == {always.suspect: 1, twice.suspect: 2}


def test_two_pages_in_one_request_fire_and_other_differences_of_spelling_do_not(
    tables: Rows, clickhouse: Settings
) -> None:
    forged, once, foreign = (MadeClient({"page_host": "clinic.example"}) for _ in range(3))
    rows = [
        *forged.views([0, 5], page_flags=int(PageFlag.TWO_HOSTS | PageFlag.WWW)),
        *once.views([0], page_flags=int(PageFlag.TWO_HOSTS)),
        *once.views([5, 9]),
        *foreign.views([0, 5], page_flags=int(PageFlag.FOREIGN_HOST | PageFlag.ATTACK)),
    ]
    assert fired(tables, clickhouse, rows, "F56") == {forged.suspect: 2}
    assert found(tables.writer, "F56")[0].signs[0].evidence == {"host": "clinic.example", "hits": "2"}


def test_a_browser_of_years_ago_fires_and_a_few_invented_versions_make_nobody_old(
    tables: Rows, clickhouse: Settings
) -> None:
    old, last_year = MadeClient({"browser_major": 112}), MadeClient({"browser_major": 113})
    usual = [MadeClient({"browser_major": 143}) for _ in range(20)]
    invented = [MadeClient({"browser_major": 9000}) for _ in range(19)]
    other = MadeClient({"browser": "Safari", "browser_major": 5})
    rows = [row for client in (old, last_year, other, *usual, *invented) for row in client.views([0])]
    assert fired(tables, clickhouse, rows, "F09") == {old.suspect: 31}
    assert found(tables.writer, "F09")[0].signs[0].evidence == {"browser": "Chrome 112", "newest": "143"}
