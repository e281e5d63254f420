"""`ship` on a full spool, beside `raw_insert` of the same rows as ready-made JSON into the same embedded ClickHouse.

Shipping is timed from the settings to the last closed plan: reading, enrichment, journal, insert and read-back.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.effort import Effort
from bench.events import fill
from bench.figures import Figure, Findings, at_least, ratios
from bench.processes import Program
from bench.servers import clickhouse
from bench.yardsticks.raw_insert import as_objects, insert
from pipeline.database.client import connect
from pipeline.delivery.build import build
from pipeline.delivery.plan import Plan
from pipeline.enrich.steps import EnrichTables, enrich
from pipeline.operations.migrate import migrate
from pipeline.settings.model import Settings
from pipeline.ship.worker import Worker
from pipeline.spool.records import read

BATCH_ROWS = 50_000


class Stored(NamedTuple):
    """Rows that were stored: seconds by the clock, CPU seconds of the client (the shipper, or the yardstick) and of ClickHouse."""

    seconds: float
    client: float
    clickhouse: float

    @property
    def cpu(self) -> float:
        return self.client + self.clickhouse


def measure(effort: Effort) -> Findings:
    effort.say("starting ClickHouse")
    with clickhouse(effort.scratch / "var") as (server, settings):
        migrate(settings)
        full = effort.scratch / "full"
        effort.say(f"writing {effort.events:,} events")
        fill(full, effort.events)
        bodies = objects(full, settings)
        raw: list[Stored] = []
        drained: list[Stored] = []
        with connect(settings, "pixel_writer") as writer, connect(settings, "pixel_migrator") as migrator:
            for run in range(effort.runs):
                effort.say(f"run {run + 1} of {effort.runs}")
                migrator.command("TRUNCATE TABLE pixel.events")
                raw.append(stored(server, lambda: insert(writer, bodies)))
                migrator.command("TRUNCATE TABLE pixel.events")
                drained.append(drain(full, settings, server, effort.events))
    return Findings(tuple(_figures(raw, drained, effort.events)))


def drain(full: Path, settings: Settings, server: Program, events: int) -> Stored:
    """Ship a copy of the full spool."""
    shutil.copytree(full, settings.spool_dir)
    worker = Worker(settings, stop=threading.Event(), jobs=())
    found = stored(server, lambda: worker.run(until_empty=True))
    if worker.status.stored != events:
        raise SystemExit(f"bench: {worker.status.stored} of {events} events are stored")
    shutil.rmtree(settings.spool_dir)
    return found


def stored(server: Program, work: Callable[[], object]) -> Stored:
    """Return the time that this work takes in this process and in the database."""
    own, database, begun = time.process_time(), server.cpu_seconds(), time.perf_counter()
    work()
    seconds = time.perf_counter() - begun
    return Stored(seconds, time.process_time() - own, server.cpu_seconds() - database)


def objects(full: Path, settings: Settings) -> list[bytes]:
    """Return the rows of a spool as JSON objects, one body a batch."""
    tables = EnrichTables.load(settings)
    plan = Plan.of({path.name: b"" for path in sorted(full.glob("*.seg"))}, BATCH_ROWS)
    shipment = build(plan, lambda name: read(full / name), lambda event, batch, _: enrich(event, tables, batch))  # type: ignore[arg-type]
    return [as_objects(batch) for batch in shipment.batches]


def _figures(raw: list[Stored], drained: list[Stored], events: int) -> list[Figure]:
    raw_seconds, seconds = ([one.seconds for one in some] for some in (raw, drained))
    cpu = [
        ("drain.ship_us", "CPU of the shipper for an event", [one.client for one in drained]),
        ("drain.clickhouse_us", "CPU of ClickHouse for an event of the shipper", [one.clickhouse for one in drained]),
        ("drain.raw_us", "CPU of `raw_insert` and ClickHouse for a row", [one.cpu for one in raw]),
    ]
    return [
        Figure(
            "drain.raw_rows", "`raw_insert` of ready-made JSON", "rows/s", tuple(events / one for one in raw_seconds)
        ),
        Figure("drain.ship_rows", "`ship` on a full spool", "rows/s", tuple(events / one for one in seconds)),
        Figure(
            "drain.share", "rows a second of `ship`, to `raw_insert`", "x", ratios(raw_seconds, seconds), at_least(0.35)
        ),
        *(Figure(key, what, "us", tuple(one * 1e6 / events for one in used)) for key, what, used in cpu),
        Figure(
            "drain.cpu_ratio",
            "CPU of shipper and ClickHouse for an event, to `raw_insert` and ClickHouse",
            "x",
            ratios([one.cpu for one in drained], [one.cpu for one in raw]),
        ),
    ]
