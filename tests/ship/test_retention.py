"""Data ends at its term: by the day or month, by TTL, and, for an address, by the end of its key."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.audit.log import Audit
from pipeline.database.client import connect
from pipeline.errors import Fatal, Retryable
from pipeline.event import RawAddress
from pipeline.inventory.columns import inventory
from pipeline.keys.destruction import destroy
from pipeline.keys.directory import KeyDirectory, KeyName
from pipeline.keys.reveal import RevealRequest, read_request, relink, reveal
from pipeline.keys.ring import Keyring
from pipeline.keys.sealed import SEALED_DAYS
from pipeline.operations.doctor import examine
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse
from pipeline.ship.retention import LIVES, Life, clear_sealed_clicks, drop_expired
from pipeline.ship.schedule import JOBS
from pipeline.subjects.rows import hold_blocked_rows
from support.command import free_port
from support.server import Rows

NOW = datetime.now(UTC)
UNITS = {"days": "Day", "months": "Month"}


@pytest.fixture
def idle(clickhouse: Settings, tables: Rows) -> Iterator[Rows]:
    """Empty tables in which ClickHouse ends nothing by itself."""
    migrator = connect(clickhouse, "pixel_migrator")
    named = {life.table for life in LIVES}
    for table in named:
        migrator.command(f"ALTER TABLE pixel.{table} MODIFY SETTING max_number_of_merges_with_ttl_in_pool = 0")
    try:
        yield tables
    finally:
        for table in named:
            migrator.command(f"ALTER TABLE pixel.{table} RESET SETTING max_number_of_merges_with_ttl_in_pool")
        migrator.close()


def put(rows: Rows, at: datetime, pseudonym: str = "::1") -> None:
    """Store one event with all its tokens."""
    rows.writer.command(
        "INSERT INTO pixel.events (received_at, epoch, site, visitor, ip_token, net_token, ua_token, click_token)"
        f" VALUES ('{at:%Y-%m-%d %H:%M:%S}', '{at:%Y-%m-%d}', 'clinic', 1, '{pseudonym}', '::2', 3, 4)"
    )


def stored_days(rows: Rows) -> list[date]:
    """Return the UTC day of every stored event."""
    answer = rows.admin.query("SELECT toDate(received_at, 'UTC') FROM pixel.events ORDER BY received_at")
    return [day for (day,) in answer.result_rows]


@pytest.mark.parametrize("table", sorted({column.table for column in inventory().columns}))
def test_the_terms_of_the_inventory_are_those_of_the_tables(tables: Rows, table: str) -> None:
    made = str(tables.admin.query(f"SHOW CREATE TABLE pixel.{table}").result_rows[0][0])
    spans = re.findall(r"TTL .*toInterval(\w+)\((\d+)\)", made)
    # A sealed click id ends earlier than its row: the worker clears its column.
    settings = {column.term.setting for column in inventory().of(table) if column.name != "click_sealed"}
    assert len(settings) == 1, "a column has a term of its own"
    setting = settings.pop()
    number = str(1 + getattr(tables.settings.retention, setting)) if setting else ""
    assert spans == ([(UNITS[setting.rpartition("_")[2]], number)] if setting else [])
    assert made.count("TTL ") == len(spans)
    assert not spans or "ttl_only_drop_parts = 1" in made, "an expired row waits for a merge"


def test_the_watched_lives_are_those_of_the_inventory() -> None:
    known = {(column.table, column.term.setting) for column in inventory().columns if column.term.setting}
    assert sorted((life.table, life.setting) for life in LIVES) == sorted(known)


def test_a_day_ends_whole_and_the_day_after_it_stays(idle: Rows) -> None:
    term = idle.settings.retention.rows_days
    last = (NOW - timedelta(days=term)).replace(hour=0, minute=0, second=0)
    put(idle, last - timedelta(seconds=1))
    put(idle, last)
    put(idle, NOW)
    drop_expired(idle.settings)
    assert stored_days(idle) == [last.date(), NOW.date()]


@pytest.mark.parametrize("life", LIVES, ids=lambda life: str(life.table))
def test_every_table_with_a_term_loses_what_is_over_it(idle: Rows, life: Life) -> None:
    number = getattr(idle.settings.retention, life.setting)
    span = number * 31 + 32 if life.setting.endswith("months") else number + 1
    old = NOW - timedelta(days=span)
    idle.writer.command(
        f"INSERT INTO pixel.{life.table} ({life.time}) VALUES ('{old:%Y-%m-%d %H:%M:%S}'), ('{NOW:%Y-%m-%d %H:%M:%S}')"
    )
    count = f"SELECT count() FROM pixel.{life.table}"
    assert idle.admin.query(count).result_rows == [(2,)]
    drop_expired(idle.settings)
    assert idle.admin.query(count).result_rows == [(1,)]


def test_a_dropped_day_is_logged_once(idle: Rows, caplog: pytest.LogCaptureFixture) -> None:
    put(idle, NOW - timedelta(days=idle.settings.retention.rows_days + 40))
    caplog.set_level(logging.INFO, "pipeline.ship.retention")
    drop_expired(idle.settings)
    assert len(caplog.records) == 1
    drop_expired(idle.settings)
    assert len(caplog.records) == 1


def test_a_sealed_click_id_ends_after_60_days_and_its_row_stays(idle: Rows) -> None:
    days = (SEALED_DAYS - 1, SEALED_DAYS, SEALED_DAYS + 1, SEALED_DAYS + 2)
    for age in days:
        at = NOW - timedelta(days=age)
        idle.writer.command(
            f"INSERT INTO pixel.events (received_at, site, click_token, click_sealed) VALUES ('{at:%Y-%m-%d %H:%M:%S}', 'c', 7, 'x')"
        )
    for _ in range(2):
        clear_sealed_clicks(idle.settings)
        kept = idle.admin.query(
            "SELECT click_sealed, click_token FROM pixel.events ORDER BY received_at DESC"
        ).result_rows
        assert kept == [("x", 7), ("x", 7), ("", 7), ("", 7)]


def test_clickhouse_itself_drops_an_expired_day_where_no_ship_runs(tables: Rows) -> None:
    put(tables, NOW - timedelta(days=tables.settings.retention.rows_days + 1))
    put(tables, NOW)
    deadline = time.monotonic() + 60
    while stored_days(tables) != [NOW.date()] and time.monotonic() < deadline:
        time.sleep(0.2)
    assert stored_days(tables) == [NOW.date()]


def test_what_is_held_for_a_block_has_no_term(idle: Rows) -> None:
    old = NOW - timedelta(days=3000)
    idle.writer.command(f"INSERT INTO pixel.held (received_at, visitor) VALUES ('{old:%Y-%m-%d %H:%M:%S}', 7)")
    drop_expired(idle.settings)
    assert idle.admin.query("SELECT visitor FROM pixel.held").result_rows == [(7,)]


def test_a_database_that_is_away_is_tried_again(tmp_path: Path, clickhouse: Settings) -> None:
    away = clickhouse.model_copy(update={"clickhouse": ClickHouse(port=free_port())})
    with pytest.raises(Retryable):
        drop_expired(away)


def test_the_worker_does_it_hourly_once_blocked_rows_are_held() -> None:
    assert [job.every_seconds for job in JOBS if job.run is drop_expired] == [3600]
    order = [job.run for job in JOBS]
    assert order.index(hold_blocked_rows) < order.index(drop_expired)


@pytest.mark.parametrize(
    ("past", "state", "said"),
    [
        (timedelta(days=-1), "ok", "the oldest of"),
        (timedelta(days=1), "note", "`ship` drops it within the hour"),
        (timedelta(days=2), "problem", "over its term"),
    ],
)
def test_doctor_tells_how_old_the_oldest_row_is(idle: Rows, past: timedelta, state: str, said: str) -> None:
    put(idle, NOW - timedelta(days=idle.settings.retention.rows_days) - past)
    findings = [each for each in examine(idle.settings) if each.check == "retention"]
    assert [each.state for each in findings] == [state]
    assert findings[0].text.startswith("events: ")
    assert said in findings[0].text


def test_doctor_says_when_it_cannot_look(clickhouse: Settings) -> None:
    away = clickhouse.model_copy(update={"clickhouse": ClickHouse(port=free_port())})
    findings = [each for each in examine(away) if each.check == "retention"]
    assert [each.state for each in findings] == ["note"]


def test_after_the_end_of_its_key_nothing_leads_from_a_token_to_the_address(tmp_path: Path, tables: Rows) -> None:
    day, next_day = (NOW - timedelta(days=2)).date(), (NOW - timedelta(days=1)).date()
    address = RawAddress("203.0.113.7")
    keyring = Keyring(KeyDirectory(tmp_path / "keys"), may_mint=True)
    made = {}
    for epoch in (day, next_day):
        day_tokens = keyring.day(epoch, today=NOW.date())
        assert day_tokens is not None
        made[epoch] = day_tokens.ip_token(address)
        put(tables, datetime.combine(epoch, NOW.timetz()), made[epoch])
    files, audit = keyring.files, Audit(tmp_path / "audit")
    destroy(files, audit, KeyName.of_day(day), now=NOW, by="test", reason="a test")

    def request(epoch: date) -> RevealRequest:
        return read_request(made[epoch], epoch, "7", "a court's order", "somebody else", who="test")

    # The way forward is closed: no process makes the day's tokens again, so no address can be tried out.
    assert Keyring(KeyDirectory(tmp_path / "keys"), may_mint=True).day(day, today=NOW.date()) is None
    assert keyring.day(next_day, today=NOW.date()) is not None
    # The ways back are closed for the day and open for the next.
    for way in (reveal, relink):
        with pytest.raises(Fatal, match="destroyed"):
            way(files, audit, request(day), now=NOW, per_hour=9)
    assert reveal(files, audit, request(next_day), now=NOW, per_hour=9) == address
    # From another day's token, the address's other tokens are told for living days only.
    assert relink(files, audit, request(next_day), now=NOW, per_hour=9) == []
    # The two stored rows share no value.
    stored = tables.admin.query("SELECT DISTINCT ip_token FROM pixel.events").result_rows
    assert len(stored) == 2
