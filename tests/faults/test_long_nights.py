"""Bad nights of operators: days without ClickHouse, a host that died, restarts one after the other under load."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.database.client import connect
from pipeline.spool.segments import sealed
from support.clinic import PROCESSES, Clinic, Load
from support.days import MIDNIGHT
from support.ledger import Ledger
from support.rounds import PATIENCE, Rounds, recovery
from support.shipping import counts, event, write_segment
from support.waiting import wait_until

DAYS = 3
FIRST = MIDNIGHT.replace(day=1) - timedelta(days=1, hours=12)
"""So the three days have the end of a month in their middle, and three midnights at each of which the keys changed."""
MB = 1 << 20
MOST_MEMORY_MB = 600
"""Of the shipper: two plans of 16 MB of segments and the tables of enrichment; a backlog of gigabytes needs no more."""


def fill_three_days(spool: Path, ledger: Ledger, *, segments: int, events: int) -> int:
    """Write a sealed segment every few minutes of three days; return the bytes."""
    pause = timedelta(days=DAYS) / segments
    for number in range(segments):
        at = FIRST + number * pause
        received_ms = int(at.timestamp() * 1000)
        nonces = [ledger.send() for _ in range(events)]
        lines = [event(nonce, received_ms=received_ms + place) for place, nonce in enumerate(nonces)]
        path = write_segment(spool, number + 1, [*lines, counts(events, minute_ms=received_ms)], slot="w9")
        os.utime(path, (at.timestamp(), at.timestamp()))
        ledger.acknowledge(*nonces)
    return sum(segment.size for segment in sealed(spool))


@pytest.mark.slow
def test_three_days_without_clickhouse_fill_the_spool_to_its_bound_and_drain_oldest_first_in_bounded_memory(
    tmp_path: Path, rounds: Rounds
) -> None:
    fault, ledger = "ClickHouse away for three simulated days", Ledger()
    held = fill_three_days(tmp_path / "var" / "spool", ledger, segments=rounds.number(quick=54, long=432), events=300)
    bound = held // MB + 2
    clinic = Clinic(tmp_path, PIXEL_SPOOL__MAX_MB=str(bound), PIXEL_SPOOL__SEGMENT_MB="1")
    try:
        clinic.start("collect")
        with Load(clinic.settings.collector.port, ledger):
            wait_until(lambda: len(ledger.refused) > 20, "the spool to be full", seconds=PATIENCE)
            assert sum(path.stat().st_size for path in clinic.settings.spool_dir.glob("*.*")) < (bound + 1) * MB
            clinic.start("ship")
            wait_until(clinic.ship_waits, "the shipper to miss ClickHouse", seconds=PATIENCE)
            with recovery() as watch:
                clinic.start("clickhouse")
                begun, whole = len(ledger.acknowledged), len(list(clinic.settings.spool_dir.glob("w9-*.seg")))
                wait_until(lambda: len(ledger.acknowledged) > begun, "room for a hit", seconds=PATIENCE)
                halves = wait_until(lambda: oldest_and_newest(clinic, whole), "half of the backlog", seconds=PATIENCE)
                assert halves[0] <= halves[1], "of the older half of the backlog no more is left than of the newer one"
                wait_until(
                    lambda: not list(clinic.settings.spool_dir.glob("w9-*.seg")), "the backlog", seconds=PATIENCE
                )
            assert clinic.most_memory_mb("ship") < MOST_MEMORY_MB
        stored = clinic.drained()
        client = connect(clinic.settings, "pixel_admin")
        wrong = "SELECT count() FROM pixel.events WHERE epoch != toDate(received_at, 'UTC')"
        assert client.query(wrong).result_rows == [(0,)], "each event has the epoch of its own day"
        client.close()
        rounds.book(fault, ledger, stored, seconds=watch.seconds)
    finally:
        clinic.close()


def oldest_and_newest(clinic: Clinic, whole: int) -> tuple[int, int] | None:
    """Return how many segments of each half of the backlog are left, when no more than half of all is."""
    left = [int(path.stem.rpartition("-")[2]) for path in clinic.settings.spool_dir.glob("w9-*.seg")]
    older = sum(number <= whole // 2 for number in left)
    return (older, len(left) - older) if len(left) <= whole // 2 else None


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    with Clinic.running(tmp_path) as clinic:
        yield clinic


@pytest.mark.slow
def test_processes_told_to_end_under_load_one_after_the_other_lose_nothing(clinic: Clinic, rounds: Rounds) -> None:
    fault, ledger = "SIGTERM under load, one process after the other", Ledger()
    number, seconds = rounds.number(quick=3, long=30), 0.0
    with Load(clinic.settings.collector.port, ledger):
        for round_ in rounds.each(fault, range(number)):
            name = PROCESSES[round_ % len(PROCESSES)]
            before = len(ledger.acknowledged)
            wait_until(lambda before=before: len(ledger.acknowledged) > before + 100, "hits", seconds=PATIENCE)
            clinic.stop(name)  # asserts the exit code
            with recovery() as watch:
                clinic.start(name)
                before = len(ledger.acknowledged)
                wait_until(
                    lambda before=before: len(ledger.acknowledged) > before, "a hit to be taken", seconds=PATIENCE
                )
            seconds = max(seconds, watch.seconds)
    rounds.book(fault, ledger, clinic.drained(), rounds=number, seconds=seconds)


@pytest.mark.slow
def test_the_spool_and_journal_of_a_host_that_died_are_shipped_by_another_host(
    clinic: Clinic, tmp_path: Path, rounds: Rounds
) -> None:
    fault, ledger = "spool and journal of a dead host copied to another", Ledger()
    with Load(clinic.settings.collector.port, ledger):
        wait_until(lambda: len(ledger.acknowledged) > 500, "hits", seconds=PATIENCE)
        wait_until(clinic.inserting, "an insert under way", seconds=PATIENCE)
        clinic.kill("ship")
        wait_until(
            lambda: len(list(clinic.settings.spool_dir.glob("*.seg"))) > 2,
            "segments that nobody ships",
            seconds=PATIENCE,
        )
        clinic.kill("collect")
    before = len(ledger.acknowledged)
    another = Clinic(tmp_path / "another", clinic.settings.clickhouse)
    for directory in ("spool", "journal", "secrets"):
        shutil.copytree(clinic.settings.data / directory, another.settings.data / directory)
    try:
        with recovery() as watch:
            for name in PROCESSES[1:]:
                another.start(name)
            with Load(another.settings.collector.port, ledger):
                wait_until(lambda: len(ledger.acknowledged) > before + 200, "hits there", seconds=PATIENCE)
        rounds.book(fault, ledger, another.drained(), seconds=watch.seconds)
    finally:
        another.close()
