"""The operations of delivery on ClickHouse: insert a batch, count its rows, and classify errors.

Owns the insert's settings (all explicit: the defaults changed in 26.x) and the meaning of ClickHouse's error numbers.
Rules: delivery never trusts the answer to an insert, only a count; the text of an error is read for one distinction and
never passed on, because it quotes rows.
"""

from __future__ import annotations

from typing import Protocol

from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.database import client
from pipeline.database.cluster import shards, stored_in
from pipeline.delivery.plan import COLUMNS, Batch, Table
from pipeline.errors import Fatal, PixelError, Retryable
from pipeline.settings.model import Settings

MOST_ROWS = 1_000_000
"""More rows than any batch has, so that ClickHouse never cuts a batch into several blocks."""

INSERT_SETTINGS = {
    "async_insert": 0,
    "deduplicate_insert": "enable",
    "max_insert_block_size": MOST_ROWS,
    "min_insert_block_size_rows": MOST_ROWS,
    "min_insert_block_size_bytes": 2**30,
    "max_block_size": MOST_ROWS,
    "optimize_on_insert": 0,
    "input_format_skip_unknown_fields": 0,
    "input_format_null_as_default": 0,
    "input_format_allow_errors_num": 0,
}

WRITTEN_BY_MOST = {"insert_quorum": "auto", "insert_quorum_parallel": 0}
SEEN_BY_MOST = {"select_sequential_consistency": 1}
"""A count then leaves out rows that only a few replicas have: a batch whose quorum failed is not taken for stored."""

POISON = {6, 25, 26, 27, 38, 41, 53, 69, 70, 72, 117, 131, 376, 441, 467, 675, 676, 691}
"""A row that cannot be parsed or does not fit: text, number, date, UUID, address, enumeration, too long."""

HALT = {16, 20, 36, 44, 47, 60, 62, 81, 115, 164, 192, 193, 194, 291, 452, 497, 516}
"""Errors of schema, grants or settings: the same for every batch until a person has fixed them."""

BROKEN = {33, 40, 226, 246}
"""A part of the table cannot be read: of a merge whose writes failed; its sources are on the disk for eight minutes."""

TOO_MANY_PARTITIONS = "Too many partitions"
"""Has the number 252 as "too many parts" has, but is a bug of this software: a retry does not help."""


class Poisoned(PixelError):
    """The table refuses a row of the batch; nothing of it was stored."""

    def __init__(self, number: int) -> None:
        super().__init__(f"error {number}")
        self.number = number


class Store(Protocol):
    """The two operations of delivery on a database; both raise `Retryable` when the outcome is unknown."""

    def insert(self, batch: Batch, token: str) -> None:
        """Send the batch; returns when the database has answered that it accepted the batch.

        Raises `Fatal` when no batch can be stored, `Poisoned` when a row of this batch cannot be stored.
        """
        ...

    def count(self, batch: Batch) -> int:
        """Return the number of stored rows of the batch. Raises `Fatal` as above."""
        ...


class ClickHouseStore:
    """A store of one thread: connects to each shard when first needed, as `pixel_writer`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._shards = shards(settings)
        self._clients: dict[int, Client] = {}
        quorum = settings.clickhouse.quorum
        self._written_by_most = WRITTEN_BY_MOST if quorum else {}
        self._seen_by_most = SEEN_BY_MOST if quorum else {}

    def insert(self, batch: Batch, token: str) -> None:
        """See `Store`."""
        try:
            # When the connection is reset, the driver sends a body of bytes again by itself; it cannot repeat a stream.
            self._connected(batch).raw_insert(
                f"pixel.{stored_in(self._settings, batch.table)}",
                COLUMNS[batch.table],
                batch.body(),
                settings={
                    **INSERT_SETTINGS,
                    **self._written_by_most,
                    "max_partitions_per_insert_block": batch.most_parts,
                    "insert_deduplication_token": token,
                },
                fmt="JSONCompactEachRow",
            )
        except ClickHouseError as error:
            raise sorted_out(error, batch.table) from None

    def count(self, batch: Batch) -> int:
        """See `Store`."""
        try:
            answer = self._connected(batch).raw_query(
                f"SELECT count() FROM pixel.{stored_in(self._settings, batch.table)} WHERE batch_id = {{id:UUID}}",  # noqa: S608  a table of ours
                parameters={"id": batch.id},
                settings=self._seen_by_most,
                fmt="TabSeparated",
            )
        except ClickHouseError as error:
            raise sorted_out(error, batch.table) from None
        if not answer.strip().isdigit():
            # Seen with a full disk: the status is 200 and the body is empty.
            raise Retryable("ClickHouse answers a count without a number; is its disk full?")
        return int(answer)

    def _connected(self, batch: Batch) -> Client:
        place = self._place(batch)
        if place not in self._clients:
            timeout = self._settings.ship.timeout_seconds
            self._clients[place] = client.connect(self._shards[place], "pixel_writer", timeout=timeout)
        return self._clients[place]

    def _place(self, batch: Batch) -> int:
        """Return where in the settings' list the shard of a batch is now: rows that another server does not have would be sent twice."""
        known = self._settings.clickhouse.shards
        if not batch.address:
            return 0
        if batch.address in known:
            return known.index(batch.address)
        is_replaced = len(known) > batch.shard and known[batch.shard] not in batch.addresses
        # Another replica of the same shard counts the same rows only where most replicas have each of them.
        if is_replaced and self._settings.clickhouse.quorum:
            return batch.shard
        raise Fatal(
            f"a batch was begun on shard {batch.shard + 1} ({batch.address}), and `clickhouse.shards` has it no more;"
            " put its address back until the spool is empty"
        )


def sorted_out(error: ClickHouseError, table: Table) -> Retryable | Fatal | Poisoned:
    """Return our own error for one of the driver; an error that is not known to be lasting is `Retryable`."""
    number = client.code(error)
    if number in POISON:
        return Poisoned(number)
    if number in HALT or TOO_MANY_PARTITIONS in str(error):
        return Fatal(f"ClickHouse refuses pixel.{table} with error {number}; is `clinic-pixel migrate` needed?")
    if number == 0:
        return Retryable("ClickHouse does not answer")
    if number in BROKEN:
        return Retryable(f"ClickHouse cannot read a part of pixel.{table} (error {number}); restart ClickHouse at once")
    return Retryable(f"ClickHouse answers error {number}")
