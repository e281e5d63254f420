"""Spool, question four: what happens when there is no more room, or the disk stalls?"""

from __future__ import annotations

import asyncio
import errno
import threading

import pytest

from pipeline.errors import Fatal, Reason, Retryable
from pipeline.spool.counters import EdgeCounters
from pipeline.spool.segments import sealed
from support.disk import FaultyDisk
from support.spooling import counted, event, ids, new_spool, outcome, records, running


@pytest.fixture
def disk(tmp_path):
    return FaultyDisk(tmp_path / "store")


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "spool"


def test_at_its_cap_the_spool_refuses_and_keeps_what_it_has(directory):
    counters = EdgeCounters()

    async def scenario() -> list[Reason | None]:
        async with running(new_spool(directory, counters=counters, max_mb=0.001)) as spool:
            outcomes = [await outcome(spool, event()) for _ in range(8)]
            assert not spool.ready
            return outcomes

    outcomes = asyncio.run(scenario())

    accepted = outcomes.count(None)
    assert 0 < accepted < 8
    assert outcomes == [None] * accepted + [Reason.SPOOL_FULL] * (8 - accepted)
    assert len(ids(directory)) == accepted
    assert counted(records(directory))["refused spool_full"] == 8 - accepted


def test_the_spool_takes_events_again_when_the_shipper_has_made_room(directory):
    async def scenario() -> None:
        async with running(new_spool(directory, max_mb=0.001, segment_mb=0.0001)) as spool:
            while await outcome(spool, event()) is None:
                pass
            for segment in sealed(directory):
                segment.path.unlink()
            await spool.upkeep()
            assert spool.ready
            assert await outcome(spool, event()) is None

    asyncio.run(scenario())


def test_what_earlier_runs_and_the_quarantine_hold_counts_towards_the_cap(directory):
    (directory / "quarantine").mkdir(parents=True)
    (directory / "quarantine" / "x").write_bytes(b"x" * 2000)

    async def scenario() -> None:
        async with running(new_spool(directory, max_mb=0.001)) as spool:
            assert await outcome(spool, event()) is Reason.SPOOL_FULL

    asyncio.run(scenario())


def test_little_free_space_refuses_before_the_disk_is_full_and_ends_by_itself(directory, disk):
    async def scenario() -> None:
        disk.free = 10**9
        async with running(new_spool(directory, disk, min_free_mb=100)) as spool:
            assert await outcome(spool, event()) is None
            disk.free = 99 * 2**20
            await spool.upkeep()
            assert (spool.ready, await outcome(spool, event())) == (False, Reason.SPOOL_FULL)
            disk.free = 101 * 2**20
            await spool.upkeep()
            assert (spool.ready, await outcome(spool, event())) == (True, None)

    asyncio.run(scenario())


def test_free_space_is_not_asked_for_every_hit(directory, disk):
    async def scenario() -> None:
        async with running(new_spool(directory, disk)) as spool:
            disk.calls.clear()
            for _ in range(20):
                await spool.append([event()])

    asyncio.run(scenario())

    assert disk.calls.count("free_bytes") <= 2  # a round of upkeep may fall in between
    assert disk.calls.count("fdatasync") >= 20


def test_counts_wait_in_memory_while_the_spool_is_full(directory):
    counters = EdgeCounters()

    async def scenario() -> None:
        async with running(new_spool(directory, counters=counters, max_mb=0.0001)) as spool:
            await spool.append([event()])
            size = sum(path.stat().st_size for path in directory.glob("w0-*"))
            assert await outcome(spool, event()) is Reason.SPOOL_FULL
            await spool.upkeep()
            await asyncio.sleep(0)
            assert counters.waiting
            assert sum(path.stat().st_size for path in directory.glob("w0-*")) == size

    asyncio.run(scenario())

    assert counted(records(directory))["refused spool_full"] == 1


def test_hits_behind_a_stalled_disk_are_bounded_in_memory(directory):
    stalled = threading.Event()

    async def scenario() -> list[Reason | None]:
        async with running(new_spool(directory, max_waiting_bytes=1000)) as spool:
            whole = spool._writer.write
            spool._writer.write = lambda data: (stalled.wait(30), whole(data))[1]
            waiting = [asyncio.create_task(outcome(spool, event())) for _ in range(30)]
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=10)
            assert {task.result() for task in done} == {Reason.SPOOL_FULL}
            stalled.set()
            return await asyncio.gather(*waiting)

    outcomes = asyncio.run(scenario())

    assert len(ids(directory)) == outcomes.count(None) < 30


def test_a_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(Retryable, match=str(tmp_path / "file" / "spool")):
        asyncio.run(new_spool(tmp_path / "file" / "spool").start())


def test_a_directory_that_is_not_ours_is_fatal_and_named(tmp_path, monkeypatch):
    def denied(*_: object) -> None:
        raise PermissionError(errno.EACCES, "denied")

    monkeypatch.setattr("pipeline.spool.segments.make_directory", denied)

    with pytest.raises(Fatal, match="must be writable"):
        asyncio.run(new_spool(tmp_path / "spool").start())


def test_when_every_slot_is_held_the_start_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.spool.segments.MAX_SLOTS", 1)

    async def scenario() -> None:
        async with running(new_spool(tmp_path)):
            with pytest.raises(Fatal, match="all 1 slots are held"):
                await new_spool(tmp_path).start()

    asyncio.run(scenario())
