"""Move the rows of an older version from monthly into daily partitions, losing none that is within its term.

Owns the list of these tables. Theory of operation: ClickHouse cannot change the partitions of a table. So the table is made a
second time by the text of `0001_tables.sql`, the rows within the term are copied day by day, and when the counts of both are
equal, the tables change names. Until then the old table is unchanged, and after an interruption the copy begins anew. No
`ship` may write meanwhile: its lock is held. Safe at any time and twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from clickhouse_connect.driver import Client

from pipeline.errors import Fatal
from pipeline.settings.model import Settings
from pipeline.system import locks
from sql import MIGRATIONS_DIR, fill, statements

TIMES: Final[Mapping[str, str]] = {
    "events": "received_at",
    "technical": "received_at",
    "rejects": "received_at",
    "fraud_signals": "window_start",
}
"""The tables with a partition for each day, and the column of their time."""
MONTHLY: Final = "PARTITION BY toYYYYMM("


def split_into_days(
    client: Client, settings: Settings, words: Mapping[str, str], progress: Callable[[str], None]
) -> list[str]:
    """Give every table of `TIMES` daily partitions; return the names of the tables that had monthly ones.

    Raises `Fatal` where a `ship` runs or rows were deleted meanwhile, and the driver's errors.
    """
    monthly = [table for table in TIMES if MONTHLY in _shown(client, table)]
    if not monthly:
        return []
    with _without_ship(settings):
        for table in monthly:
            _split(client, settings, words, table, progress)
    return [f"daily partitions of pixel.{table}" for table in monthly]


def _split(
    client: Client, settings: Settings, words: Mapping[str, str], table: str, progress: Callable[[str], None]
) -> None:
    copy, on_cluster = f"{table}_by_day", words["on_cluster"]
    client.command(f"DROP TABLE IF EXISTS pixel.{copy}{on_cluster} SYNC")
    client.command(_definition(table, words).replace(f"pixel.{table}", f"pixel.{copy}", 1))
    day = f"toDate({TIMES[table]}, 'UTC')"
    within = f"{day} >= toDate(now('UTC')) - {settings.retention.rows_days}"
    days = client.query(
        f"SELECT {day} AS day, count() FROM pixel.{table} WHERE {within} GROUP BY day ORDER BY day"  # noqa: S608 - all of it from TIMES
    ).result_rows
    progress(f"daily partitions of pixel.{table}: {len(days)} days, {sum(rows for _, rows in days):,} rows")
    for each, _ in days:
        client.command(f"INSERT INTO pixel.{copy} SELECT * FROM pixel.{table} WHERE {day} = '{each}'")  # noqa: S608 - as above
    count = f"SELECT count() FROM pixel.%s WHERE {within}"  # noqa: S608 - as above
    of_both = [client.query(count % name).result_rows[0][0] for name in (table, copy)]
    if of_both[0] != of_both[1]:
        raise Fatal(
            f"pixel.{table}: {of_both[0]:,} rows, {of_both[1]:,} copied into daily partitions: rows were written or erased"
            " meanwhile. Nothing is lost: stop `ship` everywhere and run `clinic-pixel migrate` again"
        )
    client.command(f"EXCHANGE TABLES pixel.{table} AND pixel.{copy}{on_cluster}")
    client.command(f"DROP TABLE pixel.{copy}{on_cluster} SYNC")


def _shown(client: Client, table: str) -> str:
    if not client.query(f"EXISTS TABLE pixel.{table}").result_rows[0][0]:
        return ""
    return str(client.query(f"SHOW CREATE TABLE pixel.{table}").result_rows[0][0])


def _definition(table: str, words: Mapping[str, str]) -> str:
    text = (MIGRATIONS_DIR / "0001_tables.sql").read_text(encoding="utf-8")
    named = f"CREATE TABLE IF NOT EXISTS pixel.{table}{words['on_cluster']}\n"
    return next(statement for statement in statements(fill(text, words)) if named in statement)


@contextmanager
def _without_ship(settings: Settings) -> Iterator[None]:
    if not settings.journal_dir.is_dir():
        yield
        return
    try:
        lock = locks.locked(settings.journal_dir / "lock", wait=False)
        with lock:
            yield
    except locks.Held:
        raise Fatal("`ship` is running; stop it until `clinic-pixel migrate` has moved the rows") from None
