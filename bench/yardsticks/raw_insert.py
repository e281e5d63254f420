"""Ready-made rows as JSON into the same table, by `raw_insert`: no enrichment, no journal, no read-back."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from clickhouse_connect.driver import Client

from pipeline.delivery.plan import COLUMNS, Batch
from pipeline.delivery.store import INSERT_SETTINGS


def as_objects(batch: Batch) -> bytes:
    """Return the rows of a batch as JSON objects, one a line."""
    rows = (msgspec.json.decode(line) for line in batch.lines)
    return b"".join(msgspec.json.encode(dict(zip(COLUMNS["events"], row, strict=True))) + b"\n" for row in rows)


def insert(writer: Client, bodies: Sequence[bytes]) -> None:
    """Insert these bodies with the durability of `ship`."""
    for body in bodies:
        writer.raw_insert("pixel.events", None, body, fmt="JSONEachRow", settings=INSERT_SETTINGS)
