"""Spool, question five: is everything acknowledged on disk, and nothing refused stored, when the disk misbehaves?"""

from __future__ import annotations

import asyncio
import errno
import os

import pytest

from pipeline.errors import Reason, Refused
from pipeline.spool.counters import EdgeCounters
from support.disk import DIED, FaultyDisk
from support.spooling import counted, event, ids, kill, new_spool, outcome, records, running, states
from support.waiting import until


@pytest.fixture
def disk(tmp_path):
    return FaultyDisk(tmp_path / "store")


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "spool"


async def recovered_ids(directory, disk) -> list[str]:
    disk.faults.clear()
    async with running(new_spool(directory, disk)):
        pass
    return ids(directory)


def test_an_event_is_synced_and_its_file_named_on_disk_before_it_is_acknowledged(directory, disk):
    async def scenario() -> list[str]:
        spool = new_spool(directory, disk)
        await spool.start()
        given = event()
        await spool.append([given])
        await kill(spool)
        disk.power_cut(names_kept=0, tail=lambda _: b"")
        assert await recovered_ids(directory, disk) == [given.event_id]

    asyncio.run(scenario())


def test_interval_syncs_within_a_round_of_upkeep_and_not_before(directory, disk):
    async def scenario() -> None:
        spool = new_spool(directory, disk, durability="interval")
        await spool.start()
        first, second = event(), event()
        await spool.append([first])
        await spool.upkeep()
        await spool.append([second])
        await kill(spool)
        disk.power_cut(names_kept=0, tail=lambda _: b"")
        assert await recovered_ids(directory, disk) == [first.event_id]

    asyncio.run(scenario())


def test_interval_loses_nothing_when_only_the_process_dies(directory, disk):
    async def scenario() -> None:
        spool = new_spool(directory, disk, durability="interval")
        await spool.start()
        given = event()
        await spool.append([given])
        await kill(spool)
        assert await recovered_ids(directory, disk) == [given.event_id]

    asyncio.run(scenario())


def test_a_short_write_is_completed(directory, disk):
    async def scenario() -> None:
        async with running(new_spool(directory, disk)) as spool:
            disk.fail("write", 0, short=10)
            assert await outcome(spool, event()) is None
            assert disk.calls.count("write") == 2

    asyncio.run(scenario())

    assert len(ids(directory)) == 1


def test_a_group_the_disk_has_no_room_for_is_refused_undone_and_counted(directory, disk):
    counters = EdgeCounters()

    async def scenario() -> list[str]:
        async with running(new_spool(directory, disk, counters=counters)) as spool:
            first, second, third = event(), event(), event()
            assert await outcome(spool, first) is None
            disk.fail("write", errno.ENOSPC, short=50)
            assert await outcome(spool, second) is Reason.SPOOL_FAILED
            assert not spool.ready
            await spool.upkeep()
            await until(lambda: spool.ready)
            assert await outcome(spool, third) is None
            return [first.event_id, third.event_id]

    assert asyncio.run(scenario()) == ids(directory)
    assert states(directory) == ["seg"]
    assert counted(records(directory)) == {"spooled": 2, "refused": 1, "refused spool_failed": 1}
    assert counters.totals() == {("spooled", "", ""): 2, ("refused", "spool_failed", ""): 1}


def test_while_the_disk_fails_hits_are_refused_without_asking_it(directory, disk):
    async def scenario() -> None:
        async with running(new_spool(directory, disk)) as spool:
            disk.fail("write", errno.ENOSPC, times=1000)
            assert await outcome(spool, event()) is Reason.SPOOL_FAILED
            disk.calls.clear()
            assert await outcome(spool, event()) is Reason.SPOOL_FAILED
            assert disk.calls == []
            disk.faults.clear()

    asyncio.run(scenario())


