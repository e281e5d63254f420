"""Bring the database to the state that this version expects: numbered migrations, retention, views.

Owns `pixel.migrations`. Theory of operation: every file `sql/migrations/NNNN_*.sql` runs once, in order, and is
recorded after its last statement; every statement may run twice, so a file is repeated as a whole after a crash.
A recorded file must never change its meaning: the checksum is that of the file before its words are filled in, and
`earlier.toml` lists earlier texts of the same tables. `retention.sql` and the views (sql/reports, sql/rollup) depend on
settings: they run again whenever their rendered text differs from the recorded one.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.database import schema
from pipeline.database.client import code, connect, explain
from pipeline.errors import Fatal
from pipeline.fraud.views import fraud_views
from pipeline.operations.daily_partitions import split_into_days
from pipeline.problems.counting import series_views
from pipeline.publish.counting import counting_views
from pipeline.reports.views import DATABASES, view_statements
from pipeline.settings.model import Settings
from sql import MIGRATIONS_DIR, fill, statements

_NUMBERED = "[0-9][0-9][0-9][0-9]_*.sql"
_BOOTSTRAP = """\
CREATE DATABASE IF NOT EXISTS pixel$on_cluster;
CREATE TABLE IF NOT EXISTS pixel.migrations$on_cluster (name String, checksum String, applied_at DateTime64(3, 'UTC'))
ENGINE = $merge_tree ORDER BY (name, applied_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1;
"""


Progress = Callable[[str], None]


def migrate(settings: Settings, progress: Progress = lambda _name: None) -> list[str]:
    """Apply the missing files and return their names in order; an empty list when none is missing.

    Raises `Retryable` when ClickHouse is unavailable, `Fatal` when a recorded file has changed or a statement is refused.
    """
    client = connect(settings, "pixel_migrator")
    try:
        return _Migration(client, settings, progress).run()
    finally:
        client.close()


def printed(settings: Settings) -> str:
    """Return every statement for an empty database as one text, for an administrator who runs it with tools of their own.

    It records what it made, so that `migrate` finds nothing to do afterwards.
    """
    words = schema.words(schema.flavour(settings))
    parts = [f"-- bootstrap\n{fill(_BOOTSTRAP, words).strip()}"]
    views = list(_wanted_views(settings).values())
    for name, texts, source in (
        *((file.name, *_numbered(file, words)) for file in _files()),
        ("retention.sql", statements(_retention(settings, words)), _retention(settings, words)),
        ("views", views, ";\n".join(views)),
    ):
        record = f"INSERT INTO pixel.migrations (name, checksum, applied_at) VALUES ('{name}', '{_checksum(source)}', now64(3))"  # noqa: S608  names of our files
        parts.append(f"-- {name}\n" + "".join(f"{text.strip()};\n\n" for text in (*texts, record)).rstrip())
    return "\n\n".join(parts) + "\n"


class _Migration:
    def __init__(self, client: Client, settings: Settings, progress: Progress) -> None:
        self._client = client
        self._settings = settings
        self._progress = progress
        self._words = schema.words(schema.flavour(settings))
        self._applied: list[str] = []

    def run(self) -> list[str]:
        self._execute("bootstrap", statements(fill(_BOOTSTRAP, self._words)))
        recorded = self._recorded()
        earlier = tomllib.loads((MIGRATIONS_DIR / "earlier.toml").read_text(encoding="utf-8"))
        # First: the days are made by the text of the first migration, and later ones change both kinds.
        self._applied += split_into_days(self._client, self._settings, self._words, self._progress)
        for file in _files():
            texts, text = _numbered(file, self._words)
            if file.name not in recorded:
                self._apply(file.name, texts, text)
            elif recorded[file.name] not in {_checksum(text), *earlier.get(file.name, ())}:
                raise Fatal(f"sql/migrations/{file.name}: changed after it was applied; put changes into a new file")
        retention = _retention(self._settings, self._words)
        if recorded.get("retention.sql") != _checksum(retention):
            self._apply("retention.sql", statements(retention), retention)
        self._views(recorded)
        return self._applied

    def _views(self, recorded: dict[str, str]) -> None:
        wanted = _wanted_views(self._settings)
        present = {f"{database}.{name}" for database in DATABASES for name in self._shown(database)}
        text = ";\n".join(wanted.values())
        if wanted.keys() != present or recorded.get("views") != _checksum(text):
            # A removed report must not stay readable.
            cluster = self._words["on_cluster"]
            stale = [f"DROP VIEW IF EXISTS {name}{cluster}" for name in sorted(present - wanted.keys())]
            self._apply("views", [*stale, *wanted.values()], text)

    def _shown(self, database: str) -> list[str]:
        return [row[0] for row in self._client.query(f"SHOW TABLES FROM {database}").result_rows]

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


def _files() -> list[Path]:
    return sorted(MIGRATIONS_DIR.glob(_NUMBERED))


def _numbered(file: Path, words: dict[str, str]) -> tuple[list[str], str]:
    """Return the statements of a migration, and its text before the words are filled in."""
    text = file.read_text(encoding="utf-8")
    return statements(fill(text, words)), text


def _retention(settings: Settings, words: dict[str, str]) -> str:
    spans = {f"after_{name}": str(value + 1) for name, value in settings.retention.model_dump().items()}
    return fill((MIGRATIONS_DIR / "retention.sql").read_text(encoding="utf-8"), {**spans, **words})


def _wanted_views(settings: Settings) -> dict[str, str]:
    """Return every view of this version by its name."""
    return view_statements(settings) | counting_views(settings) | series_views(settings) | fraud_views(settings)


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
