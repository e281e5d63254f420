"""Migrations run once, in order, again after a crash, and the same way against a server elsewhere."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from pipeline import event
from pipeline.database import cluster
from pipeline.database.access import PASSWORD_FILE
from pipeline.database.client import connect
from pipeline.enrich import rows
from pipeline.enrich.rows import Row
from pipeline.errors import Fatal
from pipeline.operations import migrate
from pipeline.operations.daily_partitions import TIMES
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse, Retention
from pipeline.upgrades import schema
from sql import MIGRATIONS_DIR, statements
from support.server import Rows, Server

TABLES = {
    "events",
    "technical",
    "counters",
    "hourly",
    "publications",
    "cells",
    "series",
    "problems",
    "held",
    "fraud_signals",
    "verdicts",
    "subject_blocks",
    "audit",
    "rejects",
    "migrations",
}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations that a test may change; views are left as they are."""
    directory = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS_DIR, directory)
    for module in (migrate, schema):
        monkeypatch.setattr(module, "MIGRATIONS_DIR", directory)
    return directory


@pytest.fixture
def database(clickhouse: Settings) -> Iterator[Rows]:
    """The shared server; what a test recorded is forgotten afterwards."""
    rows = Rows(clickhouse)
    yield rows
    rows.forget_migrations()
    migrate.migrate(clickhouse)
    rows.close()


def create_statement(rows: Rows, table: str) -> str:
    """Return how a table is defined now."""
    return str(rows.admin.query(f"SHOW CREATE TABLE pixel.{table}").result_rows[0][0])


def test_the_second_run_has_nothing_to_do(clickhouse: Settings) -> None:
    migrate.migrate(clickhouse)
    assert migrate.migrate(clickhouse) == []


def test_all_tables_of_the_design_are_there(tables: Rows) -> None:
    assert {row[0] for row in tables.admin.query("SHOW TABLES FROM pixel").result_rows} >= TABLES


def test_the_columns_of_events_are_the_fields_of_a_row(tables: Rows) -> None:
    described = tables.admin.query("DESCRIBE TABLE pixel.events").result_rows
    assert {row[0] for row in described} == set(Row.__struct_fields__)
    assert [row[0] for row in tables.admin.query("DESCRIBE TABLE pixel.held").result_rows] == [
        row[0] for row in described
    ]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("kind", event.Kind),
        ("mode", event.Mode),
        ("visitor_kind", event.VisitorKind),
        ("cookie_state", event.CookieState),
        ("net_class", event.NetClass),
        ("hints", rows.HintState),
        ("page_scheme", event.Scheme),
        ("page_from", event.PageFrom),
        ("referrer_kind", rows.ReferrerKind),
    ],
)
def test_an_enumeration_has_the_values_of_the_event(tables: Rows, column: str, values: object) -> None:
    types = {row[0]: row[1] for row in tables.admin.query("DESCRIBE TABLE pixel.events").result_rows}
    assert set(re.findall(r"'(\w+)'", types[column])) == set(get_args(values))


def test_no_column_asks_the_clock_for_a_default(tables: Rows) -> None:
    for table in TABLES:
        defaults = {row[2] for row in tables.admin.query(f"DESCRIBE TABLE pixel.{table}").result_rows}
        assert defaults == {""}, table


@pytest.mark.parametrize("table", ["events", "technical", "counters", "rejects"])
def test_tables_that_are_shipped_to_keep_their_promise(tables: Rows, table: str) -> None:
    settings = create_statement(tables, table)
    for promise in (
        "non_replicated_deduplication_window = 10000",
        "fsync_after_insert = 1",
        "fsync_part_directory = 1",
        "min_rows_to_fsync_after_merge = 1",
        "old_parts_lifetime = 480",
    ):
        assert promise in settings
    assert "batch_id TYPE bloom_filter GRANULARITY 1" in settings


def test_a_changed_file_is_named(clickhouse: Settings, files: Path) -> None:
    with (files / "0001_tables.sql").open("a") as stream:
        stream.write("-- changed\n")
    with pytest.raises(Fatal, match=r"0001_tables\.sql: changed after it was applied"):
        migrate.migrate(clickhouse)


def test_a_run_that_ended_in_the_middle_is_mended_by_the_next(
    clickhouse: Settings, database: Rows, files: Path
) -> None:
    """`database` comes before `files`: it forgets afterwards, with the files of this version in force again."""
    good = "CREATE TABLE IF NOT EXISTS pixel.half (x UInt8) ENGINE = Memory;\n"
    later = "CREATE TABLE IF NOT EXISTS pixel.half_done (x UInt8) ENGINE = Memory;\n"
    (files / "0098_half.sql").write_text(f"{good}CREATE TABLE pixel.broken (x NoSuchType) ENGINE = Memory;\n{later}")
    with pytest.raises(Fatal, match=r"0098_half\.sql, statement 2: .*NoSuchType"):
        migrate.migrate(clickhouse)
    (files / "0098_half.sql").write_text(good + later)
    (files / "0099_drop.sql").write_text("DROP TABLE IF EXISTS pixel.half;\nDROP TABLE IF EXISTS pixel.half_done;\n")
    assert migrate.migrate(clickhouse)[:2] == ["0098_half.sql", "0099_drop.sql"]
    assert migrate.migrate(clickhouse) == []


