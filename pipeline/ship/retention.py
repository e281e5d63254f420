"""Whether what is past its term is really gone, and the merge that makes it so.

Owns the list `LIVES` (a test holds it against the TTLs of the tables and against the inventory). Theory of operation:
ClickHouse ends expired rows and values whenever it merges a part, usually within hours; a part that it never merges again
would keep them. So `ship` looks daily, and a month's partition that is past its term as a whole and still holds something
is merged by force: once, so that every value is gone within a month after its term. Views hide expired tokens from the first day.

Asking is `pixel_eraser`'s grant, forcing is `pixel_writer`'s: who may do one may not do the other. Source: policy clause
5.1 sets no term, the settings [retention] do.
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
"""A month and a day: how long after its term a value may still be in a part before somebody should look."""
FORCE_SECONDS: Final = 20
"""The time that `ship` waits for one merge. Meanwhile no new plan begins; ClickHouse goes on with the merge afterwards."""
TOKENS: Final = ("visitor", "ip_token", "net_token", "ua_token", "click_token")

log = logging.getLogger(__name__)


class Life(NamedTuple):
    """The part of a table that expires: whole rows, or only the named values; `time` is the column that gives the age."""

    table: str
    time: str
    setting: str
    values: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """The name of the expiring data, in words."""
        return f"tokens in {self.table}" if self.values else self.table

    def left(self) -> str:
        """Return the SQL condition of a row that still holds it; without values any row does."""
        return " OR ".join(f"{name} != defaultValueOfArgumentType({name})" for name in self.values)

    def limit(self, retention: Retention) -> str:
        """Return the SQL of the moment before which it is past its term."""
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
    """The oldest of its kind that is stored, None where nothing is; `limit` is when what is now old enough was received."""

    life: Life
    oldest: datetime | None
    limit: datetime

    @property
    def expired(self) -> bool:
        """Whether something is past its term and waits for a merge."""
        return self.oldest is not None and self.oldest < self.limit

    @property
    def overdue(self) -> bool:
        """Whether something is past its term for so long that the forced merge must have failed."""
        return self.oldest is not None and self.oldest < self.limit - GRACE


def ages(client: Client, retention: Retention) -> list[Age]:
    """Return how old the oldest of each kind is, as anybody who may read `pixel.*` sees it."""
    found: list[Age] = []
    for life in LIVES:
        query = (
            f"/* oldest {life.what} */ SELECT count(), toDateTime(min({life.time}), 'UTC'), {life.limit(retention)}"  # noqa: S608 - all of it from LIVES
            f" FROM pixel.{life.table}" + (f" WHERE {life.left()}" if life.values else "")  # without one no row is read
        )
        number, oldest, limit = client.query(query).result_rows[0]
        found.append(Age(life, oldest if number else None, limit))
    return found


def end_expired(settings: Settings) -> None:
    """Force the merge of every partition that is past its term as a whole and still holds something.

    Safe at any time and twice: a partition that is through holds nothing any more. Raises `Retryable` when ClickHouse is
    away, `Fatal` when it refuses.
    """
    due = _due(settings)
    client = connect(settings, "pixel_writer", timeout=FORCE_SECONDS) if due else None
    if client is None:
        return
    try:
        for life, partition in due:
            log.info("%s of %s are past %s and still stored: forcing the merge", life.what, partition, life.setting)
            client.command(f"OPTIMIZE TABLE pixel.{life.table} PARTITION ID '{partition}' FINAL")
    except ClickHouseError as error:
        if code(error) == 0:
            log.info("the merge takes more than %d s; ClickHouse goes on with it", FORCE_SECONDS)
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
                # The first condition alone lets ClickHouse pass over the parts that are young.
                f" WHERE {life.time} < {life.limit(settings.retention)}"
                f" AND addMonths(toStartOfMonth({life.time}), 1) <= {life.limit(settings.retention)}"
                f" AND ({life.left() or '1'}) ORDER BY partition"
            ).result_rows
        ]
    except ClickHouseError as error:
        raise explain(error, settings, "pixel_eraser") from None
    finally:
        client.close()
