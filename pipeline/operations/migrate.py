"""Bring the database to the state this version expects: numbered migrations, life spans, report views.

Owns `pixel.migrations`. Theory of operation: every file `sql/migrations/NNNN_*.sql` runs once, in order, and is
recorded after its last statement; every statement may run twice, so a crash in the middle is mended by running again.
A recorded file must never change. `retention.sql` and the views depend on settings: they run again whenever their
rendered text differs from the recorded one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from string import Template

from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.database.client import code, connect, explain
from pipeline.errors import Fatal
from pipeline.reports.run import view_statements
from pipeline.settings import Settings
from sql import MIGRATIONS_DIR, statements

FAMILIES = ("technical", "fraud", "privacy")
_NUMBERED = "[0-9][0-9][0-9][0-9]_*.sql"
_VIEW_NAME = re.compile(r"VIEW\s+(?:IF NOT EXISTS\s+)?`?(\w+)`?\.`?(\w+)`?")
_MIGRATIONS_TABLE = """\
CREATE TABLE IF NOT EXISTS pixel.migrations (name String, checksum String, applied_at DateTime64(3, 'UTC'))
ENGINE = MergeTree ORDER BY (name, applied_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1"""
_BOOTSTRAP = ("CREATE DATABASE IF NOT EXISTS pixel", _MIGRATIONS_TABLE)


Progress = Callable[[str], None]


def migrate(settings: Settings, progress: Progress = lambda _name: None) -> list[str]:
    """Apply what is missing and return the names of what was applied, in order; nothing to do gives an empty list.

    Raises `Retryable` when ClickHouse is away, `Fatal` when a recorded file has changed or a statement is refused.
    """
    client = connect(settings, "pixel_migrator")
    try:
        return _Migration(client, settings, progress).run()
    finally:
        client.close()


class _Migration:
    def __init__(self, client: Client, settings: Settings, progress: Progress) -> None:
        self._client = client
        self._settings = settings
        self._progress = progress
        self._applied: list[str] = []

    def run(self) -> list[str]:
        self._execute("bootstrap", _BOOTSTRAP)
        recorded = self._recorded()
        for file in sorted(MIGRATIONS_DIR.glob(_NUMBERED)):
            text = file.read_text(encoding="utf-8")
            if file.name not in recorded:
                self._apply(file.name, statements(text), text)
            elif recorded[file.name] != _checksum(text):
                raise Fatal(f"sql/migrations/{file.name}: changed after it was applied; put changes into a new file")
        retention = self._retention()
        if recorded.get("retention.sql") != _checksum(retention):
            self._apply("retention.sql", statements(retention), retention)
        self._views(recorded)
        return self._applied

    def _retention(self) -> str:
        template = Template((MIGRATIONS_DIR / "retention.sql").read_text(encoding="utf-8"))
        return template.substitute(self._settings.retention.model_dump())

    def _views(self, recorded: dict[str, str]) -> None:
        wanted = view_statements(self._settings)
        names = {match.groups() for text in wanted if (match := _VIEW_NAME.search(text))}
        present = {(family, name) for family in FAMILIES for name in self._shown(family)}
        text = ";\n".join(wanted)
        if names != present or recorded.get("views") != _checksum(text):
            # A report that was taken away must not stay readable.
            stale = [f"DROP VIEW IF EXISTS {family}.{name}" for family, name in sorted(present - names)]
            self._apply("views", [*stale, *wanted], text)

    def _shown(self, family: str) -> list[str]:
        return [row[0] for row in self._client.query(f"SHOW TABLES FROM {family}").result_rows]

    def _recorded(self) -> dict[str, str]:
        rows = self._client.query("SELECT name, argMax(checksum, applied_at) FROM pixel.migrations GROUP BY name")
        return {str(name): str(checksum) for name, checksum in rows.result_rows}

    def _apply(self, name: str, texts: Iterable[str], source: str) -> None:
        self._progress(name)
        self._execute(name, texts)
        record = [[name, _checksum(source), datetime.now(UTC)]]
        self._client.insert("pixel.migrations", record, column_names=["name", "checksum", "applied_at"])
        self._applied.append(name)

    def _execute(self, name: str, texts: Iterable[str]) -> None:
        for number, text in enumerate(texts, 1):
            try:
                self._client.command(text)
            except ClickHouseError as error:
                if code(error) == 0:
                    raise explain(error, self._settings, "pixel_migrator") from None
                raise Fatal(f"{name}, statement {number}: {str(error).splitlines()[0][:500]}") from None


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