def test_when_a_failed_write_cannot_be_undone_the_segment_is_rolled(directory, disk):
    async def scenario() -> list[str]:
        spool = new_spool(directory, disk)
        await spool.start()
        first, second, third = event(), event(), event()
        assert await outcome(spool, first) is None
        disk.fail("write", errno.ENOSPC, short=150)
        disk.fail("truncate", errno.EIO, times=2)
        assert await outcome(spool, second) is Reason.SPOOL_FAILED
        await spool.upkeep()
        await until(lambda: spool.ready)
        assert await outcome(spool, third) is None
        await spool.close()
        return [first.event_id, third.event_id]

    assert asyncio.run(scenario()) == ids(directory)
    assert sorted(states(directory)) == ["seg", "seg", "suspect"]


def test_after_a_failed_sync_the_group_is_acknowledged_from_a_new_file(directory, disk):
    async def scenario() -> list[str]:
        spool = new_spool(directory, disk)
        await spool.start()
        first, second = event(), event()
        assert await outcome(spool, first) is None
        disk.fail("fdatasync")
        assert await outcome(spool, second) is None
        assert spool.ready
        await kill(spool)
        # Whatever the kernel pretends later, the bytes of the failed sync may be gone.
        disk.power_cut(names_kept=0, tail=lambda _: b"")
        await recovered_ids(directory, disk)
        return [first.event_id, second.event_id]

    assert asyncio.run(scenario()) == ids(directory)
    assert sorted(states(directory)) == ["seg", "seg", "suspect"]


def test_a_failed_sync_is_never_tried_again_on_its_file(directory, disk):
    synced: list[int] = []
    whole = disk.fdatasync

    async def scenario() -> None:
        async with running(new_spool(directory, disk)) as spool:
            await spool.append([event()])
            broken = os.fstat(spool._writer._current.fd).st_ino
            disk.fail("fdatasync")
            disk.fdatasync = lambda fd: (synced.append(os.fstat(fd).st_ino), whole(fd))[1]
            await spool.append([event()])
            await spool.append([event()])
            assert synced.count(broken) == 1

    asyncio.run(scenario())


def test_after_two_failed_syncs_the_group_is_refused_and_stored_nowhere(directory, disk):
    async def scenario() -> list[str]:
        async with running(new_spool(directory, disk)) as spool:
            first, second, third = event(), event(), event()
            assert await outcome(spool, first) is None
            disk.fail("fdatasync", skip=0, times=1)
            disk.fail("fdatasync", skip=1, times=1)  # lets the copy of the acknowledged part pass
            assert await outcome(spool, second) is Reason.SPOOL_FAILED
            await spool.upkeep()
            await until(lambda: spool.ready)
            assert await outcome(spool, third) is None
            return [first.event_id, third.event_id]

    assert asyncio.run(scenario()) == ids(directory)


@pytest.mark.parametrize(
    ("operation", "skip"),
    [
        ("create", 0),
        ("read", 0),
        ("write", 1),
        ("fdatasync", 0),
        ("fsync_directory", 0),
        ("fsync_directory", 1),
        ("rename", 0),
        ("rename", 1),
    ],
)
def test_the_acknowledged_part_survives_any_second_failure_while_it_is_copied(directory, disk, operation, skip):
    counters = EdgeCounters()

    async def scenario() -> list[str]:
        async with running(new_spool(directory, disk, counters=counters)) as spool:
            first, second, third = event(), event(), event()
            assert await outcome(spool, first) is None
            disk.fail("fdatasync")
            disk.fail(operation, errno.ENOSPC, skip=skip)
            refused = await outcome(spool, second) is not None
            await spool.upkeep()
            await until(lambda: spool.ready)
            assert await outcome(spool, third) is None
            return [one.event_id for one in (first, second, third) if not (refused and one is second)]

    expected = asyncio.run(scenario())

    assert sorted(ids(directory)) == sorted(expected)
    assert counted(records(directory))["spooled"] == len(expected)


def test_a_refused_group_is_not_stored_when_the_collector_dies_before_the_broken_file_is_repaired(directory, disk):
    async def scenario() -> None:
        spool = new_spool(directory, disk)
        await spool.start()
        first, second = event(), event()
        assert await outcome(spool, first) is None
        disk.fail("fdatasync")
        disk.fail("create", errno.ENOSPC)
        assert await outcome(spool, second) is Reason.SPOOL_FAILED
        await kill(spool)
        assert await recovered_ids(directory, disk) == [first.event_id]

    asyncio.run(scenario())


