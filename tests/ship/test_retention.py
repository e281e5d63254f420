"""Expired data is deleted: by TTL, by the forced merge, and, for an address, by the end of its key."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from pipeline.audit.log import Audit
from pipeline.database.client import connect
from pipeline.errors import Fatal, Retryable
from pipeline.event import RawAddress
from pipeline.inventory.columns import inventory
from pipeline.keys.destruction import destroy
from pipeline.keys.directory import KeyDirectory, KeyName
from pipeline.keys.reveal import RevealRequest, read_request, relink, reveal
from pipeline.keys.ring import Keyring
from pipeline.operations.doctor import examine
from pipeline.reports.catalogue import all_reports, find
from pipeline.reports.run import run
from pipeline.settings import ClickHouse, Settings
from pipeline.ship import retention
from pipeline.ship.retention import GRACE, LIVES, TOKENS, Life, end_expired
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


def tokens(rows: Rows) -> list[tuple[int, ...]]:
    """Return the tokens of every stored event as numbers."""
    answer = rows.admin.query(f"SELECT {', '.join(TOKENS)} FROM pixel.events ORDER BY received_at")
    return [tuple(int(value) for value in row) for row in answer.result_rows]


@pytest.mark.parametrize("table", sorted({column.table for column in inventory().columns}))
def test_the_terms_of_the_inventory_are_those_of_the_tables(tables: Rows, table: str) -> None:
    made = str(tables.admin.query(f"SHOW CREATE TABLE pixel.{table}").result_rows[0][0])
    of_rows = re.findall(r"^TTL .*toInterval(\w+)\((\d+)\)", made, re.MULTILINE)
    for column in inventory().of(table):
        line = next(line for line in made.splitlines() if line.lstrip().startswith(f"`{column.name}`"))
        spans = re.findall(r"TTL .*toInterval(\w+)\((\d+)\)", line) or of_rows
        setting = column.term.setting
        number = getattr(tables.settings.retention, setting) if setting else 0
        expected = [(UNITS[setting.rpartition("_")[2]], str(number))] if setting else []
        assert spans == expected, column.name


def test_the_watched_lives_are_those_of_the_inventory() -> None:
    known = {(column.table, column.term.setting) for column in inventory().columns if column.term.setting}
    assert {(life.table, life.setting) for life in LIVES} == known
    expiring = {column.name for column in inventory().of("events") if column.term.name == "tokens"}
    assert set(TOKENS) == expiring


def test_a_month_that_is_over_loses_its_tokens_by_force_and_keeps_its_rows(idle: Rows) -> None:
    term = idle.settings.retention.tokens_days
    put(idle, NOW - timedelta(days=term + 40))
    put(idle, NOW - timedelta(days=1))
    assert tokens(idle)[0] != (0, 0, 0, 0, 0)
    end_expired(idle.settings)
    assert tokens(idle) == [(0, 0, 0, 0, 0), (1, 1, 2, 3, 4)]


def test_rows_past_their_term_are_gone(idle: Rows) -> None:
    put(idle, NOW - timedelta(days=31 * idle.settings.retention.rows_months + 40))
    end_expired(idle.settings)
    assert tokens(idle) == []


@pytest.mark.parametrize("life", [life for life in LIVES if not life.values], ids=lambda life: str(life.table))
def test_every_table_with_a_term_is_emptied_of_a_month_that_is_over(idle: Rows, life: Life) -> None:
    span = getattr(idle.settings.retention, life.setting) * (31 if life.setting.endswith("months") else 1)
    old = NOW - timedelta(days=span + 40)
    idle.writer.command(f"INSERT INTO pixel.{life.table} ({life.time}) VALUES ('{old:%Y-%m-%d %H:%M:%S}')")
    count = f"SELECT count() FROM pixel.{life.table}"
    assert idle.admin.query(count).result_rows == [(1,)]
    end_expired(idle.settings)
    assert idle.admin.query(count).result_rows == [(0,)]


def test_a_partition_is_forced_once(idle: Rows, caplog: pytest.LogCaptureFixture) -> None:
    put(idle, NOW - timedelta(days=idle.settings.retention.tokens_days + 40))
    caplog.set_level(logging.INFO, "pipeline.ship.retention")
    end_expired(idle.settings)
    assert len(caplog.records) == 1
    end_expired(idle.settings)
    assert len(caplog.records) == 1


def test_a_month_that_is_not_over_is_left_to_clickhouse(idle: Rows) -> None:
    newest_of_month = (NOW - timedelta(days=idle.settings.retention.tokens_days)).replace(day=1) - timedelta(seconds=1)
    put(idle, NOW - timedelta(days=1))
    put(idle, newest_of_month + timedelta(days=1))
    end_expired(idle.settings)
    assert (0, 0, 0, 0, 0) not in tokens(idle)


def test_what_is_held_for_a_block_has_no_term(idle: Rows) -> None:
    old = NOW - timedelta(days=3000)
    idle.writer.command(f"INSERT INTO pixel.held (received_at, visitor) VALUES ('{old:%Y-%m-%d %H:%M:%S}', 7)")
    end_expired(idle.settings)
    idle.writer.command("OPTIMIZE TABLE pixel.held FINAL")
    assert idle.admin.query("SELECT visitor FROM pixel.held").result_rows == [(7,)]


def test_a_database_that_is_away_is_tried_again(tmp_path: Path, clickhouse: Settings) -> None:
    away = clickhouse.model_copy(update={"clickhouse": ClickHouse(port=free_port())})
    with pytest.raises(Retryable):
        end_expired(away)


class Refusing:
    """A client whose every command ends in one error of the driver."""

    def __init__(self, error: Exception) -> None:
        self.error, self.asked = error, 0

    def command(self, _query: str) -> None:
        """Fail."""
        self.asked += 1
        raise self.error

    def close(self) -> None:
        """Close nothing."""


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (OperationalError("the read timed out"), None),  # ClickHouse goes on with the merge
        (DatabaseError("not enough space", code=243), Retryable),
        (DatabaseError("no such partition", code=248), Fatal),
    ],
)
def test_a_merge_that_does_not_end_well_is_told_apart(
    idle: Rows, monkeypatch: pytest.MonkeyPatch, error: Exception, raised: type[Exception] | None
) -> None:
    put(idle, NOW - timedelta(days=idle.settings.retention.tokens_days + 40))
    refusing = Refusing(error)
    real = retention.connect
    monkeypatch.setattr(
        retention,
        "connect",
        lambda settings, user, **more: refusing if user == "pixel_writer" else real(settings, user, **more),
    )
    with pytest.raises(raised) if raised else nullcontext():
        end_expired(idle.settings)
    assert refusing.asked == 1
    assert tokens(idle) == [(1, 1, 2, 3, 4)]


def test_the_worker_does_it_daily_once_blocked_rows_are_held() -> None:
    assert [job.every_seconds for job in JOBS if job.run is end_expired] == [86_400]
    order = [job.run for job in JOBS]
    assert order.index(hold_blocked_rows) < order.index(end_expired)


@pytest.mark.parametrize(
    ("past", "state", "said"),
    [
        (timedelta(days=-1), "ok", "the oldest of"),
        (timedelta(days=2), "note", "the next merge deletes it"),
        (GRACE + timedelta(days=1), "problem", "more than a month over its term"),
    ],
)
def test_doctor_tells_how_old_the_oldest_token_is(idle: Rows, past: timedelta, state: str, said: str) -> None:
    put(idle, NOW - timedelta(days=idle.settings.retention.tokens_days) - past)
    findings = [each for each in examine(idle.settings) if each.check == "retention"]
    assert [each.state for each in findings] == [state, "ok"]
    assert findings[0].text.startswith("tokens in events: ")
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


def test_an_expired_visitor_counts_nowhere_before_the_merge(idle: Rows) -> None:
    day = NOW.replace(minute=0, second=0, microsecond=0) - timedelta(days=idle.settings.retention.tokens_days + 3)
    recent = NOW.replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
    for moment in (day, recent):
        values = ", ".join(
            f"('{moment + timedelta(seconds=second):%Y-%m-%d %H:%M:%S}', '{moment:%Y-%m-%d}', 'clinic', 'pageview',"
            f" {visitor}, 'cookie', 'Firefox', '/{second}')"
            for visitor in range(1, 31)
            for second in range(20)
        )
        idle.writer.command(
            "INSERT INTO pixel.events (received_at, epoch, site, kind, visitor, visitor_kind, browser, page) VALUES "
            + values
        )
    reports = all_reports()
    for name in ("technical/traffic_by_hour", "fraud/bursts"):
        asked = find(name, reports)
        assert run(idle.settings, asked, "clinic", recent, recent + timedelta(hours=1)).rows, name
        assert run(idle.settings, asked, "clinic", day, day + timedelta(hours=1)).rows == [], name
