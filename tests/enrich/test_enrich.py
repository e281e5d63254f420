"""From an event to a row: one event, exactly one outcome."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.delivery.plan import COLUMNS
from pipeline.enrich.agents import Agents
from pipeline.enrich.labels import Label
from pipeline.enrich.referrers import Referrers
from pipeline.enrich.robots import Robots
from pipeline.enrich.rows import Facts, Row
from pipeline.enrich.steps import (
    CRAWLER_LIST_FRESH_MS,
    EnrichTables,
    Rejected,
    enrich,
)
from pipeline.errors import Fatal
from pipeline.event import LAST_MS, Event, EventColumns, NetClass, Token
from pipeline.reasons import RejectReason
from pipeline.settings.model import Settings
from pipeline.settings.sections import AddressList, Networks
from pipeline.settings.site import Site
from pipeline.spool.records import frame, parse

BATCH = "0193c1a0-0000-7000-8000-00000000000b"
NOON_MS = 1_795_348_800_123  # 2026-11-22 12:00:00.123 UTC
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
CLINIC = Site(id="clinic", hosts=("clinic.example",))
TABLES = EnrichTables(
    agents=Agents(Robots()),
    referrers=Referrers((CLINIC,), spam=("spam.example",)),
    crawler_lists={"Googlebot": NOON_MS - 1000, "bingbot": NOON_MS - CRAWLER_LIST_FRESH_MS},
)


def _event(**given: Any) -> Event:
    plain: dict[str, Any] = {
        "received_ms": NOON_MS,
        "event_id": "0193c1a0-1111-7222-8333-444455556666",
        "site": "clinic",
        "agent": CHROME,
    }
    return Event(**plain | given)


def _labels(**given: Any) -> list[str]:
    return list(enrich(_event(**given), TABLES, BATCH).ivt_reasons)


def _as_json(value: object) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


def test_a_row_holds_the_event_and_what_enrichment_adds() -> None:
    event = _event(
        visitor=2**64 - 1,
        visitor_kind="cookie",
        ip_token=Token("2001:db8::17"),
        country="RU",
        asn=2**32 - 1,
        https=True,
        hint_brands='"Chromium";v="140"',
        hint_mobile="?0",
        hint_platform='"Windows"',
        page="/doctors/*",
        campaign={"utm_source": "newsletter"},
        referrer_host="www.yandex.ru",
        scrubbed=3,
    )
    row = enrich(event, TABLES, BATCH)
    assert (row.received_at, row.batch_id) == ("2026-11-22 12:00:00.123", BATCH)
    assert (row.browser, row.browser_major, row.os, row.os_major, row.device) == ("Chrome", 140, "Windows", 0, "pc")
    assert (row.hints, row.robot, row.ua_raw, row.referrer_kind, row.ivt_reasons) == ("agree", "", "", "search", ())
    taken_over = EventColumns.__struct_fields__
    assert [getattr(row, name) for name in taken_over] == [getattr(event, name) for name in taken_over]
    assert (row.epoch, row.scrubbed) == ("2026-11-22", 3)


@pytest.mark.parametrize("brand", ["HeadlessChrome", "Headless Edge", "Playwright Chromium"])
def test_a_brand_of_automation_makes_a_robot_of_a_browsers_agent(brand: str) -> None:
    row = enrich(_event(hint_brands=f'"{brand}";v="140", "Chromium";v="140"', https=True), TABLES, BATCH)
    assert (row.robot, row.device, row.hints) == ("automated browser", "robot", "contradict")
    assert (row.browser, row.ua_raw) == ("Chrome", "")
    assert row.hints_detail.startswith("brand: ")


def test_the_detail_of_hints_is_empty_where_they_do_not_contradict() -> None:
    hints = {"hint_mobile": "?0", "hint_platform": '"Windows"', "https": True}
    assert enrich(_event(hint_brands='"Chromium";v="140"', **hints), TABLES, BATCH).hints_detail == ""
    assert enrich(_event(https=True), TABLES, BATCH).hints_detail == ""
    row = enrich(_event(hint_brands='"Chromium";v="133"', **hints), TABLES, BATCH)
    assert (row.hints, row.hints_detail) == ("contradict", "version: agent 140, hint 133")


def test_a_row_has_the_engine_and_whether_an_app_shows_the_page() -> None:
    row = enrich(_event(), TABLES, BATCH)
    assert (row.engine, row.engine_major, row.webview) == ("Blink", 140, False)
    row = enrich(
        _event(agent=CHROME.replace("(Windows NT 10.0; Win64; x64)", "(Linux; Android 14; K; wv)")), TABLES, BATCH
    )
    assert (row.engine, row.engine_major, row.webview) == ("Blink", 140, True)


@pytest.mark.parametrize(
    ("agent", "labels"),
    [
        (CHROME, [Label.DECLARED_ROBOT]),
        (GOOGLEBOT, [Label.DECLARED_ROBOT, Label.ROBOT_SEARCH]),
        ("", [Label.DECLARED_ROBOT, Label.EMPTY_AGENT]),
    ],
)
def test_an_agent_with_a_verified_signature_is_the_robot_that_signed(agent: str, labels: list[Label]) -> None:
    row = enrich(_event(agent=agent, agent_signed="verified", signer="chatgpt"), TABLES, BATCH)
    assert (row.robot, row.device, row.webview, row.agent_signed) == ("agent:chatgpt", "robot", False, "verified")
    assert row.ivt_reasons == tuple(labels)


def test_a_signature_that_failed_names_no_robot() -> None:
    row = enrich(_event(agent_signed="failed"), TABLES, BATCH)
    assert (row.robot, row.ivt_reasons, row.agent_signed) == ("", (), "failed")


def test_an_agent_that_names_its_automation_agrees_with_its_hints() -> None:
    agent = CHROME.replace("Chrome/", "HeadlessChrome/")
    row = enrich(
        _event(agent=agent, hint_brands='"HeadlessChrome";v="140", "Chromium";v="140"', https=True), TABLES, BATCH
    )
    assert (row.robot, row.hints) == ("HeadlessChrome", "agree")


def test_a_row_encodes_as_the_array_that_is_sent_its_batch_at_the_end() -> None:
    row = enrich(_event(page="/doctors"), TABLES, BATCH)
    sent = _as_json(row)
    assert dict(zip(COLUMNS["events"], sent, strict=True)) == _as_json(msgspec.structs.asdict(row))
    assert sent[-1] == BATCH


def test_the_same_event_gives_the_same_row_with_fresh_tables() -> None:
    event = _event(agent="Some-Unknown-Bot/1.0", referrer_host="spam.example", net_class="tor")
    fresh = EnrichTables(Agents(Robots()), Referrers((CLINIC,), spam=("spam.example",)), TABLES.crawler_lists)
    assert enrich(event, TABLES, BATCH) == enrich(event, fresh, BATCH)


_REPEATED: dict[str, st.SearchStrategy[Any]] = {
    "agent": st.sampled_from((CHROME, GOOGLEBOT, GOOGLEBOT.replace("Googlebot", "bingbot"), "curl/8.5.0", "")),
    "hint_brands": st.sampled_from(('"Chromium";v="140"', '"Chromium";v="99"', '"HeadlessChrome";v="140"')),
    "hint_mobile": st.sampled_from(("?0", "?1")),
    "hint_platform": st.sampled_from(('"Windows"', '"Android"')),
    "https": st.booleans(),
    "mode": st.sampled_from(("js", "noscript")),
    "net_class": st.sampled_from(("other", "own", "crawler", "datacenter", "vpn")),
    "referrer_host": st.sampled_from(("", "ya.ru", "spam.example", "clinic.example")),
    "monitor": st.sampled_from(("", "uptime")),
    "agent_signed": st.sampled_from(("none", "verified", "failed")),
    "signer": st.sampled_from(("", "chatgpt")),
    "scrubbed": st.sampled_from((0, 3)),
    "received_ms": st.sampled_from((NOON_MS, NOON_MS + CRAWLER_LIST_FRESH_MS)),
}
WARM = EnrichTables(TABLES.agents, TABLES.referrers, TABLES.crawler_lists)
"""Kept over all examples of the property below, so that the facts of one event meet those of others."""


@given(st.fixed_dictionaries({}, optional=_REPEATED))
def test_cached_facts_are_those_that_would_be_computed_anew(given: dict[str, Any]) -> None:
    fresh = EnrichTables(TABLES.agents, TABLES.referrers, TABLES.crawler_lists)
    event = _event(**given)
    assert enrich(event, WARM, BATCH) == enrich(event, fresh, BATCH)


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        ({}, []),
        ({"net_class": "own"}, ["own_network"]),
        ({"net_class": "datacenter"}, ["datacenter"]),
        ({"net_class": "datacenter", "agent": "curl/8.5.0"}, ["declared_robot", "http_library"]),
        ({"net_class": "vpn"}, ["vpn"]),
        ({"net_class": "tor"}, ["tor"]),
        ({"net_class": "relay"}, []),
        ({"net_class": "mobile"}, []),
        ({"agent": ""}, ["empty_agent"]),
        ({"agent": "Mozilla/5.0"}, ["odd_agent"]),
        ({"referrer_host": "www.spam.example"}, ["referrer_spam"]),
        ({"https": True}, ["hints_missing"]),
        ({"https": True, "mode": "noscript"}, []),
        ({"hint_brands": '"Chromium";v="99"'}, ["hints_contradict"]),
        (
            {"hint_brands": '"HeadlessChrome";v="140", "Chromium";v="140"', "https": True},
            ["declared_robot", "automation_token"],
        ),
        ({"hint_brands": '"Chromium";v="99"', "net_class": "own"}, ["own_network", "hints_contradict"]),
        ({"agent": CHROME.replace("Chrome/", "HeadlessChrome/")}, ["declared_robot", "automation_token"]),
    ],
)
def test_labels_say_what_lists_and_the_request_know(given: dict[str, Any], labels: list[str]) -> None:
    assert _labels(**given) == labels


@pytest.mark.parametrize(
    ("name", "net_class", "label"),
    [
        ("Googlebot", "crawler", "verified_crawler"),
        ("Googlebot", "other", "false_crawler"),
        ("Googlebot", "datacenter", "false_crawler"),
        ("Googlebot", "own", None),
        ("bingbot", "other", None),  # its list is eight days old
        ("DuckDuckBot", "other", None),  # its operator's ranges are not listed
    ],
)
def test_a_crawlers_name_is_held_against_fresh_lists_only(name: str, net_class: NetClass, label: str | None) -> None:
    found = _labels(agent=GOOGLEBOT.replace("Googlebot", name), net_class=net_class)
    assert {"declared_robot", "robot_search"} <= set(found)
    assert {text for text in found if text.endswith("_crawler")} == ({label} if label else set())


def test_labels_stand_in_the_order_of_their_list() -> None:
    found = _labels(agent=GOOGLEBOT, net_class="tor", referrer_host="spam.example")
    assert found == [label.value for label in Label if label in found]
    assert len(found) == 5


@pytest.mark.parametrize("name", ["visitor", "ua_token", "click_token", "nonce"])
@pytest.mark.parametrize("value", [2**64, 2**70])
def test_a_number_over_64_bits_is_rejected(name: str, value: int) -> None:
    with pytest.raises(Rejected) as rejected:
        enrich(_event(**{name: value}), TABLES, BATCH)
    assert rejected.value.reason is RejectReason.BAD_NUMBER
    assert str(rejected.value) == "bad_number"


def test_the_fields_of_a_row_are_the_events_columns_then_the_facts_in_their_order() -> None:
    added = Row.__struct_fields__[len(EventColumns.__struct_fields__) :]
    assert added == ("received_at", "epoch", *Facts._fields, "scrubbed", "collector", "batch_id")


_TEXT = st.text(st.characters(), max_size=60)
_NUMBER = st.one_of(st.integers(0, 255), st.integers())
_MAP = st.dictionaries(_TEXT, _TEXT, max_size=3)
_ANY_VALUE: dict[str, st.SearchStrategy[Any]] = {
    "received_ms": st.one_of(st.integers(0, LAST_MS), st.integers()),
    "event_id": st.one_of(st.uuids().map(str), _TEXT),
    "ip_token": st.one_of(st.ip_addresses(v=6).map(str), _TEXT),
    "net_token": st.one_of(st.ip_addresses(v=6).map(str), _TEXT),
    "country": st.one_of(st.sampled_from(("", "RU", "ru", "R")), _TEXT),
    "net_class": st.sampled_from(("other", "own", "crawler", "datacenter", "vpn", "tor", "relay", "mobile")),
    "agent": st.one_of(_TEXT, st.sampled_from((CHROME, GOOGLEBOT, CHROME * 20))),
    "hint_brands": st.one_of(_TEXT, st.integers().map('"Chromium";v="{}"'.format)),
    "cookies": _MAP,
    "campaign": _MAP,
    "https": st.booleans(),
    **dict.fromkeys(("site", "policy", "as_org", "hint_mobile", "hint_platform", "page_host", "page", "ad"), _TEXT),
    **dict.fromkeys(("referrer_host", "referrer_page"), _TEXT),
    **dict.fromkeys(("visitor", "ua_token", "click_token", "nonce", "asn", "ip_version", "page_flags"), _NUMBER),
    **dict.fromkeys(("status", "scrubbed", "dropped_params"), _NUMBER),
}


@given(st.fixed_dictionaries({}, optional=_ANY_VALUE))
@example({})
@example({"nonce": 2**64})
def test_whatever_the_spool_returns_becomes_one_row_within_its_bounds_or_one_rejection(given: dict[str, Any]) -> None:
    try:
        event = parse(frame(_event(**given)))
    except (ValueError, OverflowError):
        return  # no such record is ever written
    if isinstance(event, str):
        return  # quarantined
    try:
        row = enrich(event, TABLES, BATCH)
    except Rejected:
        return
    assert msgspec.json.decode(msgspec.json.encode(row), type=Row) == row
    assert set(row.ivt_reasons) <= set(Label)


def test_tables_are_loaded_from_the_settings(tmp_path: Path) -> None:
    ranges, spam = tmp_path / "google.txt", tmp_path / "spam.txt"
    ranges.write_text("192.0.2.0/24\n", "utf-8")
    spam.write_text("bad.example\n", "utf-8")
    networks = Networks(
        lists=(AddressList(net_class="crawler", file=ranges, robots=("Googlebot", "Googlebot-Image")),),
        referrer_spam=spam,
    )
    tables = EnrichTables.load(Settings(data=tmp_path, sites=(CLINIC,), networks=networks))
    assert set(tables.crawler_lists) == {"Googlebot", "Googlebot-Image"}
    assert tables.referrers.kind("bad.example", "clinic") == "spam"
    assert tables.crawler_lists["Googlebot"] == ranges.stat().st_mtime_ns // 1_000_000


def test_a_changed_list_is_taken_and_the_kinds_of_the_old_one_are_forgotten(tmp_path: Path) -> None:
    ranges, spam = tmp_path / "google.txt", tmp_path / "spam.txt"
    ranges.write_text("192.0.2.0/24\n", "utf-8")
    spam.write_text("bad.example\n", "utf-8")
    networks = Networks(
        lists=(AddressList(net_class="crawler", file=ranges, robots=("Googlebot",)),), referrer_spam=spam
    )
    tables = EnrichTables.load(Settings(data=tmp_path, sites=(CLINIC,), networks=networks))
    assert tables.renewed() is tables
    assert tables.referrers.kind("worse.example", "clinic") == "other"
    os.utime(ranges, (1_795_000_000, 1_795_000_000))
    spam.write_text("worse.example\n", "utf-8")
    tables = tables.renewed().renewed()
    kinds = {host: tables.referrers.kind(host, "clinic") for host in ("worse.example", "bad.example", "clinic.example")}
    assert kinds == {"worse.example": "spam", "bad.example": "other", "clinic.example": "internal"}
    assert tables.crawler_lists == {"Googlebot": 1_795_000_000_000}
    spam.write_text("no domain\n", "utf-8")
    assert tables.renewed().renewed() is tables


ORIGIN = """[crawlers]
source = "a list"
version = "1"
date = 2026-11-20
licence = ""
attribution = ""
sha256 = ""
robots = ["Googlebot", "bingbot", "No such robot"]
"""


def test_fetched_ranges_have_the_time_of_their_data_and_come_after_the_operators_own(tmp_path: Path) -> None:
    ranges = tmp_path / "bing.txt"
    ranges.write_text("192.0.2.0/24\n", "utf-8")
    os.utime(ranges, (1_795_000_000, 1_795_000_000))
    networks = Networks(lists=(AddressList(net_class="crawler", file=ranges, robots=("bingbot",)),))
    settings = Settings(data=tmp_path, sites=(CLINIC,), networks=networks)
    tables = EnrichTables.load(settings)
    assert set(tables.crawler_lists) == {"bingbot"}
    settings.networks_dir.mkdir()
    (settings.networks_dir / "networks.toml").write_text(ORIGIN, "utf-8")
    tables = tables.renewed().renewed()
    day = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1000)
    assert tables.crawler_lists == {"Googlebot": day, "bingbot": 1_795_000_000_000}


@pytest.mark.parametrize(
    ("net_class", "robot"), [("crawler", "Gogglebot"), ("vpn", "Googlebot")], ids=["unknown robot", "no crawler list"]
)
def test_a_list_of_unknown_robots_is_refused(tmp_path: Path, net_class: Any, robot: str) -> None:
    networks = Networks(lists=(AddressList(net_class=net_class, file=tmp_path / "x", robots=(robot,)),))
    with pytest.raises(Fatal, match=f"'{robot}'.*expected a robot's known name"):
        EnrichTables.load(Settings(data=tmp_path, networks=networks))


def test_a_missing_crawler_list_is_named(tmp_path: Path) -> None:
    networks = Networks(lists=(AddressList(net_class="crawler", file=tmp_path / "absent.txt", robots=("Googlebot",)),))
    with pytest.raises(Fatal, match=r"absent\.txt: networks\.lists cannot be read"):
        EnrichTables.load(Settings(data=tmp_path, networks=networks))
