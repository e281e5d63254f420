"""What a set of sealed segments becomes in ClickHouse: batches that come out the same however often they are built.

Owns plans, batches and their identities; pure: reading and enrichment are arguments. Rules:

* A plan names its segments; batches are cut by what was *read* (month of receipt, then every `batch_rows` records),
  never by what enrichment made of it. So a retry by a newer version cuts at the same places.
* A batch belongs to one table and one month, so that one insert is one block and one part.
* Identities are UUIDv5 over the segments, table, month and part; every row ends with its batch's.
"""

from __future__ import annotations

import uuid
from array import array
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Literal, NamedTuple, TypeVar

import msgspec

from pipeline.event import CountsRecord, Event, SpoolRecord, TechnicalSignal
from pipeline.outcome import (
    MINUTE_MS,
    CountKey,
    Reject,
    count_line,
    edge_counts,
    reject_line,
    reject_of,
    ship_counts,
    storable,
)
from pipeline.records import BadLine
from pipeline.rejects import Rejected

Table = Literal["events", "technical", "rejects", "counters"]
ReadSegment = Callable[[str], Iterable[SpoolRecord | BadLine]]
ToRow = Callable[[Event | TechnicalSignal, str], msgspec.Struct]
Item = TypeVar("Item")

NAMESPACE = uuid.UUID("5f0b8f1e-3f5a-5a86-9d5b-3d7c1a0e6c11")
BODY_LINES = 1_000
"""Lines joined to one piece of a body: about 1 MB, so that a body is never in memory a second time."""
UUID_END = 38
"""Bytes at the end of a row that hold its batch: 36 of the UUID, a quote and a brace."""

_encode = msgspec.json.Encoder().encode


class Plan(msgspec.Struct, frozen=True):
    """The segments, by file name and in order, that are shipped together, and where their batches are cut."""

    id: str
    segments: tuple[str, ...]
    batch_rows: int

    @classmethod
    def of(cls, segments: Mapping[str, bytes], batch_rows: int) -> Plan:
        """Return the plan for segments given by name, each with its first bytes.

        The first bytes hold random event identities: another host's segment of the same name gives another plan, a
        copy of the same segment the same one.
        """
        digest = blake2b()
        for name, head in segments.items():
            digest.update(b"%d %b %d %b" % (len(name), name.encode(), len(head), head))
        return cls(str(uuid.uuid5(NAMESPACE, digest.hexdigest())), tuple(segments), batch_rows)


class Batch(NamedTuple):
    """Rows of one table and one month (YYYYMM).

    `lines` has one place per record read, b"" where the record is no row; `minutes` has the Unix minute of each.
    """

    id: str
    table: Table
    month: int
    lines: list[bytes]
    minutes: array[int]

    @property
    def rows(self) -> int:
        """Number of rows it puts into the table."""
        return len(self.lines) - self.lines.count(b"")

    @property
    def row_minutes(self) -> array[int]:
        """The minute of each row, in the order of the rows."""
        return array("Q", (minute for line, minute in zip(self.lines, self.minutes, strict=True) if line))

    def body(self) -> Generator[bytes]:
        """Yield the rows as JSON lines, in pieces."""
        for start in range(0, len(self.lines), BODY_LINES):
            piece = b"\n".join(filter(None, self.lines[start : start + BODY_LINES]))
            if piece:
                yield piece + b"\n"

    def halves(self) -> tuple[Batch, Batch]:
        """Return two batches, each with an identity of its own, that hold the rows of this one."""
        middle = len(self.lines) // 2
        return self._part("0", slice(None, middle)), self._part("1", slice(middle, None))

    def _part(self, name: str, places: slice) -> Batch:
        identity = str(uuid.uuid5(uuid.UUID(self.id), name))
        lines = [line and line[:-UUID_END] + identity.encode() + line[-2:] for line in self.lines[places]]
        return self._replace(id=identity, lines=lines, minutes=self.minutes[places])


class Shipment(NamedTuple):
    """All that a plan puts into ClickHouse, but for what only delivery can tell."""

    plan: Plan
    batches: list[Batch]
    rejects: list[Reject]
    counts: Counter[CountKey]
    bad_lines: dict[str, list[BadLine]]
    """By segment."""


