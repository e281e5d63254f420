"""kill -9 over collector, shipper and ClickHouse, again and again, under load, with exact accounting by nonce."""

from __future__ import annotations

import itertools
import logging
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.database.client import connect
from support.auditor import Findings, audit, counter_sums, stored_nonces
from support.clinic import Clinic, Load, Name
from support.server import Rows
from support.waiting import wait_until

ROUNDS = int(os.environ.get("KILL_ROUNDS", "20"))
VICTIMS: tuple[tuple[Name, ...], ...] = (
    ("ship",),
    ("clickhouse",),
    ("collect",),
    ("ship", "clickhouse"),
    ("ship", "collect"),
)


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    clinic = Clinic(tmp_path)
    try:
        for name in ("clickhouse", "collect", "ship"):
            clinic.start(name)  # type: ignore[arg-type]
        yield clinic
    finally:
        clinic.close()


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_or_doubled_however_often_anything_is_killed(clinic: Clinic) -> None:
    seed = random.randrange(2**32)
    choice = random.Random(seed)
    in_flight = kills_of_delivery = 0
    load = Load(clinic.settings.collector.port)
    try:
        for victims in itertools.islice(itertools.cycle(VICTIMS), ROUNDS):
            before = len(load.acknowledged)
            wait_until(lambda before=before: len(load.acknowledged) > before + choice.randrange(50, 400), "hits")
            if victims != ("collect",):
                wait_until(clinic.inserting, "an insert under way")
                kills_of_delivery += 1
            for name in victims:
                clinic.kill(name)
            # Only what is dead or cut off stays unconfirmed: seen after the kill, so the insert was in flight.
            in_flight += victims != ("collect",) and clinic.inserting()
            for name in reversed(victims):
                clinic.start(name)
    finally:
        load.stop()
    clinic.stop("collect")
    wait_until(clinic.spool_is_empty, f"the spool to drain, see {clinic.log}", seconds=60)
    clinic.stop("ship")
    client = connect(clinic.settings, "pixel_admin")
    stored, sums = stored_nonces(client), counter_sums(client)
    client.close()
    facts = f"seed {seed}, {ROUNDS} rounds, {len(load.sent)} sent, {len(load.acknowledged)} acknowledged, {len(stored)} stored"
    assert audit(load.acknowledged, load.sent, stored) == Findings([], [], []), facts
    assert in_flight >= kills_of_delivery // 2 > 0, f"{in_flight} of {kills_of_delivery} kills met an insert in flight"
    assert sums["spooled"] == sums["stored"] + sums["rejected"] + sums["quarantined"], sums
    assert sums["offered"] == sums["spooled"] + sums["refused"], sums
    assert sums["stored"] == stored.total()
    logging.getLogger(__name__).info("%s; %d of %d kills met an insert", facts, in_flight, kills_of_delivery)


def test_the_auditor_finds_a_planted_loss_a_planted_duplicate_and_an_invention(tables: Rows) -> None:
    fields = "received_at, epoch, event_id, nonce"
    values = [f"(now(), today(), generateUUIDv4(), {nonce})" for nonce in (1, 2, 3, 4)]
    tables.writer.command(f"INSERT INTO pixel.events ({fields}) VALUES {', '.join(values)}")
    assert audit({1, 2, 3}, {1, 2, 3, 4}, stored_nonces(tables.admin)) == Findings([], [], [])
    tables.writer.command(f"INSERT INTO pixel.events ({fields}) VALUES {values[1]}")
    eraser = connect(tables.settings, "pixel_eraser")
    eraser.command("ALTER TABLE pixel.events DELETE WHERE nonce = 3 SETTINGS mutations_sync = 1")
    eraser.close()
    stored = stored_nonces(tables.admin)
    assert stored == Counter({1: 1, 2: 2, 4: 1})
    assert audit({1, 2, 3}, {1, 2, 3}, stored) == Findings(lost=[3], duplicated=[2], invented=[4])