def test_what_recovery_sealed_survives_a_power_cut_whole(directory, disk):
    async def scenario() -> None:
        spool = new_spool(directory, disk)
        await spool.start()
        await spool.append([event()])
        disk.fail(None, DIED, skip=1, times=10**6)  # after the write, at the sync
        assert await outcome(spool, event()) is Reason.SPOOL_FAILED
        await kill(spool)
        before = await recovered_ids(directory, disk)
        disk.power_cut(names_kept=0, tail=lambda _: b"")
        assert len(before) == 2
        assert ids(directory) == before

    asyncio.run(scenario())


def test_a_quiet_interval_spool_syncs_once(directory, disk):
    async def scenario() -> None:
        async with running(new_spool(directory, disk, durability="interval")) as spool:
            await spool.append([event()])
            await spool.upkeep()
            disk.calls.clear()
            await spool.upkeep()
            assert "fdatasync" not in disk.calls

    asyncio.run(scenario())


def test_a_group_written_before_its_segment_failed_to_seal_is_acknowledged_and_counted_once(directory, disk):
    async def scenario() -> None:
        async with running(new_spool(directory, disk, durability="interval", segment_mb=0.0001)) as spool:
            disk.fail("fdatasync")
            assert await outcome(spool, event()) is None
            assert await outcome(spool, event()) is None

    asyncio.run(scenario())

    assert len(ids(directory)) == 2
    assert counted(records(directory)) == {"spooled": 2}


def test_a_failed_interval_sync_saves_what_was_acknowledged_from_memory(directory, disk):
    async def scenario() -> list[str]:
        spool = new_spool(directory, disk, durability="interval")
        await spool.start()
        first, second = event(), event()
        assert await outcome(spool, first) is None
        disk.fail("fdatasync")
        await spool.upkeep()
        await until(lambda: spool.ready)
        assert await outcome(spool, second) is None
        await spool.upkeep()
        await kill(spool)
        disk.power_cut(names_kept=0, tail=lambda _: b"")
        await recovered_ids(directory, disk)
        return [first.event_id, second.event_id]

    assert asyncio.run(scenario()) == ids(directory)


def test_a_new_file_whose_name_cannot_be_synced_acknowledges_nothing(directory, disk):
    async def scenario() -> None:
        async with running(new_spool(directory, disk)) as spool:
            disk.fail("fsync_directory")
            assert await outcome(spool, event()) is Reason.SPOOL_FAILED

    asyncio.run(scenario())

    assert ids(directory, ("seg", "open", "suspect")) == []


def test_a_segment_that_cannot_be_sealed_goes_on_being_written(directory, disk):
    async def scenario() -> list[str]:
        async with running(new_spool(directory, disk, segment_mb=0.0001)) as spool:
            given = [event(), event()]
            disk.fail("rename", errno.ENOSPC)
            for one in given:
                assert await outcome(spool, one) is None
            assert states(directory) == ["seg"]
            return [one.event_id for one in given]

    assert asyncio.run(scenario()) == ids(directory)


def test_a_fault_of_ours_in_the_writer_refuses_who_waits_is_logged_without_its_text_and_asks_for_the_end(
    directory, caplog
):
    async def scenario() -> None:
        ended, counters = asyncio.Event(), EdgeCounters()
        spool = new_spool(directory, counters=counters, end=ended.set)
        await spool.start()

        def broken(_: bytes) -> None:
            raise ValueError("the visitor's words")

        spool._writer.write = broken
        assert await asyncio.wait_for(outcome(spool, event()), 10) is Reason.SPOOL_FAILED
        await asyncio.wait_for(ended.wait(), 10)
        assert not spool.ready
        assert await outcome(spool, event()) is Reason.SPOOL_FAILED
        assert counters.totals()["refused", "spool_failed", ""] == 2
        await spool.close()

    asyncio.run(scenario())
    (record,) = caplog.records
    assert "spool w0: unforeseen ValueError at test_spool_acknowledgement.py:" in record.getMessage()
    assert "visitor" not in caplog.text


