"""Signals of lists, networks and identity over made rows: each fires, does not fire, and its guard holds."""

from __future__ import annotations

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
