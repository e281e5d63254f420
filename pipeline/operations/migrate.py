"""Bring the database to the state that this version expects: numbered migrations, retention, views.

Owns the order of the steps; each server has a table `pixel.migrations` of its own (`pipeline.upgrades.schema`). Theory of operation: every file `sql/migrations/NNNN_*.sql` runs once, in order, and is
recorded after its last statement; every statement may run twice, so a file is repeated as a whole after a crash.
A recorded file must never change its meaning: the checksum is that of the file before its words are filled in, and
`earlier.toml` lists earlier texts of the same tables. `retention.sql` and the views (sql/reports, sql/rollup) depend on
settings: they run again whenever their rendered text differs from the recorded one.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline import __version__
from pipeline.database import cluster
from pipeline.database.client import address, code, connect, explain
from pipeline.errors import Fatal
from pipeline.fraud.views import fraud_views
from pipeline.operations.daily_partitions import split_into_days
from pipeline.problems.counting import series_views
from pipeline.publish.counting import counting_views
from pipeline.reports.views import DATABASES, view_statements
from pipeline.settings.model import Settings
from pipeline.upgrades.schema import (
    BEGUN,
    RESTORE,
    VERSION,
    newer_files,
    newer_schema,
    numbered_files,
    record,
    recorded_in,
    restore_is_open,
)
from pipeline.upgrades.stamp import claim
from sql import MIGRATIONS_DIR, fill, statements

_BOOTSTRAP = """\
CREATE DATABASE IF NOT EXISTS pixel$on_cluster;
CREATE TABLE IF NOT EXISTS pixel.migrations$on_cluster (name String, checksum String, applied_at DateTime64(3, 'UTC'))
ENGINE = $merge_tree ORDER BY (name, applied_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1;
"""
BOOTSTRAP, RETENTION, DISTRIBUTED, VIEWS = "bootstrap", "retention.sql", "distributed", "views"
REPEATED: Final = {RETENTION, DISTRIBUTED}
"""Steps that depend on the settings: they run again whenever their text differs from the recorded one."""
BLOCKS_MADE: Final = "0001_tables.sql"


Progress = Callable[[str], None]


def migrate(settings: Settings, progress: Progress = lambda _name: None) -> list[str]:
    """Apply the missing files and return their names in order; an empty list when none is missing.

    Raises `Retryable` when ClickHouse is unavailable, `Fatal` when a recorded file has changed, a statement is refused, or
    the database or the data directory is of a newer version.
    """
    claim(settings)
    applied: list[str] = []
    for server in _servers(settings):
        client = connect(server, "pixel_migrator")
        try:
            applied += [name for name in _Migration(client, server, progress).run() if name not in applied]
        finally:
            client.close()
    return applied


def begin_restore(settings: Settings) -> None:
    """Make the tables of this version without any view, so that no reader can ask, until `end_restore`.

    Until then `migrate` refuses. Raises the errors of `migrate`.
    """
    for server in _servers(settings):
        client = connect(server, "pixel_migrator")
        try:
            _Migration(client, server, lambda _name: None).close_views()
        finally:
            client.close()


def end_restore(settings: Settings) -> None:
    """Let readers ask again: make every view."""
    for server in _servers(settings):
        client = connect(server, "pixel_migrator")
        try:
            record(client, RESTORE, "done")
        finally:
            client.close()
    migrate(settings)


def printed(settings: Settings) -> str:
    """Return every statement for an empty database as one text, for an administrator who runs it with tools of their own.

    It records what it made, so that `migrate` finds nothing to do afterwards. On a cluster, a line before the statements of a server names it.
    """
    servers = _servers(settings)
    parts = [
        _printed(server) if len(servers) == 1 else f"-- on {address(server)}\n\n{_printed(server)}"
        for server in servers
    ]
    return "\n\n".join(parts) + "\n"


def _servers(settings: Settings) -> list[Settings]:
    """Return the servers that get statements, the home last: its views read the tables of all shards."""
    # With replicas, ON CLUSTER brings every statement to every server.
    return list(reversed(cluster.shards(settings)[: 1 if settings.clickhouse.replicated else None]))


def _printed(server: Settings) -> str:
    parts = []
    for name, texts, source in _steps(server):
        record = f"INSERT INTO pixel.migrations (name, checksum, applied_at) VALUES ('{name}', '{_checksum(source)}', now64(3))"  # noqa: S608  names of our files
        recorded = [] if name == BOOTSTRAP else [record]
        parts.append(f"-- {name}\n" + "".join(f"{text};\n\n" for text in (*texts, *recorded)).rstrip())
    return "\n\n".join(parts)


class _Step(NamedTuple):
    """Statements that are recorded together, by the checksum of their source."""

    name: str
    statements: list[str]
    source: str


class _Migration:
    """The way of one server to the state of this version."""

    def __init__(self, client: Client, settings: Settings, progress: Progress) -> None:
        self._client = client
        self._settings = settings
        self._progress = progress
        self._words = cluster.words(cluster.flavour(settings))
        self._applied: list[str] = []

    def run(self) -> list[str]:
        steps = _steps(self._settings)
        recorded = self._bootstrapped(next(steps))
        if restore_is_open(recorded):
            raise Fatal(
                "a restore was begun and did not end: no reader may ask yet; run `clinic-pixel restore` again, with --into empty"
            )
        self._all(steps, recorded)
        record(self._client, VERSION, __version__, unless=recorded)
        return self._applied

    def close_views(self) -> None:
        bootstrap, *steps = _steps(self._settings)
        recorded = self._bootstrapped(bootstrap)
        record(self._client, RESTORE, BEGUN)
        self._all((step for step in steps if step.name != VIEWS), recorded)
        shown = [f"{database}.{name}" for database in DATABASES for name in self._shown(database)]
        on_cluster = self._words["on_cluster"]
        self._execute(_Step(VIEWS, [f"DROP VIEW IF EXISTS {name}{on_cluster}" for name in shown], ""))

    def _bootstrapped(self, bootstrap: _Step) -> dict[str, str]:
        self._execute(bootstrap)
        recorded = recorded_in(self._client)
        if newer := newer_files(recorded):
            raise Fatal(newer_schema(newer, recorded.get(VERSION, "")))
        return recorded

    def _all(self, steps: Iterable[_Step], recorded: Mapping[str, str]) -> None:
        earlier = tomllib.loads((MIGRATIONS_DIR / "earlier.toml").read_text(encoding="utf-8"))
        if not self._settings.clickhouse.cluster:
            # First: the days are made by the text of the first migration, and later ones change both kinds.
            self._applied += split_into_days(self._client, self._settings, self._words, self._progress)
        for step in steps:
            known = recorded.get(step.name)
            if step.name == VIEWS:
                self._views(step, known)
            elif known == _checksum(step.source):
                continue
            elif known is None or step.name in REPEATED:
                self._apply(step)
            elif known not in earlier.get(step.name, ()):
                raise Fatal(f"sql/migrations/{step.name}: changed after it was applied; put changes into a new file")

    def _views(self, step: _Step, known: str | None) -> None:
        wanted = _wanted_views(self._settings).keys()
        present = {f"{database}.{name}" for database in DATABASES for name in self._shown(database)}
        if wanted != present or known != _checksum(step.source):
            # A removed report must not stay readable.
            on_cluster = self._words["on_cluster"]
            stale = [f"DROP VIEW IF EXISTS {name}{on_cluster}" for name in sorted(present - wanted)]
            self._apply(step._replace(statements=[*stale, *step.statements]))

    def _shown(self, database: str) -> list[str]:
        return [row[0] for row in self._client.query(f"SHOW TABLES FROM {database}").result_rows]

    def _apply(self, step: _Step) -> None:
        self._progress(step.name)
        self._execute(step)
        record(self._client, step.name, _checksum(step.source))
        self._applied.append(step.name)

    def _execute(self, step: _Step) -> None:
        for number, text in enumerate(step.statements, 1):
            try:
                self._client.command(text)
            except ClickHouseError as error:
                if code(error) == 0:
                    raise explain(error, self._settings, "pixel_migrator") from None
                raise Fatal(f"{step.name}, statement {number}: {str(error).splitlines()[0][:500]}") from None


def _steps(settings: Settings) -> Iterator[_Step]:
    """Yield what makes an empty server that of this version, in order; the first step makes the list of steps."""
    flavour = cluster.flavour(settings)
    words = cluster.words(flavour)
    is_home = cluster.is_home(settings)

    def step(name: str, source: str, text: str) -> _Step:
        made = statements(text)
        placed = [cluster.placed(each, flavour) for each in made if is_home or cluster.is_sharded(each)]
        if name == BLOCKS_MADE and not is_home:
            placed += [cluster.blocks_of_home(each, flavour) for each in made if f" pixel.{cluster.BLOCKS}" in each]
        return _Step(name, placed, source)

    yield step(BOOTSTRAP, _BOOTSTRAP, fill(_BOOTSTRAP, words))
    files = [(file.name, file.read_text(encoding="utf-8")) for file in numbered_files()]
    for name, source in files:
        yield step(name, source, fill(source, words))
    retention = _retention(settings, words)
    yield step(RETENTION, retention, retention)
    if is_home:
        if flavour.cluster:
            # Anew after each migration: such a table has the columns that the local ones had when it was made.
            yield _Step(DISTRIBUTED, list(cluster.distributed(flavour)), f"{flavour} {files}")
        views = list(_wanted_views(settings).values())
        yield _Step(VIEWS, views, ";\n".join(views))


def _retention(settings: Settings, words: dict[str, str]) -> str:
    spans = {f"after_{name}": str(value + 1) for name, value in settings.retention.model_dump().items()}
    return fill((MIGRATIONS_DIR / "retention.sql").read_text(encoding="utf-8"), {**spans, **words})


def _wanted_views(settings: Settings) -> dict[str, str]:
    """Return every view of this version by its name."""
    return view_statements(settings) | counting_views(settings) | series_views(settings) | fraud_views(settings)


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
