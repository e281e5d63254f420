"""The site's own checks are robots by the settings: no visitor, no token, no cookie, but seen."""

from __future__ import annotations

import json
import secrets
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.delivery.plan import COLUMNS
from pipeline.edge.steps import run_edge
from pipeline.edge.tables import EdgeTables
from pipeline.edge.technical import RawMeasurement, run_technical_edge
from pipeline.enrich.steps import EnrichTables, enrich
from pipeline.enrich.technical import enrich_measurement
from pipeline.event import Event, Hit
from pipeline.keys.directory import KeyDirectory
from pipeline.keys.ring import Keyring
from pipeline.settings.model import Settings
from pipeline.settings.site import Monitor, Site
from support.system import AGENT

NOW_MS = 1_795_000_000_000
MONITORS = (
    Monitor(name="uptime", agent="ClinicUptime/"),
    Monitor(name="booking-test", cookie="synthetic"),
    Monitor(name="office", agent="Firefox", network=ip_network("198.51.100.0/24")),
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, sites=(Site(id="clinic", hosts=("clinic.example",), monitors=MONITORS),))


def tables_of(settings: Settings) -> EdgeTables:
    return EdgeTables.load(settings, Keyring(KeyDirectory.of(settings), may_mint=True), secrets.token_bytes)


def hit(**facts: object) -> Hit:
    given = {
        "peer": "203.0.113.9",
        "agent": AGENT,
        "site": "clinic",
        "page": "https://clinic.example/",
        "scheme": "https",
    }
    return Hit(received_ms=NOW_MS, **(given | facts))  # type: ignore[arg-type]


def event_of(settings: Settings, **facts: object) -> tuple[Event, str]:
    result = run_edge(hit(**facts), tables_of(settings), now_ms=NOW_MS)
    return result.events[0], result.set_cookie


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"agent": "Mozilla/5.0 (compatible; ClinicUptime/2.1)"}, "uptime"),
        ({"cookie": "a=b; synthetic=1"}, "booking-test"),
        ({"peer": "198.51.100.7", "agent": "Mozilla/5.0 (X11; rv:140.0) Gecko/20100101 Firefox/140.0"}, "office"),
        ({"peer": "198.51.100.7"}, ""),
        ({"agent": "Mozilla/5.0 (X11; rv:140.0) Gecko/20100101 Firefox/140.0"}, ""),
        ({"cookie": "a=synthetic"}, ""),
        ({}, ""),
    ],
)
def test_a_check_is_known_by_all_marks_that_its_setting_names(
    settings: Settings, facts: dict[str, object], name: str
) -> None:
    event, set_cookie = event_of(settings, **facts)
    assert event.monitor == name
    assert bool(event.visitor) == (not name)
    assert (event.ip_token == "::", event.ua_token == 0) == (bool(name), bool(name))
    assert bool(set_cookie) == (not name)
    assert event.cookie_state == ("none" if name else "new")


def test_its_row_has_a_robot_and_a_label_whatever_its_agent_says(settings: Settings) -> None:
    event, _ = event_of(settings, cookie="synthetic=1")
    row = enrich(event, EnrichTables.load(settings), "00000000-0000-0000-0000-000000000000")
    assert (row.robot, row.browser, row.device) == ("monitor:booking-test", "Chrome", "robot")
    assert row.ivt_reasons == ("declared_robot", "robot_monitor")
    stored = json.dumps(dict(zip(COLUMNS["events"], [getattr(row, name) for name in COLUMNS["events"]], strict=True)))
    assert "synthetic" not in stored


def test_its_measurements_are_those_of_a_robot(settings: Settings) -> None:
    raw = RawMeasurement("vital", "LCP", "", "", 900.0)
    (measured,) = run_technical_edge(hit(cookie="synthetic=1"), [raw], tables_of(settings), now_ms=NOW_MS)
    row = enrich_measurement(measured, EnrichTables.load(settings), "00000000-0000-0000-0000-000000000000")
    assert row.robot == "monitor:booking-test"


@pytest.mark.parametrize("agent", ["Mozilla", "Mozilla/5.0", "Chrome/", "Safari", " ", "Firefox", "iPhone"])
def test_a_monitor_whose_mark_is_in_every_browser_is_refused(agent: str) -> None:
    with pytest.raises(ValidationError, match="up: browsers of visitors have"):
        Monitor(name="up", agent=agent)
    assert Monitor(name="up", agent=agent, cookie="synthetic").agent == agent


@pytest.mark.parametrize("agent", ["HeadlessChrome", "uptime-check", "Chrome/140.0.0.0 Check", "PTST"])
def test_a_monitor_with_a_word_of_its_own_is_taken(agent: str) -> None:
    assert Monitor(name="up", agent=agent).agent == agent


def test_the_collectors_own_cookie_marks_no_check() -> None:
    with pytest.raises(ValidationError, match="own cookie"):
        Monitor(name="up", cookie="__Host-px")


def test_a_monitor_without_a_mark_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="everyone: expected an agent, a cookie or a network"):
        Monitor(name="everyone")
