"""From segments to a shipment: each record is read once, enriched, and put into its batch.

Owns the building of a plan's batches; pure: reading and enrichment are arguments. Rules:

* Batches are cut by the records *read* (day of receipt, then every `batch_rows` records), never by the results of
  enrichment. So a retry by a newer version cuts at the same places.
* One record in, exactly one outcome out. An exception on one record rejects that record and does not stop the batch; its
  type and place are in the shipment for the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from pipeline.aged_cache import AgedCache
from pipeline.delivery.plan import Batch, Plan, Table, batch_id, partition_of, span
from pipeline.delivery.tally import Bin, CountKey, Reject, counted_ms, edge_counts, reject_of, ship_counts, storable
from pipeline.durations import MINUTE_MS
from pipeline.enrich.rows import Row, TechnicalRow
from pipeline.enrich.steps import Rejected
from pipeline.errors import type_and_place
from pipeline.event import CountsRecord, Event, Measurement, SpoolRecord
from pipeline.reasons import RejectReason
from pipeline.spool.records import BadLine

ReadSegment = Callable[[str], Iterable[SpoolRecord | BadLine]]
ToRow = Callable[[Event | Measurement, str, str], Row | TechnicalRow]
"""Makes the row of a record, of the identity of its batch and of the slot that wrote it."""

CACHED_BINS = 10_000
"""One object serves all records of a bin."""

_encode = msgspec.json.Encoder().encode


class Shipment(NamedTuple):
    """The batches of a plan, except for the counts that only delivery knows."""

    plan: Plan
    batches: list[Batch]
    rejects: list[Reject]
    counts: Counter[CountKey]
    bad_lines: dict[str, list[BadLine]]
    """By segment."""
    faults: frozenset[str] = frozenset()
    """Type and place of each software error that rejected a record."""


def build(plan: Plan, read: ReadSegment, to_row: ToRow) -> Shipment:
    """Read the plan's segments once and make the batches of its events and signals.

    `read` yields the records of a segment by its name; `to_row` enriches one record for a batch identity and raises
    `Rejected` for a record that cannot be a row.
    """
    events, signals = _Cutter(plan, "events"), _Cutter(plan, "technical")
    rejects: list[Reject] = []
    counts: Counter[CountKey] = Counter()
    bad_lines: dict[str, list[BadLine]] = {}
    for segment in plan.segments:
        near_ms, slot = segment_ms(segment), segment.partition("-")[0]
        for record in read(segment):
            match record:
                case Event():
                    near_ms = counted_ms(record, near_ms)
                    events.put(record, near_ms, slot, to_row, rejects)
                case Measurement():
                    signals.put(record, counted_ms(record, near_ms), slot, to_row, rejects)
                case CountsRecord():
                    counts.update(edge_counts(record, near_ms))
                case BadLine():
                    bad_lines.setdefault(segment, []).append(record)
                    # The time of a bad line is unknown: it is counted in the minute of the event before it.
                    counts.update(ship_counts(Counter([Bin(near_ms // MINUTE_MS)]), "quarantined", record.reason))
    faults = frozenset(events.faults | signals.faults)
    return Shipment(plan, events.batches + signals.batches, rejects, counts, bad_lines, faults)


def nothing(plan: Plan) -> Shipment:
    """Return the empty shipment of a plan that only has to be closed."""
    return Shipment(plan, [], [], Counter(), {})


def segment_ms(name: str) -> int:
    """Return the start of the process that wrote a segment, Unix time in milliseconds: the middle part of its name."""
    return int(name.split("-")[1])


class _Cutter:
    """Puts each record of one table into its batch: by day of receipt, then every `batch_rows` records read."""

    def __init__(self, plan: Plan, table: Table) -> None:
        self.batches: list[Batch] = []
        self.faults: set[str] = set()
        self._plan = plan
        self._table: Table = table
        self._by = partition_of(plan, table)
        self._open: dict[int, Batch] = {}
        self._parts: Counter[int] = Counter()
        self._latest = Batch("", table, 0, [], [])
        self._bins: AgedCache[tuple[int, str], Bin] = AgedCache(Bin._make, most=CACHED_BINS)
        self._since = self._until = 0

    def put(self, record: Event | Measurement, at_ms: int, slot: str, to_row: ToRow, rejects: list[Reject]) -> None:
        """Make the record a row of its batch; it is counted in the minute of `at_ms`."""
        batch = self._latest
        received_ms = storable(record.received_ms, at_ms)
        if not self._since <= received_ms < self._until or len(batch.lines) >= self._plan.batch_rows:
            batch = self._turn_to(received_ms)
        line = b""
        try:
            line = _encode(to_row(record, batch.id, slot))
        except Rejected as rejected:
            rejects.append(reject_of(record, rejected.reason, at_ms))
        except Exception as error:  # noqa: BLE001 - an exception on one record must not stop the batch
            self.faults.add(type_and_place(error))
            rejects.append(reject_of(record, RejectReason.ENRICHMENT_FAILED, at_ms))
        batch.lines.append(line)
        batch.bins.append(self._bins[at_ms // MINUTE_MS, record.site])

    def _turn_to(self, received_ms: int) -> Batch:
        partition, self._since, self._until = span(received_ms, self._by)
        batch = self._open.get(partition)
        if batch is None or len(batch.lines) >= self._plan.batch_rows:
            identity = batch_id(self._plan, self._table, partition, self._parts[partition])
            batch = Batch(identity, self._table, partition, [], [], self._plan.addresses)
            self._parts[partition] += 1
            self._open[partition] = batch
            self.batches.append(batch)
        self._latest = batch
        return batch
