"""Checks whether expired data is really deleted, and forces the merge that deletes it.

Owns the list `LIVES` (a test compares it with the TTLs of the tables and with the inventory). Theory of operation:
ClickHouse deletes expired rows and values whenever it merges a part, usually within hours; a part that it never merges
again would keep them. So `ship` checks daily. If the whole partition of a month has expired and still holds expired data,
`ship` forces its merge once, so that every value is deleted within a month after its term. Views hide expired tokens from
the first day on.

The query needs a grant of `pixel_eraser`, the forced merge a grant of `pixel_writer`; neither user has both. Source: policy
clause 5.1 sets no term, the settings [retention] do.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.database.client import code, connect, explain
from pipeline.settings import Retention, Settings

GRACE: Final = timedelta(days=32)
"""A month and a day: a value that is still stored this long after its term is reported as a problem."""
FORCE_SECONDS: Final = 20
"""The time that `ship` waits for one merge; ClickHouse continues a longer merge by itself."""
TOKENS: Final = ("visitor", "ip_token", "net_token", "ua_token", "click_token")

log = logging.getLogger(__name__)


class Life(NamedTuple):
    """The data of a table that expires: whole rows, or only the named values; `time` is the column that gives the age."""

    table: str
    time: str
    setting: str
    values: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """The name of the expiring data, in words."""
        return f"tokens in {self.table}" if self.values else self.table

    def left(self) -> str:
        """Return the SQL condition for a row that still holds such values; '' where whole rows expire."""
        return " OR ".join(f"{name} != defaultValueOfArgumentType({name})" for name in self.values)

    def limit(self, retention: Retention) -> str:
        """Return the SQL of the time before which the data has expired."""
        number, unit = getattr(retention, self.setting), self.setting.rpartition("_")[2]
        return f"(now('UTC') - INTERVAL {number} {unit.removesuffix('s').upper()})"


LIVES: Final = (
    Life("events", "received_at", "tokens_days", TOKENS),
    Life("events", "received_at", "rows_months"),
    Life("technical", "received_at", "technical_days"),
    Life("counters", "minute", "counters_months"),
    Life("hourly", "hour", "counters_months"),
    Life("fraud_signals", "window_start", "tokens_days"),
    Life("rejects", "received_at", "quarantine_days"),
)


class Age(NamedTuple):
    """The time of the oldest stored data of one kind, None without data; data older than `limit` has expired."""

    life: Life
    oldest: datetime | None
    limit: datetime

    @property
    def expired(self) -> bool:
        """Whether expired data is stored and waits for a merge."""
        return self.oldest is not None and self.oldest < self.limit

    @property
    def overdue(self) -> bool:
        """Whether data expired so long ago that the forced merge must have failed."""
        return self.oldest is not None and self.oldest < self.limit - GRACE


def ages(client: Client, retention: Retention) -> list[Age]:
    """Return the age of the oldest data of each kind; the user of `client` must be able to read `pixel.*`."""
    found: list[Age] = []
    for life in LIVES:
        query = (
            f"/* oldest {life.what} */ SELECT count(), toDateTime(min({life.time}), 'UTC'), {life.limit(retention)}"  # noqa: S608 - all of it from LIVES
            f" FROM pixel.{life.table}"
            + (f" WHERE {life.left()}" if life.values else "")  # without WHERE ClickHouse reads no row
        )
        number, oldest, limit = client.query(query).result_rows[0]
        found.append(Age(life, oldest if number else None, limit))
    return found


def end_expired(settings: Settings) -> None:
    """Force the merge of every partition that has expired as a whole and still holds expired data.

    Safe at any time and twice: after its merge a partition holds no expired data. Raises `Retryable` when ClickHouse is
    unavailable, `Fatal` when it refuses.
    """
    due = _due(settings)
    client = connect(settings, "pixel_writer", timeout=FORCE_SECONDS) if due else None
    if client is None:
        return
    try:
        for life, partition in due:
            log.info(
                "%s of %s are older than %s and still stored: forcing the merge", life.what, partition, life.setting
            )
            client.command(f"OPTIMIZE TABLE pixel.{life.table} PARTITION ID '{partition}' FINAL")
    except ClickHouseError as error:
        if code(error) == 0:
            log.info("the merge takes more than %d s; ClickHouse continues it", FORCE_SECONDS)
            return
        raise explain(error, settings, "pixel_writer") from None
    finally:
        client.close()


def _due(settings: Settings) -> list[tuple[Life, str]]:
    client = connect(settings, "pixel_eraser")
    try:
        return [
            (life, str(partition))
            for life in LIVES
            for (partition,) in client.query(
                f"/* expired {life.what} */ SELECT DISTINCT toYYYYMM({life.time}) AS partition FROM pixel.{life.table}"  # noqa: S608 - all of it from LIVES
                # Only the first condition lets ClickHouse skip young parts.
                f" WHERE {life.time} < {life.limit(settings.retention)}"
                f" AND addMonths(toStartOfMonth({life.time}), 1) <= {life.limit(settings.retention)}"
                f" AND ({life.left() or '1'}) ORDER BY partition"
            ).result_rows
        ]
    except ClickHouseError as error:
        raise explain(error, settings, "pixel_eraser") from None
    finally:
        client.close()
