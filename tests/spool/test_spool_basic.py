"""Spool, question one: does what is appended come out again, in order, in files of the right name and form?"""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from zlib import crc32

import msgspec
import pytest

from pipeline.errors import Reason
from pipeline.event import CountsRecord, SpoolRecord
from pipeline.spool import records
from pipeline.spool.counters import EdgeCounters
from pipeline.spool.segments import Slot, listing, sealed
from support.spooling import NOW_MS, counted, event, ids, new_spool, outcome, running
from support.spooling import records as stored
from support.waiting import until


async def fill(directory: Path, number: int = 3, **changed: float) -> list[str]:
    given = [event() for _ in range(number)]
    async with running(new_spool(directory, **changed)) as spool:
        for one in given:
            await spool.append([one])
    return [one.event_id for one in given]


def test_events_come_out_as_they_went_in_and_in_their_order(tmp_path):
    given = event(agent='Mozilla/5.0 \u2028 "quoted"\nline', cookies={"a": "b"}, visitor=2**64 - 1, page="/врачи/\x00")

    async def scenario() -> None:
        async with running(new_spool(tmp_path)) as spool:
            await spool.append([event(), given])

    asyncio.run(scenario())

    assert list(stored(tmp_path))[1] == given


def test_a_line_is_readable_with_standard_tools(tmp_path):
    asyncio.run(fill(tmp_path, 1))

    first = sealed(tmp_path)[0].path.read_bytes().split(b"\n")[0]
    digits, body = first.split(b" ", 1)

    assert re.fullmatch(rb"[0-9a-f]{8}", digits)
    assert int(digits, 16) == crc32(body)
    assert msgspec.json.decode(body)["record"] == "event"


@pytest.mark.parametrize("durability", ["fsync", "interval"])
def test_a_closed_spool_leaves_only_sealed_segments(tmp_path, durability):
    async def scenario() -> None:
        async with running(new_spool(tmp_path, durability=durability)) as spool:
            await spool.append([event()])
            assert [segment.state for segment in listing(tmp_path)] == ["open"]

    asyncio.run(scenario())

    assert [segment.state for segment in listing(tmp_path)] == ["seg"]


def test_a_segment_is_sealed_at_its_size(tmp_path):
    expected = asyncio.run(fill(tmp_path, 20, segment_mb=0.001))

    assert len(sealed(tmp_path)) > 3
    assert ids(tmp_path) == expected


def test_a_segment_is_sealed_at_its_age_without_another_hit(tmp_path):
    async def scenario() -> None:
        async with running(new_spool(tmp_path, segment_seconds=0.02)) as spool:
            await spool.append([event()])
            await until(lambda: sealed(tmp_path))

    asyncio.run(scenario())


def test_a_group_ends_with_the_counts_of_everything_before_it(tmp_path):
    counters = EdgeCounters()

    async def scenario() -> None:
        async with running(new_spool(tmp_path, counters=counters)) as spool:
            counters.add("offered", now_ms=NOW_MS, value=3)
            counters.add("refused", now_ms=NOW_MS, reason="bad_query")
            await spool.append([event(), event()])

    asyncio.run(scenario())

    assert [type(record) for record in stored(tmp_path)][-1] is CountsRecord
    assert counted(stored(tmp_path)) == {"offered": 3, "refused": 1, "refused bad_query": 1, "spooled": 2}
    assert counters.totals()[("spooled", "", "")] == 2


def test_refusals_are_written_even_when_no_event_ever_comes(tmp_path):
    counters = EdgeCounters()

    async def scenario() -> None:
        async with running(new_spool(tmp_path, counters=counters)) as spool:
            counters.add("refused", now_ms=NOW_MS, reason="bad_query")
            await spool.upkeep()
            await until(lambda: counted(stored(tmp_path, ("open",))))

    asyncio.run(scenario())

    assert counted(stored(tmp_path))["refused bad_query"] == 1


def test_hits_that_wait_together_share_one_write_and_one_sync(tmp_path):
    syncs: list[int] = []

    async def scenario() -> None:
        spool = new_spool(tmp_path)
        async with running(spool):
            await spool.append([event()])
            whole = spool._writer.write
            spool._writer.write = lambda data: (syncs.append(len(data)), whole(data))[1]
            await asyncio.gather(*(spool.append([event()]) for _ in range(200)))

    asyncio.run(scenario())

    assert len(syncs) == 2  # the group, and the empty one that close asks for
    assert len(ids(tmp_path)) == 201


