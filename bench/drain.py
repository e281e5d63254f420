"""`python -m bench.drain`: how fast `ship` empties a full spool, beside `raw_insert` of the same rows as ready-made JSON.

Both go into the same embedded ClickHouse, in turn, with the same durability; the yardstick gets JSON objects, in batches
of 50,000, and no enrichment, no journal, no read-back. Shipping is timed from the settings to the last closed plan.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import random
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import msgspec

from pipeline.database.client import connect
from pipeline.database.embedded import wait_until_ready
from pipeline.delivery.build import build
from pipeline.delivery.plan import COLUMNS, Batch, Plan
from pipeline.delivery.store import INSERT_SETTINGS
from pipeline.enrich.steps import EnrichTables, enrich
from pipeline.event import Event, Token
from pipeline.operations.migrate import migrate
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse
from pipeline.ship.worker import Worker
from pipeline.spool.records import frame, read
from pipeline.spool.segments import segment_path

SEGMENT_BYTES = 16 * 1024 * 1024
SINCE_MS = 1_795_000_000_000
AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.{}.0 Safari/537.36"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def fill(spool: Path, events: int) -> None:
    """Write sealed segments of a clinic's day: 10,000 addresses, 300 agents, 200 pages."""
    chance = random.Random(1)
    tokens = [Token(str(ipaddress.IPv6Address(chance.getrandbits(128)))) for _ in range(10_000)]
    agents = [AGENT.format(100 + number % 40, number) for number in range(300)]
    spool.mkdir(parents=True)
    lines: list[bytes] = []
    size = number = 0
    for place in range(events):
        address = chance.randrange(10_000)
        event = Event(
            received_ms=SINCE_MS + place * 2,
            event_id=str(uuid.UUID(int=chance.getrandbits(128))),
            site="clinic",
            mode="js",
            policy="1",
            visitor=chance.getrandbits(64),
            visitor_kind="cookie",
            cookie_state="returning",
            ip_token=tokens[address],
            net_token=tokens[address % 3000],
            country="RU",
            asn=64496 + address % 50,
            as_org=f"Provider {address % 50}",
            ua_token=chance.getrandbits(64),
            agent=chance.choice(agents),
            https=True,
            page_host="clinic.example",
            page=f"/services/{chance.randrange(200)}",
            page_scheme="https",
            page_from="parameter",
            referrer_host="clinic.example",
            referrer_page=f"/services/{chance.randrange(200)}",
            nonce=place + 1,
        )
        lines.append(frame(event))
        size += len(lines[-1])
        if size >= SEGMENT_BYTES or place == events - 1:
            number += 1
            segment_path(spool, "w0", SINCE_MS, number, "seg").write_bytes(b"".join(lines))
            lines, size = [], 0


def objects(full: Path, settings: Settings) -> list[bytes]:
    """Return the same rows as JSON objects, one body a batch."""
    tables = EnrichTables.load(settings)
    plan = Plan.of({path.name: b"" for path in sorted(full.glob("*.seg"))}, 50_000)
    shipment = build(plan, lambda name: read(full / name), lambda event, batch: enrich(event, tables, batch))  # type: ignore[arg-type]
    return [_as_objects(batch) for batch in shipment.batches]


def _as_objects(batch: Batch) -> bytes:
    rows = (msgspec.json.decode(line) for line in batch.lines)
    return b"".join(msgspec.json.encode(dict(zip(COLUMNS["events"], row, strict=True))) + b"\n" for row in rows)


def measure(events: int, rounds: int) -> dict[str, float]:
    """Return medians of rows per second, and the share of `raw_insert` that shipping reaches."""
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings(data=Path(scratch) / "var", clickhouse=ClickHouse(port=free_port()))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PIXEL_")}
        given = {"PIXEL_DATA": str(settings.data), "PIXEL_CLICKHOUSE__PORT": str(settings.clickhouse.port)}
        server = subprocess.Popen([sys.executable, "-m", "pipeline", "clickhouse"], env=kept | given)
        try:
            wait_until_ready(settings, lambda: server.poll() is None)
            migrate(settings)
            return _rounds(settings, Path(scratch) / "full", events, rounds)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(20)


def _rounds(settings: Settings, full: Path, events: int, rounds: int) -> dict[str, float]:
    fill(full, events)
    bodies = objects(full, settings)
    writer, migrator = connect(settings, "pixel_writer"), connect(settings, "pixel_migrator")
    raw: list[float] = []
    shipped: list[float] = []
    for _ in range(rounds):
        migrator.command("TRUNCATE TABLE pixel.events")
        begun = time.perf_counter()
        for body in bodies:
            writer.raw_insert("pixel.events", None, body, fmt="JSONEachRow", settings=INSERT_SETTINGS)
        raw.append(events / (time.perf_counter() - begun))
        migrator.command("TRUNCATE TABLE pixel.events")
        shutil.copytree(full, settings.spool_dir)
        worker = Worker(settings, stop=threading.Event(), jobs=())
        begun = time.perf_counter()
        worker.run(until_empty=True)
        shipped.append(events / (time.perf_counter() - begun))
        assert worker.status.stored == events
        shutil.rmtree(settings.spool_dir)
    return {
        "raw_insert_rows_per_s": round(statistics.median(raw)),
        "ship_rows_per_s": round(statistics.median(shipped)),
        "ship_share": round(statistics.median(each / yard for each, yard in zip(shipped, raw, strict=True)), 3),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=300_000)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    for name, value in measure(chosen.events, chosen.rounds).items():
        print(f"{name:>24}  {value:,}")
