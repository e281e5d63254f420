"""Rows on their way into ClickHouse: plans, batches, and identities that are the same each time they are computed.

Owns the rows to send. Pure. Rules:

* A plan names its segments and the number of rows at which their batches are cut.
* A batch belongs to one table and one partition, so that one insert is one block and one part.
* Identities are UUIDv5 over the segments, table, partition and part; every row ends with its batch's.
* Rows are JSON arrays: half the size of objects, and faster to make and to parse.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Literal, NamedTuple, TypeVar

import msgspec

from pipeline.delivery.tally import (
    COUNT_COLUMNS,
    REJECT_COLUMNS,
    Bin,
    CountKey,
    Reject,
    count_row,
    reject_row,
    without_sites,
)
from pipeline.durations import DAY_MS, MINUTE_MS
from pipeline.enrich.rows import Row, TechnicalRow

Table = Literal["events", "technical", "rejects", "counters"]
Partition = Literal["day", "month"]
Item = TypeVar("Item")

NAMESPACE = uuid.UUID("5f0b8f1e-3f5a-5a86-9d5b-3d7c1a0e6c11")
BODY_LINES = 1_000
"""Lines joined to one piece of a body: about 1 MB, so that memory never holds a second copy of a body."""
FIRST_DAY = 10_000_000
"""Smaller numbers of a partition are months (YYYYMM), greater ones days (YYYYMMDD)."""
UUID_END = 38
"""Bytes at the end of a row that hold its batch identity: 36 of the UUID, a quote and a bracket."""

COLUMNS: dict[Table, tuple[str, ...]] = {
    "events": Row.__struct_fields__,
    "technical": TechnicalRow.__struct_fields__,
    "rejects": REJECT_COLUMNS,
    "counters": COUNT_COLUMNS,
}
"""The columns of a row, in order; `batch_id` is always the last."""

_encode = msgspec.json.Encoder().encode


class Plan(msgspec.Struct, frozen=True):
    """Segments that are shipped together, by file name and in order; a batch ends after `batch_rows` records."""

    id: str
    segments: tuple[str, ...]
    batch_rows: int
    opened_ms: int = 0
    """Unix milliseconds of its making, the time of its rejects; 0 in the journal of an older version."""
    rows_by: Partition = "month"
    """The partitions by which its rows are cut; in the journal of an older version they were months."""
    counts_sites: bool = False
    """Whether its counts are of each site; an older version counted all sites together, and a retry must make the same rows."""
    addresses: tuple[str, ...] = ()
    """Addresses of the shards at its making, none on one server: a retry must go to the same one, also after the settings have others or another order."""

    @classmethod
    def of(
        cls, segments: Mapping[str, bytes], batch_rows: int, opened_ms: int = 0, addresses: tuple[str, ...] = ()
    ) -> Plan:
        """Return the plan for segments given by name, each with its first bytes.

        The first bytes hold random event identities. So another host's segment of the same name gives another plan, and a
        copy of the same segment gives the same plan.
        """
        digest = blake2b()
        for name, head in segments.items():
            digest.update(b"%d %b %d %b" % (len(name), name.encode(), len(head), head))
        return cls(
            str(uuid.uuid5(NAMESPACE, digest.hexdigest())),
            tuple(segments),
            batch_rows,
            opened_ms,
            "day",
            counts_sites=True,
            addresses=addresses,
        )


class Batch(NamedTuple):
    """Rows of one table and one partition (YYYYMMDD or YYYYMM), each a JSON array of the table's `COLUMNS`.

    `lines` has one item per record read, b"" where the record is not a row; `bins` has the minute and site in which each
    is counted.
    """

    id: str
    table: Table
    partition: int
    lines: list[bytes]
    bins: list[Bin]
    addresses: tuple[str, ...] = ()

    @property
    def shard(self) -> int:
        """The place of its shard, from 0 on, in the plan's list."""
        return uuid.UUID(self.id).int % len(self.addresses) if self.addresses else 0

    @property
    def address(self) -> str:
        """The address of its shard; empty on one server and in a plan of an older version."""
        return self.addresses[self.shard] if self.addresses else ""

    @property
    def rows(self) -> int:
        """Number of rows it puts into the table."""
        return len(self.lines) - self.lines.count(b"")

    @property
    def most_parts(self) -> int:
        """Most partitions that it may fill: one, but the days of a month where an older version cut the plan."""
        return 31 if self.table != "counters" and self.partition < FIRST_DAY else 1

    @property
    def row_bins(self) -> list[Bin]:
        """The minute and site of each row, in the order of the rows."""
        return [counted_in for line, counted_in in zip(self.lines, self.bins, strict=True) if line]

    def body(self) -> Generator[bytes]:
        """Yield the rows as lines of JSON, in pieces."""
        for start in range(0, len(self.lines), BODY_LINES):
            piece = b"\n".join(filter(None, self.lines[start : start + BODY_LINES]))
            if piece:
                yield piece + b"\n"

    def first(self) -> dict[str, object]:
        """Return the first row by column."""
        line = next(filter(None, self.lines))
        return dict(zip(COLUMNS[self.table], msgspec.json.decode(line), strict=True))

    def halves(self) -> tuple[Batch, Batch]:
        """Return two batches, each with an identity of its own, that hold the rows of this one."""
        middle = len(self.lines) // 2
        return self._part("0", slice(None, middle)), self._part("1", slice(middle, None))

    def _part(self, name: str, places: slice) -> Batch:
        identity = str(uuid.uuid5(uuid.UUID(self.id), name))
        lines = [line and line[:-UUID_END] + identity.encode() + line[-2:] for line in self.lines[places]]
        return self._replace(id=identity, lines=lines, bins=self.bins[places])