def test_a_hit_that_goes_away_does_not_take_the_others_of_its_group_with_it(tmp_path):
    async def scenario() -> list[object]:
        async with running(new_spool(tmp_path)) as spool:
            waiting = [asyncio.create_task(spool.append([event()])) for _ in range(3)]
            await asyncio.sleep(0)
            waiting[1].cancel()
            return await asyncio.gather(*waiting, return_exceptions=True)

    first, second, third = asyncio.run(scenario())

    assert first is None
    assert isinstance(second, asyncio.CancelledError)
    assert third is None
    assert len(ids(tmp_path)) == 3


def test_two_collectors_take_two_slots_and_never_share_a_file(tmp_path):
    async def scenario() -> None:
        async with running(new_spool(tmp_path)) as one, running(new_spool(tmp_path)) as other:
            assert (one.slot, other.slot) == ("w0", "w1")
            await one.append([event()])
            await other.append([event()])

    asyncio.run(scenario())

    assert [segment.slot for segment in sealed(tmp_path)] == ["w0", "w1"]


def test_incarnations_rise_although_the_clock_was_set_back_and_every_file_was_shipped(tmp_path):
    seen = []
    for now_ms in (NOW_MS, NOW_MS - 86_400_000, NOW_MS - 86_400_000):
        slot = Slot.take(tmp_path, "w0")
        assert slot is not None
        seen.append(slot.next_incarnation(now_ms))
        slot.release()

    assert seen == [NOW_MS, NOW_MS + 1, NOW_MS + 2]


def test_an_incarnation_is_greater_than_that_of_a_file_copied_from_elsewhere(tmp_path):
    (tmp_path / f"w0-{NOW_MS + 500:014d}-000001.seg").touch()
    slot = Slot.take(tmp_path, "w0")
    assert slot is not None

    assert slot.next_incarnation(NOW_MS) == NOW_MS + 501
    slot.release()


def test_sealed_segments_of_all_slots_come_oldest_first(tmp_path):
    for age, name in (
        (30, "w1-00000000000900-000001"),
        (20, "w0-00000000000100-000007"),
        (10, "w1-00000000000900-000002"),
    ):
        path = tmp_path / f"{name}.seg"
        path.touch()
        os.utime(path, (NOW_MS / 1000 - age, NOW_MS / 1000 - age))

    assert [segment.path.stem for segment in sealed(tmp_path)] == [
        "w1-00000000000900-000001",
        "w0-00000000000100-000007",
        "w1-00000000000900-000002",
    ]


def test_an_event_no_record_can_hold_is_refused_alone(tmp_path):
    counters = EdgeCounters()

    async def scenario() -> list[Reason | None]:
        async with running(new_spool(tmp_path, counters=counters)) as spool:
            bad = [event(agent="\ud800"), event(agent="x" * records.MAX_LINE)]
            return [*[await outcome(spool, one) for one in bad], await outcome(spool, event())]

    assert asyncio.run(scenario()) == [Reason.INTERNAL, Reason.INTERNAL, None]
    assert counted(stored(tmp_path)) == {"refused": 2, "refused internal": 2, "spooled": 1}


def test_appending_nothing_writes_nothing(tmp_path):
    async def scenario() -> None:
        async with running(new_spool(tmp_path)) as spool:
            await asyncio.wait_for(spool.append([]), 5)

    asyncio.run(scenario())

    assert listing(tmp_path) == []


def test_the_longest_line_is_read_back():
    body = event(agent="x" * (records.MAX_LINE - 300))
    line = records.frame(body)

    assert len(line) <= records.MAX_LINE
    assert records.parse(line) == body


def test_every_kind_of_record_has_a_tag_that_the_display_count_knows(tmp_path):
    path = tmp_path / "x"
    lines = [records.frame(event()), records.frame(CountsRecord(collector="w0", counts=[]))]
    path.write_bytes(b"".join(lines))

    assert records.count_events(path) == 1
    assert {kind.__struct_config__.tag for kind in SpoolRecord.__args__} == {"event", "counts", "technical"}
