"""Spool, question two: what does the next holder of a slot make of what the last one left?"""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

from pipeline.event import CountsRecord
from pipeline.spool.records import frame
from pipeline.spool.recovery import Recovery, recover, recover_orphans
from pipeline.spool.segments import Slot, listing, sealed, segment_path
from support.disk import FaultyDisk
from support.spooling import NOW_MS, counted, event, ids, kill, new_spool, outcome, records, running, states


async def leave_behind(directory: Path, number: int = 3) -> list[str]:
    """Let a collector die with an open segment; return the ids it acknowledged."""
    spool = new_spool(directory)
    await spool.start()
    given = [event() for _ in range(number)]
    for one in given:
        await spool.append([one])
    await kill(spool)
    return [one.event_id for one in given]


def open_file(directory: Path, content: bytes) -> Path:
    path = segment_path(directory, "w0", NOW_MS - 1, 1)
    path.write_bytes(content)
    return path


def quarantined(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((directory / "quarantine").glob("*"))}


def test_what_a_killed_collector_acknowledged_is_sealed_by_the_next_one(tmp_path):
    async def scenario() -> list[str]:
        expected = await leave_behind(tmp_path)
        async with running(new_spool(tmp_path)) as spool:
            assert spool.slot == "w0"
            assert spool.recovered == Recovery(sealed=1, events=3)
        return expected

    assert asyncio.run(scenario()) == ids(tmp_path)


def test_what_a_killed_collector_left_is_sealed_by_the_shipper_when_no_collector_comes_back(tmp_path):
    expected = asyncio.run(leave_behind(tmp_path))

    assert recover_orphans(tmp_path) == Recovery(sealed=1, events=3)
    assert ids(tmp_path) == expected
    assert recover_orphans(tmp_path) == Recovery()


def test_the_shipper_leaves_a_living_collector_alone(tmp_path):
    async def scenario() -> None:
        async with running(new_spool(tmp_path)) as spool:
            await spool.append([event()])
            assert recover_orphans(tmp_path) == Recovery()
            assert states(tmp_path) == ["open"]

    asyncio.run(scenario())


def test_a_collector_leaves_the_segment_it_writes_alone(tmp_path):
    async def scenario() -> None:
        async with running(new_spool(tmp_path)) as spool:
            await spool.append([event()])
            spool._recover()
            assert states(tmp_path) == ["open"]

    asyncio.run(scenario())


def test_a_torn_tail_is_cut_aside(tmp_path):
    whole, torn = frame(event()), frame(event())[:40]
    open_file(tmp_path, whole + torn)

    done = recover(tmp_path, "w0")

    assert done == Recovery(sealed=1, events=1, torn_bytes=40)
    assert len(ids(tmp_path)) == 1
    assert list(quarantined(tmp_path).values()) == [torn]


def test_a_second_torn_tail_at_the_same_place_does_not_replace_the_first(tmp_path):
    whole = frame(event())
    for torn in (b"first", b"second"):
        open_file(tmp_path, whole + torn)
        recover(tmp_path, "w0")
        sealed(tmp_path)[0].path.unlink()

    assert sorted(quarantined(tmp_path).values()) == [b"first", b"second"]


def test_events_of_a_group_that_never_ended_are_counted_by_recovery(tmp_path):
    counts = CountsRecord(collector="w0", counts=[])
    open_file(tmp_path, frame(event()) + frame(counts) + frame(event()) + frame(event()))

    recover(tmp_path, "w0")

    assert counted(records(tmp_path)) == {"offered": 2, "spooled": 2}


def test_recovering_twice_after_a_kill_before_the_rename_counts_once(tmp_path):
    files = FaultyDisk(tmp_path / "store")
    directory = tmp_path / "spool"
    directory.mkdir()
    open_file(directory, frame(event()))
    files.fail("rename", errno.EIO)

    assert recover(directory, "w0", files=files) == Recovery(failed=1)
    assert recover(directory, "w0", files=files) == Recovery(sealed=1, events=1)
    assert counted(records(directory)) == {"offered": 1, "spooled": 1}


def test_a_bad_line_in_the_middle_stays_for_its_reader_to_count(tmp_path):
    lines = [frame(event()) for _ in range(3)]
    lines[1] = lines[1].replace(b"clinic", b"clinik")
    open_file(tmp_path, b"".join(lines))

    done = recover(tmp_path, "w0")

    assert (done.sealed, done.events, done.bad_lines, done.torn_bytes) == (1, 2, 1, 0)
    assert quarantined(tmp_path) == {}