def reject_batches(plan: Plan, rejects: Sequence[Reject]) -> list[Batch]:
    """Return the batches of `pixel.rejects`, cut by the days of receipt.

    Their rows have the time of the plan: with its own time, the reject of an old replayed event would expire at once. A
    retry must make the same row, so the time of the retry cannot be used.
    """

    def to_row(reject: Reject) -> tuple[object, ...]:
        return reject_row(reject, plan.opened_ms or reject.received_ms)

    return _cut(plan, "rejects", rejects, lambda reject: reject.bin, to_row)


def counter_batches(plan: Plan, counts: Counter[CountKey]) -> list[Batch]:
    """Return the batches of `pixel.counters`, one row a key, in a fixed order."""
    counted = counts if plan.counts_sites else without_sites(counts)
    ordered = sorted((key, value) for key, value in counted.items() if value > 0)
    return _cut(plan, "counters", ordered, lambda count: Bin(count[0].minute, count[0].site), count_row)


def _cut(
    plan: Plan,
    table: Table,
    items: Sequence[Item],
    to_bin: Callable[[Item], Bin],
    to_row: Callable[[Item], tuple[object, ...]],
) -> list[Batch]:
    by_partition: dict[int, list[Item]] = {}
    by = partition_of(plan, table)
    for item in items:
        by_partition.setdefault(span(to_bin(item).minute * MINUTE_MS, by)[0], []).append(item)
    batches: list[Batch] = []
    for partition, same in sorted(by_partition.items()):
        for part, start in enumerate(range(0, len(same), plan.batch_rows)):
            identity = batch_id(plan, table, partition, part)
            chosen = same[start : start + plan.batch_rows]
            lines = [_encode((*to_row(item), identity)) for item in chosen]
            bins = list(map(to_bin, chosen))
            batches.append(Batch(identity, table, partition, lines, bins, plan.addresses))
    return batches


def batch_id(plan: Plan, table: Table, partition: int, part: int) -> str:
    """Return the identity of one batch of a plan."""
    return str(uuid.uuid5(uuid.UUID(plan.id), f"{table}/{partition}/{part}"))


def partition_of(plan: Plan, table: Table) -> Partition:
    """Return the partition by which a plan cuts the rows of a table: rows end by the day, counters by the month."""
    return "month" if table == "counters" else plan.rows_by


def span(received_ms: int, by: Partition) -> tuple[int, int, int]:
    """Return the partition of a time (YYYYMMDD or YYYYMM, UTC) and its limits in Unix milliseconds."""
    since = datetime.fromtimestamp(received_ms // 1000, UTC).replace(hour=0, minute=0, second=0)
    if by == "day":
        return since.year * 10_000 + since.month * 100 + since.day, _ms(since), _ms(since) + DAY_MS
    since = since.replace(day=1)
    until = since.replace(year=since.year + since.month // 12, month=since.month % 12 + 1)
    return since.year * 100 + since.month, _ms(since), _ms(until)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000
