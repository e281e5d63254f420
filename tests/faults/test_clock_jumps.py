"""The wall clock jumps under the whole product: nothing acknowledged is lost, no key ends, no process ends, and the time that comes back heals all."""

from __future__ import annotations

import os
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.keys import proven_time
from pipeline.keys.directory import DESTROYED, KeyDirectory
from support.jumping import JumpingClock
from support.processes import child
from support.system import System
from support.waiting import wait_until

DAY = 86_400.0
NOW = datetime.now(UTC)
JUMPS = {
    "seconds ahead": 30.0,
    "seconds back": -30.0,
    "a day ahead": DAY,
    "a day back": -DAY,
    "the next month": 31 * DAY,
    "a year ahead": 366 * DAY,
    "1970": -NOW.timestamp() + 3600,
    "2038 and later": (datetime(2039, 1, 2, tzinfo=UTC) - NOW).total_seconds(),
}
PARTS = ("collect", "ship", "clickhouse", "dashboards")
HITS = 15
SECONDS = 20 if os.environ.get("FAULTS") == "long" else 2


@pytest.mark.slow
@pytest.mark.skipif(JumpingClock.missing() != "", reason="needs cc")
def test_a_clock_that_jumps_and_comes_back_costs_no_event_no_key_and_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = JumpingClock(tmp_path)
    for name, value in clock.environment.items():
        monkeypatch.setenv(name, value)
    system = System(tmp_path / "home", ship={"poll_seconds": 0.1, "retry_seconds": 0.5})
    system.start()
    monkeypatch.undo()  # this process and its children keep the true time
    days: dict[int, set[str]] = {}
    statuses: dict[str, Counter[int]] = {}
    try:
        wait_until(lambda: all(child(system, name) for name in PARTS), "all processes", seconds=60)
        wait_until(lambda: proven_time.read(system.settings), "the first look at the clock", seconds=120)
        pids = {name: child(system, name) for name in PARTS}
        before = KeyDirectory.of(system.settings).living()
        acknowledged = sent(system, days, statuses, "before", 0)
        for name, jump in JUMPS.items():
            clock.set(jump)
            time.sleep(SECONDS)
            acknowledged |= sent(system, days, statuses, name, jump)
        clock.set(0)
        time.sleep(SECONDS)
        acknowledged |= sent(system, days, statuses, "after", 0)
        wait_until(lambda: set(stored(system)) >= acknowledged, "all acknowledged hits", seconds=120)
        rows = stored(system)
        assert Counter(rows.values()) == {1: len(rows)}
        for nonce, day in system.rows("SELECT nonce, toString(toDate(received_at, 'UTC')) FROM pixel.events"):
            assert day in days[nonce], f"{nonce} is in the partition of {day}"
        assert {name for name, answers in statuses.items() if answers != {200: HITS}} == {"1970"}
        assert statuses["1970"] == {503: HITS}, "a time before this software is refused, and counted"
        files = KeyDirectory.of(system.settings)
        assert files.names(DESTROYED) == []
        assert set(files.living()) >= set(before)
        assert {name: child(system, name) for name in PARTS} == pids, "a process was started again"
        kept = proven_time.read(system.settings)
        assert kept is not None
        assert not proven_time.judged(kept, proven_time.Clock.now()).jumped, "the true time is not believed again"
    finally:
        clock.set(0)
        system.stop()


def sent(
    system: System, days: dict[int, set[str]], statuses: dict[str, Counter[int]], name: str, jump: float
) -> set[int]:
    """Send hits and return the numbers of those that were acknowledged."""
    nonces = system.nonces(HITS)
    said = Counter[int]()
    acknowledged: set[int] = set()
    for nonce in nonces:
        there = datetime.now(UTC) + timedelta(seconds=jump)
        days[nonce] = {str((there + timedelta(seconds=off)).date()) for off in (-60, 60)}
        status = system.pixel(n=str(nonce), address=f"198.51.100.{nonce % 250}").status
        said[status] += 1
        if status == 200:
            acknowledged.add(nonce)
    statuses[name] = said
    return acknowledged


def stored(system: System) -> dict[int, int]:
    """Return how often each nonce is stored."""
    return dict(system.rows("SELECT nonce, count() FROM pixel.events GROUP BY nonce"))
