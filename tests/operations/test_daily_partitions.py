"""A database of the version before gets daily partitions and loses no row that is within its term."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from clickhouse_connect.driver import Client

from pipeline.database import cluster
from pipeline.database.client import connect
from pipeline.errors import Fatal
from pipeline.operations import migrate
from pipeline.operations.daily_partitions import TIMES, split_into_days
from pipeline.settings.model import Settings
from pipeline.system import locks
from sql import statements
from support.server import Server

EARLIER = Path(__file__).parents[1] / "data" / "migrations"
TODAY = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
WITHIN = 90
"""Days of the term."""
MARKS = {"events": "visitor", "technical": "source_line", "rejects": "reason", "fraud_signals": "subject"}
"""A column of each table that tells its rows apart."""


@pytest.fixture
def filled(restartable: Server) -> Iterator[tuple[Settings, Client]]:
    """A database of the version before with three rows a day in every table, for 100 days."""
    settings = restartable.start().settings
    migrator = connect(settings, "pixel_migrator")
    for table in ("events_by_day", *TIMES):
        migrator.command(f"DROP TABLE IF EXISTS pixel.{table} SYNC")
    migrator.command("CREATE DATABASE IF NOT EXISTS pixel")
    for text in statements((EARLIER / "0001_tables.sql").read_text(encoding="utf-8")):
        migrator.command(text)
    for table, time in TIMES.items():
        mark = "number" if table in ("events", "technical") else "toString(number)"
        migrator.command(
            f"INSERT INTO pixel.{table} ({time}, site, {MARKS[table]}) SELECT toDateTime('{TODAY:%Y-%m-%d %H:%M:%S}', 'UTC')"
            f" - toIntervalDay(intDiv(number, 3)), 'clinic', {mark} FROM numbers(300)"
        )
    yield settings, migrator
    migrator.close()


def split(settings: Settings, migrator: Client) -> list[str]:
    """Run the step alone."""
    return split_into_days(migrator, settings, cluster.words(cluster.Flavour()), lambda _: None)


def rows(migrator: Client, table: str) -> dict[str, int]:
    """Return the number of rows of each day."""
    days = f"SELECT toDate({TIMES[table]}, 'UTC') AS day, count() FROM pixel.{table} GROUP BY day"
    return {str(day): count for day, count in migrator.query(days).result_rows}


def test_every_row_within_its_term_is_kept_and_older_ones_end(filled: tuple[Settings, Client]) -> None:
    settings, migrator = filled
    visitors = "SELECT sum(visitor) FROM pixel.events WHERE received_at >= today() - 90"
    before = migrator.query(visitors).result_rows
    assert migrate.migrate(settings)[:4] == [f"daily partitions of pixel.{table}" for table in TIMES]
    for table in TIMES:
        expected = {f"{TODAY - timedelta(days=age):%Y-%m-%d}": 3 for age in range(WITHIN + 1)}
        assert rows(migrator, table) == expected, table
        made = migrator.query(f"SHOW CREATE TABLE pixel.{table}").result_rows[0][0]
        assert f"PARTITION BY toYYYYMMDD({TIMES[table]})" in made
    assert migrator.query(visitors).result_rows == before
    tables = {name for (name,) in migrator.query("SHOW TABLES FROM pixel").result_rows}
    assert not {name for name in tables if name.endswith("_by_day")}
    assert migrate.migrate(settings) == []


def test_an_interrupted_copy_begins_anew(filled: tuple[Settings, Client]) -> None:
    settings, migrator = filled
    migrator.command("CREATE TABLE pixel.events_by_day AS pixel.events")
    migrator.command("INSERT INTO pixel.events_by_day SELECT * FROM pixel.events LIMIT 50")
    assert "daily partitions of pixel.events" in split(settings, migrator)
    assert sum(rows(migrator, "events").values()) == 3 * (WITHIN + 1)


def test_a_running_ship_is_not_written_around(filled: tuple[Settings, Client]) -> None:
    settings, migrator = filled
    settings.journal_dir.mkdir(mode=0o700, exist_ok=True)
    with locks.locked(settings.journal_dir / "lock"), pytest.raises(Fatal, match="`ship` is running; stop it"):
        split(settings, migrator)
    assert sum(rows(migrator, "events").values()) == 300


def test_rows_erased_meanwhile_are_not_brought_back(
    filled: tuple[Settings, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, migrator = filled
    real = migrator.command

    def erasing(text: str, *arguments: object, **more: object) -> object:
        answer = real(text, *arguments, **more)  # type: ignore[arg-type]
        if text.startswith("INSERT INTO pixel.events_by_day") and f"{TODAY:%Y-%m-%d}" in text:
            real("ALTER TABLE pixel.events DELETE WHERE visitor = 1", settings={"mutations_sync": 2})
        return answer

    monkeypatch.setattr(migrator, "command", erasing)
    with pytest.raises(Fatal, match="272 rows, 273 copied"):
        split(settings, migrator)
    monkeypatch.undo()
    split(settings, migrator)
    assert migrator.query("SELECT count() FROM pixel.events WHERE visitor = 1").result_rows == [(0,)]
