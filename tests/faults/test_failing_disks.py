"""Disks that are full or turn read-only under the running processes: what was acknowledged is stored once, and work goes on by itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.clinic import PROCESSES, Clinic, Load, Name
from support.ledger import Ledger
from support.loop_disk import loop_disk, why_not
from support.rounds import LONG, PATIENCE, Rounds, recovery
from support.waiting import wait_until

ON_DISK = {"spool": 24, "journal": 8, "clickhouse": 160}
"""Megabytes of a disk for each of these directories below the data directory."""
WRITER: dict[str, Name] = {"spool": "collect", "journal": "ship", "clickhouse": "clickhouse"}


@pytest.fixture(autouse=True)
def mounted(tmp_path: Path) -> None:
    if reason := why_not(tmp_path):
        pytest.skip(reason)


def trouble_at(place: str, clinic: Clinic, ledger: Ledger) -> Callable[[], bool]:
    """Return the question whether the fault has struck: hits are refused, or the spool grows because nothing is shipped."""
    refused, taken = len(ledger.refused), len(ledger.acknowledged)
    if place == "spool":
        return lambda: len(ledger.refused) > refused + 20
    return lambda: clinic.ship_waits() and len(ledger.acknowledged) > taken + 500


@pytest.mark.slow
@pytest.mark.parametrize("place", ON_DISK if LONG else ("spool", "clickhouse"))
def test_after_a_full_disk_everything_acknowledged_is_stored_and_work_goes_on(
    tmp_path: Path, rounds: Rounds, place: str
) -> None:
    fault, ledger = f"disk full: {place}", Ledger()
    with (
        loop_disk(tmp_path / "disk", tmp_path / "var" / place, ON_DISK[place]) as disk,
        Clinic.running(tmp_path, PIXEL_SPOOL__MIN_FREE_MB="0") as clinic,
    ):
        seconds = 0.0
        number = rounds.number(quick=1, long=5)
        with Load(clinic.settings.collector.port, ledger):
            for _ in rounds.each(fault, range(number)):
                begun = len(ledger.acknowledged)
                wait_until(lambda begun=begun: len(ledger.acknowledged) > begun + 200, "hits", seconds=PATIENCE)
                struck = trouble_at(place, clinic, ledger)

                def strikes(struck: Callable[[], bool] = struck) -> bool:
                    disk.fill()  # again and again: what is shipped makes room
                    return struck()

                wait_until(strikes, f"the full disk to be met, see {clinic.log}", seconds=PATIENCE)
                begun = len(ledger.acknowledged)
                if place == "clickhouse":
                    wait_until(lambda: clinic.ending(place) is not None, "the engine to end", seconds=PATIENCE)
                    assert clinic.ending(place) == os.EX_TEMPFAIL
                    clinic.launch(place)  # it waits for room
                with recovery() as watch:
                    disk.make_room()
                    wait_until(
                        lambda begun=begun: len(ledger.acknowledged) > begun, "a hit to be taken", seconds=PATIENCE
                    )
                    wait_until(lambda: not clinic.ship_waits(), "the shipper to go on", seconds=PATIENCE)
                seconds = max(seconds, watch.seconds)
        rounds.book(fault, ledger, clinic.drained(), rounds=number, seconds=seconds)


@pytest.mark.slow
@pytest.mark.parametrize("place", ON_DISK if LONG else ("spool",))
def test_after_a_disk_turned_read_only_and_was_mended_everything_acknowledged_is_stored(
    tmp_path: Path, rounds: Rounds, place: str
) -> None:
    fault, ledger = f"disk read-only: {place}", Ledger()
    with (
        loop_disk(tmp_path / "disk", tmp_path / "var" / place, ON_DISK[place]) as disk,
        Clinic.running(tmp_path, PIXEL_SPOOL__MIN_FREE_MB="0") as clinic,
    ):
        with Load(clinic.settings.collector.port, ledger):
            wait_until(lambda: len(ledger.acknowledged) > 200, "hits", seconds=PATIENCE)
            struck = trouble_at(place, clinic, ledger)
            with clinic.held_still(WRITER[place]):
                disk.turn_read_only()
            wait_until(struck, f"the read-only disk to be met, see {clinic.log}", seconds=PATIENCE)
        for name in PROCESSES:
            clinic.kill(name)
        disk.mend()
        # A hit whose fsync failed is refused, and may be on the disk all the same: it could not be taken away any more.
        ledger.refused.clear()
        with recovery() as watch:
            for name in PROCESSES:
                clinic.start(name)
        rounds.book(fault, ledger, clinic.drained(), seconds=watch.seconds)