def test_an_empty_open_file_vanishes(tmp_path):
    open_file(tmp_path, b"")

    assert recover(tmp_path, "w0") == Recovery()
    assert listing(tmp_path) == []


def test_a_file_of_garbage_is_kept_in_quarantine_and_nothing_is_shipped(tmp_path):
    open_file(tmp_path, b"\x00" * 5000)

    assert recover(tmp_path, "w0") == Recovery(torn_bytes=5000)
    assert listing(tmp_path) == []
    assert list(quarantined(tmp_path).values()) == [b"\x00" * 5000]


def test_unknown_files_are_set_aside_under_names_that_replace_nothing(tmp_path):
    for content in (b"one", b"two"):
        (tmp_path / "notes.txt").write_bytes(content)
        assert recover(tmp_path, "w0") == Recovery(set_aside=1)

    assert quarantined(tmp_path) == {"notes.txt": b"one", "notes.txt.1": b"two"}


def test_an_open_file_whose_sealed_twin_exists_is_set_aside_and_not_shipped_twice(tmp_path):
    left = open_file(tmp_path, frame(event()))
    left.with_suffix(".seg").write_bytes(left.read_bytes())

    assert recover(tmp_path, "w0") == Recovery(set_aside=1)
    assert len(ids(tmp_path)) == 1


def test_a_copy_whose_suspect_was_renamed_becomes_the_segment(tmp_path):
    left = open_file(tmp_path, frame(event()))
    left.with_suffix(".copy").write_bytes(left.read_bytes())
    left.rename(left.with_suffix(".suspect"))

    assert recover(tmp_path, "w0") == Recovery(sealed=1, events=1)
    assert sorted(states(tmp_path)) == ["seg", "suspect"]


def test_a_copy_whose_source_is_still_open_is_set_aside(tmp_path):
    left = open_file(tmp_path, frame(event()))
    left.with_suffix(".copy").write_bytes(left.read_bytes()[:50])

    done = recover(tmp_path, "w0")

    assert (done.sealed, done.set_aside, done.failed) == (1, 1, 0)
    assert len(ids(tmp_path)) == 1


def test_a_file_that_cannot_be_recovered_hinders_neither_the_others_nor_the_start(tmp_path):
    directory = tmp_path / "spool"
    directory.mkdir()
    for incarnation in (1, 2):
        segment_path(directory, "w0", incarnation, 1).write_bytes(frame(event()))
    files = FaultyDisk(tmp_path / "store")
    files.fail("open", errno.EIO)

    async def scenario() -> None:
        async with running(new_spool(directory, files)) as spool:
            assert (spool.recovered.sealed, spool.recovered.failed) == (1, 1)
            assert await outcome(spool, event()) is None

    asyncio.run(scenario())
    assert sorted(states(directory)) == ["open", "seg", "seg"]


def test_links_and_directories_with_a_segments_name_are_not_followed(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(frame(event()))
    directory = tmp_path / "spool"
    directory.mkdir()
    segment_path(directory, "w0", 1, 1, "seg").symlink_to(elsewhere)
    segment_path(directory, "w0", 1, 2).mkdir()

    assert recover(directory, "w0") == Recovery()
    assert sealed(directory) == []


def test_a_disk_too_full_to_recover_does_not_stop_the_start_and_recovery_is_tried_again(tmp_path):
    directory = tmp_path / "spool"
    files = FaultyDisk(tmp_path / "store")
    directory.mkdir()
    open_file(directory, frame(event()) + b"torn")
    files.fail("create", errno.ENOSPC)

    async def scenario() -> None:
        async with running(new_spool(directory, files, recovery_seconds=0)) as spool:
            assert spool.recovered.failed == 1
            await spool.upkeep()
            assert spool.recovered == Recovery(sealed=1, events=1, torn_bytes=4)

    asyncio.run(scenario())
    assert len(ids(directory)) == 1


def test_a_slot_is_free_again_as_soon_as_its_holder_lets_go(tmp_path):
    first = Slot.take(tmp_path, "w0")
    assert first is not None
    assert Slot.take(tmp_path, "w0") is None
    first.release()

    second = Slot.take(tmp_path, "w0")
    assert second is not None
    second.release()