def test_every_numbered_statement_may_run_twice(clickhouse: Settings, database: Rows) -> None:
    database.forget_migrations()
    assert migrate.migrate(clickhouse)[0] == "0001_tables.sql"


def test_terms_follow_the_settings(clickhouse: Settings, database: Rows) -> None:
    longer = Retention(keys_days=7, rows_days=30, numbers_months=5, quarantine_days=3)
    assert "retention.sql" in migrate.migrate(clickhouse.model_copy(update={"retention": longer}))
    assert "TTL toDate(received_at) + toIntervalDay(31)" in create_statement(database, "events")
    assert "toIntervalDay(31)" in create_statement(database, "technical")
    assert "toIntervalMonth(6)" in create_statement(database, "counters")
    assert "toIntervalDay(31)" in create_statement(database, "rejects")
    assert "TTL" not in create_statement(database, "held").replace("SETTINGS", "")
    assert "retention.sql" in migrate.migrate(clickhouse)


def test_a_view_of_a_report_that_is_gone_is_dropped(clickhouse: Settings, database: Rows) -> None:
    migrator = connect(clickhouse, "pixel_migrator")
    migrator.command("CREATE OR REPLACE VIEW fraud.gone DEFINER = pixel_viewer SQL SECURITY DEFINER AS SELECT 1")
    assert migrate.migrate(clickhouse) == ["views"]
    assert ("gone",) not in migrator.query("SHOW TABLES FROM fraud").result_rows
    migrator.close()


def test_a_server_elsewhere_is_migrated_the_same_way(restartable: Server, tmp_path: Path) -> None:
    restartable.start()
    here = Settings(
        data=tmp_path / "elsewhere",
        clickhouse=ClickHouse(url=f"http://127.0.0.1:{restartable.settings.clickhouse.port}/"),
    )
    here.secrets_dir.mkdir(parents=True, mode=0o700)
    os.link(restartable.settings.secrets_dir / PASSWORD_FILE, here.secrets_dir / PASSWORD_FILE)
    assert migrate.migrate(here)[:2] == ["0001_tables.sql", "0002_hourly.sql"]
    assert migrate.migrate(here) == []
    reader = connect(here, "ops")
    assert reader.query("SELECT currentUser()").result_rows == [("ops",)]
    reader.close()


EARLIER = Path(__file__).parents[1] / "data" / "migrations"


def schema_of(settings: Settings) -> dict[str, str]:
    """Return how every table and view of the product is defined now."""
    migrator = connect(settings, "pixel_migrator")
    found = migrator.query(
        "SELECT database || '.' || name, create_table_query FROM system.tables"
        " WHERE database IN ('pixel', 'technical', 'fraud', 'privacy', 'rollup')"
    ).result_rows
    migrator.close()
    return {str(name): str(definition) for name, definition in found}


def test_a_database_of_the_version_before_becomes_the_same_as_a_new_one(
    restartable: Server, clickhouse: Settings
) -> None:
    settings = restartable.start().settings
    migrator = connect(settings, "pixel_migrator")
    for text in statements(migrate.fill(migrate._BOOTSTRAP, cluster.words(cluster.Flavour()))):
        migrator.command(text)
    for file in sorted(EARLIER.glob("*.sql")):
        source = file.read_text(encoding="utf-8")
        for text in statements(source):
            migrator.command(text)
        record = [[file.name, hashlib.sha256(source.encode()).hexdigest(), datetime.now(UTC)]]
        migrator.insert("pixel.migrations", record, column_names=["name", "checksum", "applied_at"])
    migrator.close()
    newer = sorted(
        {file.name for file in MIGRATIONS_DIR.glob("0*.sql")} - {file.name for file in EARLIER.glob("0*.sql")}
    )
    days = [f"daily partitions of pixel.{table}" for table in TIMES]
    assert migrate.migrate(settings) == [*days, *newer, "retention.sql", "views"]
    migrate.migrate(clickhouse)
    upgraded = schema_of(settings)
    assert {"pixel.events", "rollup.hourly_counts", "technical.browsers"} <= upgraded.keys()
    assert upgraded == schema_of(clickhouse)
    assert migrate.migrate(settings) == []


def test_a_view_of_the_roll_up_that_is_gone_is_made_again(clickhouse: Settings, database: Rows) -> None:
    migrator = connect(clickhouse, "pixel_migrator")
    migrator.command("DROP VIEW rollup.hourly_counts")
    migrator.close()
    assert migrate.migrate(clickhouse) == ["views"]
    assert database.writer.query("SELECT * FROM rollup.hourly_counts(day = '1999-12-31')").result_rows == []


def test_statements_end_at_the_end_of_a_line_only() -> None:
    assert statements("-- a; comment;\nSELECT ';' AS x\n    -- why;\n  , 2;\n\nSELECT 3;  \nSELECT 4") == [
        "SELECT ';' AS x\n  , 2",
        "SELECT 3",
        "SELECT 4",
    ]
