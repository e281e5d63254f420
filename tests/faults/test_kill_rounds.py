"""kill -9 over collector, shipper and ClickHouse, again and again, under load, with exact accounting by nonce."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.database.client import connect
from support.auditor import KEPT, Findings, Stored, audit
from support.clinic import Clinic, Load, Name
from support.days import MIDNIGHT
from support.ledger import Ledger
from support.rounds import PATIENCE, Rounds
from support.server import Rows
from support.waiting import wait_until

VICTIMS: tuple[tuple[Name, ...], ...] = (
    ("ship",),
    ("clickhouse",),
    ("collect",),
    ("ship", "clickhouse"),
    ("ship", "collect"),
)


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    with Clinic.running(tmp_path) as clinic:
        yield clinic


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_or_doubled_however_often_anything_is_killed(
    clinic: Clinic, rounds: Rounds
) -> None:
    fault, number, choice = (
        "kill -9 of ship, ClickHouse and collector",
        rounds.number(quick=10, long=100),
        rounds.random,
    )
    in_flight = kills_of_delivery = 0
    recoveries: list[float] = []
    ledger = Ledger()
    with Load(clinic.settings.collector.port, ledger):
        for victims in rounds.each(fault, itertools.islice(itertools.cycle(VICTIMS), number)):
            goal = len(ledger.acknowledged) + choice.randrange(50, 400)
            wait_until(lambda goal=goal: len(ledger.acknowledged) > goal, "hits", seconds=PATIENCE)
            if victims != ("collect",):
                wait_until(clinic.inserting, "an insert under way", seconds=PATIENCE)
                kills_of_delivery += 1
            for name in victims:
                clinic.kill(name)
            # Only what is dead or cut off stays unconfirmed: seen after the kill, so the insert was in flight.
            in_flight += victims != ("collect",) and clinic.inserting()
            begun = time.monotonic()
            for name in reversed(victims):
                clinic.start(name)
            recoveries.append(time.monotonic() - begun)
    stored = clinic.drained()
    rounds.book(fault, ledger, stored, rounds=number, seconds=max(recoveries))
    assert in_flight >= kills_of_delivery // 2 > 0, f"{in_flight} of {kills_of_delivery} kills met an insert in flight"
    logging.getLogger(__name__).info("%d of %d kills met an insert", in_flight, kills_of_delivery)


def test_the_auditor_finds_a_planted_loss_a_planted_duplicate_an_invention_a_hit_taken_back_and_a_false_count(
    tables: Rows,
) -> None:
    fields = "received_at, epoch, event_id, nonce"
    values = [f"(now(), today(), generateUUIDv4(), {nonce})" for nonce in (1, 2, 3, 4)]
    tables.writer.command(f"INSERT INTO pixel.events ({fields}) VALUES {', '.join(values)}")
    for name in ("offered", "spooled", "stored"):
        tables.count(MIDNIGHT, name, 4)
    ledger = Ledger().filled({1, 2, 3}, sent={4, 6})
    ledger.refuse(6)
    assert audit(ledger, Stored.in_clickhouse(tables.admin)) == KEPT
    tables.writer.command(f"INSERT INTO pixel.events ({fields}) VALUES {values[1]}")
    more = [f"(now(), today(), generateUUIDv4(), {nonce})" for nonce in (5, 6)]
    eraser = connect(tables.settings, "pixel_eraser")
    eraser.command("ALTER TABLE pixel.events DELETE WHERE nonce IN (3, 4) SETTINGS mutations_sync = 1")
    eraser.close()
    tables.writer.command(f"INSERT INTO pixel.events ({fields}) VALUES {', '.join(more)}")
    tables.count(MIDNIGHT, "spooled", 1)
    stored = Stored.in_clickhouse(tables.admin)
    assert stored.nonces == {1: 1, 2: 2, 5: 1, 6: 1}
    assert audit(ledger, stored) == Findings(
        lost=[3],
        duplicated=[2],
        invented=[5],
        taken_back=[6],
        unreconciled=[
            "offered 4 is not spooled 5 + refused 0",
            "spooled 5 is not stored + rejected + quarantined 4",
            "stored 4 is counted and 5 rows are there",
        ],
    )