def build(plan: Plan, read: ReadSegment, to_row: ToRow) -> Shipment:
    """Read the plan's segments once and make the batches of its events and signals.

    `read` yields the records of a segment by its name; `to_row` enriches one record for a batch identity and raises
    `Rejected` for what cannot be a row.
    """
    events, signals = _Cutter(plan, "events"), _Cutter(plan, "technical")
    rejects: list[Reject] = []
    counts: Counter[CountKey] = Counter()
    bad_lines: dict[str, list[BadLine]] = {}
    for segment in plan.segments:
        near_ms = segment_ms(segment)
        for record in read(segment):
            match record:
                case Event():
                    near_ms = storable(record.received_ms, near_ms)
                    events.put(record, near_ms, to_row, rejects)
                case TechnicalSignal():
                    signals.put(record, near_ms, to_row, rejects)
                case CountsRecord():
                    counts.update(edge_counts(record, near_ms))
                case BadLine():
                    bad_lines.setdefault(segment, []).append(record)
                    # What it held is lost, its time with it: it counts in the minute of the event before it.
                    counts.update(ship_counts(Counter([near_ms // MINUTE_MS]), "quarantined", record.reason))
    return Shipment(plan, events.batches + signals.batches, rejects, counts, bad_lines)


def segment_ms(name: str) -> int:
    """Return when the process that wrote a segment began, Unix time in milliseconds: the middle of its name."""
    return int(name.split("-")[1])


def reject_batches(plan: Plan, rejects: Sequence[Reject]) -> list[Batch]:
    """Return the batches of `pixel.rejects`."""
    return _cut(plan, "rejects", rejects, lambda reject: reject.received_ms, reject_line)


def counter_batches(plan: Plan, counts: Counter[CountKey]) -> list[Batch]:
    """Return the batches of `pixel.counters`, one row a key, in a fixed order."""
    ordered = sorted((key, value) for key, value in counts.items() if value > 0)
    return _cut(plan, "counters", ordered, lambda count: count[0].minute * MINUTE_MS, count_line)


class _Cutter:
    """Puts each record of one table into its batch: by month of receipt, then every `batch_rows` records read."""

    def __init__(self, plan: Plan, table: Table) -> None:
        self.batches: list[Batch] = []
        self._plan = plan
        self._table: Table = table
        self._open: dict[int, Batch] = {}
        self._parts: Counter[int] = Counter()
        self._latest = Batch("", table, 0, [], array("Q"))
        self._since = self._until = 0

    def put(self, record: Event | TechnicalSignal, near_ms: int, to_row: ToRow, rejects: list[Reject]) -> None:
        batch = self._latest
        received_ms = storable(record.received_ms, near_ms)
        if not self._since <= received_ms < self._until or len(batch.lines) >= self._plan.batch_rows:
            batch = self._turn_to(received_ms)
        line = b""
        try:
            line = _encode(to_row(record, batch.id))
        except Rejected as rejected:
            rejects.append(reject_of(record, rejected.reason, near_ms))
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError):
            # A fault of ours may cost one record, never the way of all that come after it.
            rejects.append(reject_of(record, "enrichment_failed", near_ms))
        batch.lines.append(line)
        batch.minutes.append(received_ms // MINUTE_MS)

    def _turn_to(self, received_ms: int) -> Batch:
        month, self._since, self._until = _month_span(received_ms)
        batch = self._open.get(month)
        if batch is None or len(batch.lines) >= self._plan.batch_rows:
            batch = Batch(
                _batch_id(self._plan, self._table, month, self._parts[month]), self._table, month, [], array("Q")
            )
            self._parts[month] += 1
            self._open[month] = batch
            self.batches.append(batch)
        self._latest = batch
        return batch


def _cut(
    plan: Plan,
    table: Table,
    items: Sequence[Item],
    received_ms: Callable[[Item], int],
    to_line: Callable[[Item, str], bytes],
) -> list[Batch]:
    by_month: dict[int, list[Item]] = {}
    for item in items:
        by_month.setdefault(_month_span(received_ms(item))[0], []).append(item)
    batches: list[Batch] = []
    for month, same in sorted(by_month.items()):
        for part, start in enumerate(range(0, len(same), plan.batch_rows)):
            identity = _batch_id(plan, table, month, part)
            chosen = same[start : start + plan.batch_rows]
            minutes = array("Q", (received_ms(item) // MINUTE_MS for item in chosen))
            batches.append(Batch(identity, table, month, [to_line(item, identity) for item in chosen], minutes))
    return batches


def _batch_id(plan: Plan, table: Table, month: int, part: int) -> str:
    return str(uuid.uuid5(uuid.UUID(plan.id), f"{table}/{month}/{part}"))


def _month_span(received_ms: int) -> tuple[int, int, int]:
    """Return month (YYYYMM) and its limits in milliseconds."""
    since = datetime.fromtimestamp(received_ms // 1000, UTC).replace(day=1, hour=0, minute=0, second=0)
    until = since.replace(year=since.year + since.month // 12, month=since.month % 12 + 1)
    return since.year * 100 + since.month, _ms(since), _ms(until)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000
