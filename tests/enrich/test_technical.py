"""From a measurement to its row."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.enrich.agents import Agents
from pipeline.enrich.referrers import Referrers
from pipeline.enrich.robots import Robots
from pipeline.enrich.rows import TechnicalRow
from pipeline.enrich.steps import EnrichTables
from pipeline.enrich.technical import enrich_measurement
from pipeline.event import Measurement
from pipeline.spool.records import frame, parse

BATCH = "0193c1a0-0000-7000-8000-00000000000b"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
TABLES = EnrichTables(Agents(Robots()), Referrers(()))


def _signal(**given: Any) -> Measurement:
    plain: dict[str, Any] = {
        "received_ms": 1_795_348_800_123,
        "event_id": "0193c1a0-1111-7222-8333-444455556666",
        "site": "clinic",
        "kind": "js_error",
        "name": "TypeError",
        "agent": FIREFOX,
    }
    return Measurement(**plain | given)


def test_a_signal_keeps_of_its_agent_only_families_and_device() -> None:
    row = enrich_measurement(_signal(page="/", country="RU", template="x is not a function"), TABLES, BATCH)
    assert (row.received_at, row.browser, row.os, row.device) == ("2026-11-22 12:00:00.123", "Firefox", "Linux", "pc")
    assert "Gecko" not in msgspec.json.encode(row).decode()
    assert row.batch_id == BATCH


def test_a_signal_has_the_version_of_its_browser_and_the_name_of_a_robot() -> None:
    row = enrich_measurement(_signal(), TABLES, BATCH)
    assert (row.browser_major, row.robot) == (140, "")
    row = enrich_measurement(_signal(agent=CHROME), TABLES, BATCH)
    assert (row.browser_major, row.robot, row.device) == (140, "", "pc")
    row = enrich_measurement(_signal(agent=CHROME, hint_brands='"HeadlessChrome";v="140"'), TABLES, BATCH)
    assert (row.browser_major, row.robot, row.device) == (140, "automated browser", "robot")


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("", ("", "", 0)),
        ("cdn.example", ("cdn.example", "", 0)),
        ("cdn.example:/js/app.js:17", ("cdn.example", "/js/app.js", 17)),
        ("cdn.example:/js/a:b.js:17", ("cdn.example", "/js/a:b.js", 17)),
        ("cdn.example:/js/app.js", ("cdn.example", "/js/app.js", 0)),
        ("cdn.example:/js/app.js:９", ("cdn.example", "/js/app.js:９", 0)),
        ("cdn.example:/js/app.js:9999999999", ("cdn.example", "/js/app.js", 2**32 - 1)),
    ],
)
def test_the_source_becomes_host_file_and_line(source: str, parts: tuple[str, str, int]) -> None:
    row = enrich_measurement(_signal(source=source), TABLES, BATCH)
    assert (row.source_host, row.source_file, row.source_line) == parts


_TEXT = st.text(st.characters(), max_size=60)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "received_ms": st.integers(),
            "value": st.floats(),
            **dict.fromkeys(("event_id", "country", "name", "template", "source", "release", "page", "agent"), _TEXT),
        },
    )
)
def test_whatever_the_spool_returns_becomes_one_row_within_its_bounds(given: dict[str, Any]) -> None:
    try:
        signal = parse(frame(_signal(**given)))
    except ValueError:
        return  # no such record is ever written
    if isinstance(signal, str):
        return  # quarantined
    row = enrich_measurement(signal, TABLES, BATCH)
    assert msgspec.json.decode(msgspec.json.encode(row), type=TechnicalRow) == row
