"""The rows of ClickHouse in a backup: one file for each table and partition, in ClickHouse's own format Native.

Owns the export and the load. Theory of operation: a partition is a day or a month, as its term is, so a file ends with its
rows. `BACKUP` of ClickHouse is not used: it keeps whole tables, and its engine would need the right to write files. A
partition that changed while the others were exported is exported again while `ship` is kept waiting; the names of its parts
tell. Reads as `pixel_admin`, loads as `pixel_migrator`; a server needs no other right.
"""

# ruff: noqa: S608  names of our own tables and columns
from __future__ import annotations

import gzip
from collections.abc import Generator, Mapping
from contextlib import closing
from datetime import date, timedelta
from io import IOBase
from pathlib import Path
from typing import Final, NamedTuple, cast

from clickhouse_connect.driver import Client

from pipeline.backup.places import ROWS, Part, write_part
from pipeline.errors import Fatal, Retryable
from pipeline.settings.model import Settings
from pipeline.settings.sections import Retention
from pipeline.ship.retention import LIVES

LEFT_OUT: Final = frozenset({"migrations", "fraud_hits"})
"""The schema is made again; the hits of the day that is scored are copied from `events` again."""

_PARTS: Final = """\
SELECT table, partition_id, arraySort(groupArray(name)), sum(rows)
FROM system.parts WHERE database = 'pixel' AND active GROUP BY table, partition_id ORDER BY table, partition_id"""
_LIVES: Final = {life.table: life for life in LIVES}
_PIECE: Final = 1024 * 1024
_TRIES: Final = 10


def refuse_a_cluster(settings: Settings) -> None:
    """Raise `Fatal` on a cluster: the parts of a table are on every shard, and one server tells of its own alone."""
    if settings.clickhouse.cluster:
        raise Fatal(
            "a cluster is not backed up by this command: its rows are on every shard. Use BACKUP of ClickHouse on each server, and"
            " `clinic-pixel backup --requests DIR` on each host (docs/cluster.md)"
        )


class State(NamedTuple):
    """A partition at one moment: the names of its parts and its number of rows."""

    parts: tuple[str, ...]
    rows: int


Partition = tuple[str, str]
"""Table and partition."""


def partitions(client: Client) -> dict[Partition, State]:
    """Return every partition that a backup holds, as it is now."""
    rows = client.query(_PARTS).result_rows
    return {
        (str(table), str(partition)): State(tuple(parts), int(count))
        for table, partition, parts, count in rows
        if table not in LEFT_OUT and count
    }


def export(client: Client, directory: Path, partition: Partition, retention: Retention) -> Part:
    """Write the rows of a partition into a backup and return its part; raises `Retryable` where it does not come to rest."""
    # A merge may take rows away between the list of the parts, the export and the count.
    for _ in range(_TRIES):
        before = _number(client, partition)
        part = _exported(client, directory, partition, before, retention)
        if _number(client, partition) == before:
            return part
    raise Retryable(f"pixel.{partition[0]}: its rows changed during each of {_TRIES} exports; back up again later")


def _number(client: Client, partition: Partition) -> int:
    table, name = partition
    text = f"SELECT count() FROM pixel.{table} WHERE _partition_id = {{partition:String}}"
    return int(client.query(text, parameters={"partition": name}).result_rows[0][0])


def _exported(client: Client, directory: Path, partition: Partition, number: int, retention: Retention) -> Part:
    table, name = partition
    columns = tuple(row[0] for row in client.query(f"DESCRIBE TABLE pixel.{table}").result_rows)
    # Buffered by the server until the end: an error in the middle is an error, not a short file.
    stream = client.raw_stream(
        f"SELECT {', '.join(columns)} FROM pixel.{table} WHERE _partition_id = {{partition:String}}",
        parameters={"partition": name},
        settings={"wait_end_of_query": 1, "max_execution_time": 0},
        fmt="Native",
    )
    stream = cast("IOBase", stream)  # of a client without asyncio
    with closing(stream):
        return write_part(
            directory,
            f"{ROWS}/{table}/{name}.native.gz",
            iter(lambda: stream.read(_PIECE), b""),
            packed=True,
            table=table,
            partition=name,
            columns=columns,
            rows=number,
            ends=ends(table, name, retention),
        )


def ends(table: str, partition: str, retention: Retention) -> date | None:
    """Return the first day on which `ship` would have dropped the partition; None for a table without a term."""
    life = _LIVES.get(table)
    if life is None:
        return None
    if life.setting == "rows_days":
        day = date(int(partition[:4]), int(partition[4:6]), int(partition[6:8]))
        return day + timedelta(days=retention.rows_days + 1)
    month = int(partition[:4]) * 12 + int(partition[4:6]) - 1 + retention.numbers_months + 1
    return date(month // 12, month % 12 + 1, 1)


def load(client: Client, directory: Path, part: Part) -> None:
    """Load the rows of a part into its table; raises `Fatal` where their number is not that of the backup."""
    before = count(client, part.table)
    client.raw_insert(
        f"pixel.{part.table}",
        part.columns,
        _unpacked(directory / part.path),
        settings={
            # A block that was loaded by an interrupted restore is no duplicate of its rows: they were removed.
            "deduplicate_insert": "disable",
            "async_insert": 0,
            "optimize_on_insert": 0,
            "max_partitions_per_insert_block": 0,
        },
        fmt="Native",
    )
    added = count(client, part.table) - before
    if added != part.rows:
        raise Fatal(
            f"{directory / part.path}: {added:,} rows were loaded instead of {part.rows:,}; restore another backup"
        )


def count(client: Client, table: str) -> int:
    """Return the number of rows of a table."""
    return int(client.query(f"SELECT count() FROM pixel.{table}").result_rows[0][0])


def filled(client: Client) -> Mapping[str, int]:
    """Return the tables of the product that have rows, with their number."""
    tables = [row[0] for row in client.query("SHOW TABLES FROM pixel").result_rows if row[0] != "migrations"]
    return {table: rows for table in tables if (rows := count(client, table))}


def _unpacked(file: Path) -> Generator[bytes]:
    with gzip.open(file, "rb") as stream:
        while piece := stream.read(_PIECE):
            yield piece
