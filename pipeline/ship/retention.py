"""Drops the days and months whose term is over.

Owns the list `LIVES` (a test compares it with the TTLs of the tables and with the inventory). Theory of operation: rows have a
partition for each UTC day and numbers one for each month. A partition is dropped whole once its last row is over its term:
nothing is rewritten, and no expired value waits for a merge. The TTLs of `retention.sql` do the same where no `ship` runs.

Works as `pixel_eraser`. Source: policy clause 5.1 sets no term, the settings [retention] do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from clickhouse_connect.driver import Client

from pipeline.database.client import working_as
from pipeline.database.cluster import SHARDED, is_home, shards, stored_in
from pipeline.errors import PixelError
from pipeline.keys.sealed import SEALED_DAYS
from pipeline.settings.model import Settings
from pipeline.settings.sections import Retention

GRACE: Final = timedelta(days=1)
"""Data that is still stored this long after its term is reported as a problem."""

log = logging.getLogger(__name__)


class Life(NamedTuple):
    """A table whose rows end; `time` is the column that gives their age, `setting` ends with their unit."""

    table: str
    time: str
    setting: str

    @property
    def partition(self) -> str:
        """The SQL of a row's partition."""
        return f"toYYYYMMDD({self.time})" if self.setting == "rows_days" else f"toYYYYMM({self.time})"

    def begin(self, retention: Retention) -> str:
        """Return the SQL of the begin of the first partition that is within the term."""
        number = getattr(retention, self.setting)
        if self.setting == "rows_days":
            return f"toDateTime(toDate(now('UTC')) - INTERVAL {number} DAY, 'UTC')"
        return f"toDateTime(toStartOfMonth(now('UTC')) - INTERVAL {number} MONTH, 'UTC')"


LIVES: Final = (
    Life("events", "received_at", "rows_days"),
    Life("technical", "received_at", "rows_days"),
    Life("rejects", "received_at", "rows_days"),
    Life("fraud_signals", "window_start", "rows_days"),
    Life("fraud_hits", "received_at", "rows_days"),
    Life("fraud_cases", "day", "rows_days"),
    Life("series", "hour", "rows_days"),
    Life("counters", "minute", "numbers_months"),
    Life("hourly", "hour", "numbers_months"),
    Life("marks", "at", "numbers_months"),
    Life("publications", "start", "numbers_months"),
    Life("cells", "start", "numbers_months"),
    Life("problems", "changed_at", "numbers_months"),
    Life("fraud_runs", "day", "numbers_months"),
    Life("fraud_normals", "day", "numbers_months"),
)


class Age(NamedTuple):
    """The time of the oldest row of a table, None without rows; rows older than `begin` are over their term."""

    life: Life
    oldest: datetime | None
    begin: datetime

    @property
    def expired(self) -> bool:
        """Whether rows are stored that the next run of the job drops."""
        return self.oldest is not None and self.oldest < self.begin

    @property
    def overdue(self) -> bool:
        """Whether rows ended so long ago that the job must have failed."""
        return self.oldest is not None and self.oldest < self.begin - GRACE


def ages(client: Client, retention: Retention) -> list[Age]:
    """Return the age of the oldest row of each table; the user of `client` must be able to read `pixel.*`."""
    found: list[Age] = []
    for life in LIVES:
        query = (
            f"/* oldest {life.table} */ SELECT count(), toDateTime(min({life.time}), 'UTC'), {life.begin(retention)}"  # noqa: S608 - all of it from LIVES
            f" FROM pixel.{life.table}"
        )
        number, oldest, begin = client.query(query).result_rows[0]
        found.append(Age(life, oldest if number else None, begin))
    return found


def drop_expired(settings: Settings) -> None:
    """Drop every partition whose term is over, also while another shard is away; safe at any time and twice.

    Raises `Retryable` when ClickHouse is unavailable, `Fatal` when it refuses.
    """

    def drop(client: Client, server: Settings) -> None:
        for life in LIVES:
            if not is_home(server) and life.table not in SHARDED:
                continue
            table = stored_in(server, life.table)
            for partition in _expired(client, life, table, settings.retention):
                client.command(f"ALTER TABLE pixel.{table} DROP PARTITION ID '{partition}'")
                log.info("dropped %s of %s: older than %s", partition, table, life.setting)

    _on_each_shard(settings, drop)


def clear_sealed_clicks(settings: Settings) -> None:
    """Clear the sealed click ids of the days older than `SEALED_DAYS`: their column is dropped, no row is rewritten.

    Raises `Retryable` when ClickHouse is unavailable, `Fatal` when it refuses.
    """
    old = f"toDate(received_at, 'UTC') < toDate(now('UTC')) - {SEALED_DAYS}"

    def clear(client: Client, server: Settings) -> None:
        table = f"pixel.{stored_in(server, 'events')}"
        query = f"/* old click ids */ SELECT DISTINCT toYYYYMMDD(received_at) FROM {table} WHERE {old} AND click_sealed != ''"  # noqa: S608 - a number of ours
        for (day,) in client.query(query).result_rows:
            client.command(f"ALTER TABLE {table} CLEAR COLUMN click_sealed IN PARTITION {day}")
            log.info("cleared the sealed click ids of %s: older than %d days", day, SEALED_DAYS)

    _on_each_shard(settings, clear)


def _on_each_shard(settings: Settings, work: Callable[[Client, Settings], None]) -> None:
    """Work on every shard, then raise the error of the first that could not: the terms of the others end all the same."""
    errors: list[PixelError] = []
    for server in shards(settings):
        try:
            with working_as(server, "pixel_eraser") as client:
                work(client, server)
        except PixelError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def _expired(client: Client, life: Life, table: str, retention: Retention) -> list[str]:
    query = (
        f"/* expired {life.table} */ SELECT DISTINCT {life.partition} AS partition FROM pixel.{table}"  # noqa: S608 - all of it from LIVES
        f" WHERE {life.time} < {life.begin(retention)} ORDER BY partition"
    )
    return [str(partition) for (partition,) in client.query(query).result_rows]
