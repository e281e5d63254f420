"""A shipper whose ClickHouse is made of lists and trusted with every row it took: tells each insert on standard output.

Arguments: the data directory. One line an insert: the table, the token and the rows, as JSON. So a recording of this process has
the moment from which ClickHouse holds a row, among the moments at which the shipper's own files change.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import msgspec

from pipeline.delivery.plan import Batch
from pipeline.settings.model import Settings
from pipeline.settings.sections import Ship
from pipeline.ship.worker import PLAN_BYTES, Worker
from pipeline.spool.records import frame
from support.ledger import Ledger
from support.shipping import counts, event, write_raw_segment
from support.stores import ListStore, rows_of


class TellingStore(ListStore):
    """Tells of each insert when its rows are in place."""

    def insert(self, batch: Batch, token: str) -> None:
        super().insert(batch, token)
        os.write(1, msgspec.json.encode([batch.table, token, rows_of(batch)]) + b"\n")


def backlog(data: Path, ledger: Ledger) -> None:
    """Write five sealed segments of acknowledged hits, one of them with a line that is no record."""
    for seq in range(1, 6):
        lines = [frame(event(ledger.send())) for _ in range(2)]
        bad = [b"no record\n"] if seq == 2 else []
        write_raw_segment(data / "spool", seq, [*lines, *bad, frame(counts(len(lines) + len(bad)))])
    ledger.acknowledge(*ledger.sent)


def store_of(said: str) -> ListStore:
    """Return the ClickHouse that holds what such a process told of; a line cut by its death was never told."""
    store = ListStore()
    for line in said.split("\n")[:-1]:
        table, token, rows = msgspec.json.decode(line)
        store.tokens.append(token)
        store.rows[table] += rows
    return store


def worker_on(data: Path, store: ListStore, *, plan_bytes: int = PLAN_BYTES) -> Worker:
    """Return a shipper over this directory; its plans hold so many bytes of segments."""
    settings = Settings(data=data, ship=Ship(poll_seconds=0.01, retry_seconds=0.02))
    return Worker(settings, store=store, stop=threading.Event(), jobs=(), plan_bytes=plan_bytes)


if __name__ == "__main__":
    worker_on(Path(sys.argv[1]), TellingStore(), plan_bytes=600).run(until_empty=True)