def test_a_fault_of_ours_in_an_answer_asks_for_the_end_and_the_events_on_disk_are_counted_once(directory, caplog):
    async def scenario() -> None:
        ended, counters = asyncio.Event(), EdgeCounters()
        spool = new_spool(directory, counters=counters, end=ended.set)
        await spool.start()
        told: list[Reason | None] = []
        spool.offer([event()], told.append)
        spool.offer([event()], lambda _: 1 / 0)
        await asyncio.wait_for(ended.wait(), 10)
        assert told == [None]
        assert counters.totals() == {("spooled", "", ""): 2}
        await spool.close()

    asyncio.run(scenario())
    assert len(ids(directory)) == 2
    assert "unforeseen ZeroDivisionError" in caplog.text


def test_a_fault_of_ours_in_the_upkeep_makes_the_spool_refuse_and_asks_for_the_end(directory, caplog):
    async def scenario() -> None:
        ended = asyncio.Event()
        spool = new_spool(directory, segment_seconds=0.02, end=ended.set)
        await spool.start()

        def broken() -> None:
            raise ZeroDivisionError

        spool._writer.upkeep = broken
        await asyncio.wait_for(ended.wait(), 10)
        assert await outcome(spool, event()) is Reason.SPOOL_FAILED
        await spool.close()

    asyncio.run(scenario())
    assert "unforeseen ZeroDivisionError" in caplog.text


def test_nothing_is_acknowledged_after_close(directory):
    async def scenario() -> None:
        spool = new_spool(directory)
        await spool.start()
        await spool.close()
        assert await outcome(spool, event()) is Reason.SPOOL_FAILED
        await spool.close()

    asyncio.run(scenario())


def test_hits_that_wait_when_the_spool_closes_are_written(directory):
    async def scenario() -> list[Reason | None]:
        spool = new_spool(directory)
        await spool.start()
        waiting = [asyncio.create_task(outcome(spool, event())) for _ in range(50)]
        await asyncio.sleep(0)
        await spool.close()
        return await asyncio.gather(*waiting)

    assert asyncio.run(scenario()) == [None] * 50
    assert len(ids(directory)) == 50


def test_who_offers_is_told_when_the_events_are_on_disk_and_not_before(directory, disk):
    given = [event() for _ in range(3)]

    async def scenario() -> None:
        async with running(new_spool(directory, disk)) as spool:
            told: list[tuple[Reason | None, int]] = []
            for one in given:
                spool.offer([one], lambda reason: told.append((reason, disk.calls.count("fdatasync"))))
            before = disk.calls.count("fdatasync")
            assert told == []
            await until(lambda: len(told) == 3)
            assert told == [(None, before + 1)] * 3

    asyncio.run(scenario())

    assert ids(directory) == [one.event_id for one in given]


def test_who_offers_to_a_disk_that_fails_is_told_the_reason_once(directory, disk):
    async def scenario() -> list[Reason | None]:
        async with running(new_spool(directory, disk)) as spool:
            told: list[Reason | None] = []
            disk.fail("write", errno.ENOSPC)
            spool.offer([event()], told.append)
            await until(lambda: told)
            with pytest.raises(Refused):
                spool.offer([event()], told.append)
            return told

    assert asyncio.run(scenario()) == [Reason.SPOOL_FAILED]
    assert ids(directory) == []


def test_who_offers_is_told_even_when_the_spool_closes_or_its_writer_breaks(directory, disk, monkeypatch):
    async def scenario() -> list[Reason | None]:
        told: list[Reason | None] = []
        async with running(new_spool(directory, disk)) as spool:
            spool.offer([event()], told.append)
        async with running(new_spool(directory, disk)) as spool:
            monkeypatch.setattr(spool._writer, "write", lambda _: 1 / 0)
            spool.offer([event()], told.append)
            await until(lambda: len(told) == 2)
            monkeypatch.undo()
        return told

    assert asyncio.run(scenario()) == [None, Reason.SPOOL_FAILED]
