"""Segments to ship: written as a collector's process leaves them, one event a nonce."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import msgspec

from pipeline.enrich.rows import Row
from pipeline.enrich.steps import EnrichTables, enrich
from pipeline.event import Count, CountsRecord, Event, Measurement, SpoolRecord
from pipeline.settings.model import Settings
from pipeline.spool.records import frame
from pipeline.spool.segments import segment_path
from support.days import MIDNIGHT

RECEIVED_MS = int((MIDNIGHT + timedelta(hours=12)).timestamp()) * 1000
"""When the events were received, unless a test says otherwise."""
INCARNATION = RECEIVED_MS - 10_000


def event(nonce: int, *, received_ms: int = RECEIVED_MS, **facts: object) -> Event:
    """Return an event that can be stored."""
    given: dict[str, object] = {"event_id": str(uuid.UUID(int=nonce)), "site": "clinic"}
    return Event(received_ms=received_ms, nonce=nonce, page_host="clinic.example", page="/", **(given | facts))  # type: ignore[arg-type]


def row(record: Event | Measurement, batch_id: str) -> Row:
    """Return a row that says which event it is of, without the cost of enrichment's tables."""
    assert isinstance(record, Event)
    moment = datetime.fromtimestamp(record.received_ms / 1000, UTC)
    return msgspec.structs.replace(
        _plain_row(),
        received_at=moment.strftime("%F %T.%f")[:23],
        event_id=record.event_id,
        site=record.site,
        nonce=record.nonce,
        batch_id=batch_id,
    )


@cache
def plain_tables(load: Callable[[Settings], EnrichTables] = EnrichTables.load) -> EnrichTables:
    """Return the tables of the default settings."""
    return load(Settings())


@cache
def _plain_row() -> Row:
    return enrich(event(0), plain_tables(), "")


def counts(spooled: int, *, collector: str = "w0", minute_ms: int = RECEIVED_MS) -> CountsRecord:
    """Return what a collector counts for so many events."""
    minute = minute_ms - minute_ms % 60_000
    return CountsRecord(
        collector=collector, counts=[Count(minute, "offered", value=spooled), Count(minute, "spooled", value=spooled)]
    )


def write_segment(spool: Path, seq: int, records: Iterable[SpoolRecord], *, slot: str = "w0") -> Path:
    """Write a sealed segment and return its path."""
    return write_raw_segment(spool, seq, [frame(record) for record in records], slot=slot)


def write_raw_segment(spool: Path, seq: int, lines: Sequence[bytes], *, slot: str = "w0") -> Path:
    """Write a sealed segment of given lines, good or bad."""
    spool.mkdir(parents=True, exist_ok=True)
    path = segment_path(spool, slot, INCARNATION, seq, "seg")
    path.write_bytes(b"".join(lines))
    return path
