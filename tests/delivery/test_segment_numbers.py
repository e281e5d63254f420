"""Segments that vanish are noticed by their numbers, and nothing else is taken for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.delivery.segment_numbers import FILE, MOST_WRITERS, SegmentNumbers
from pipeline.spool.segments import Segment, segment_path

INCARNATION = 20_261_127_000_000


def segments(*numbers: int, slot: str = "w0", incarnation: int = INCARNATION, state: str = "seg") -> list[Segment]:
    return [
        Segment(segment_path(Path(), slot, incarnation, number, state), slot, incarnation, number, state, 1, 0)
        for number in numbers
    ]


def names(*numbers: int) -> list[str]:
    return [segment.path.name for segment in segments(*numbers)]


def looked(numbers: SegmentNumbers, *present: int) -> list[str]:
    """Return the segments that two looks in a row miss."""
    numbers.look_for_gaps(segments(*present))
    return numbers.look_for_gaps(segments(*present))


@pytest.fixture
def numbers(tmp_path: Path) -> SegmentNumbers:
    begun = SegmentNumbers(tmp_path)
    begun.account_for(())
    return SegmentNumbers(tmp_path)


def test_segments_in_order_leave_no_gap_however_they_are_shipped(numbers: SegmentNumbers) -> None:
    assert looked(numbers, 1, 2, 3, 4, 5) == []
    numbers.account_for(names(5, 1))
    assert looked(numbers, 2, 3, 4, 6) == []
    numbers.account_for(names(2, 3, 4, 6))
    assert looked(numbers) == []
    assert numbers.lost == []


@pytest.mark.parametrize("state", ["open", "seg", "suspect", "copy"])
def test_a_segment_in_any_state_is_there(numbers: SegmentNumbers, state: str) -> None:
    present = [*segments(1, 3), *segments(2, state=state)]
    assert [numbers.look_for_gaps(present) for _ in range(3)] == [[], [], []]


def test_a_segment_that_vanished_is_named_once_and_remembered(numbers: SegmentNumbers, tmp_path: Path) -> None:
    numbers.account_for(names(1))
    assert numbers.look_for_gaps(segments(2, 4)) == [], "one look may come between two names of a file"
    assert numbers.look_for_gaps(segments(2, 4)) == [f"w0-{INCARNATION}-000003"]
    assert looked(numbers, 2, 4) == []
    assert SegmentNumbers(tmp_path).lost == [f"w0-{INCARNATION}-000003"]
    assert looked(SegmentNumbers(tmp_path), 2, 4) == []


def test_a_first_segment_that_vanished_is_noticed(numbers: SegmentNumbers) -> None:
    assert looked(numbers, 2) == [f"w0-{INCARNATION}-000001"]


def test_the_segments_before_the_first_look_ever_are_not_missed(tmp_path: Path) -> None:
    numbers = SegmentNumbers(tmp_path)
    assert looked(numbers, 17, 18) == []
    assert looked(numbers, 17, 20) == [f"w0-{INCARNATION}-000018", f"w0-{INCARNATION}-000019"]


def test_a_number_is_on_disk_before_its_segment_goes(numbers: SegmentNumbers, tmp_path: Path) -> None:
    numbers.account_for(names(1, 2))
    assert looked(SegmentNumbers(tmp_path), 3) == []


def test_a_damaged_file_is_named_and_begins_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE).write_text("{")
    numbers = SegmentNumbers(tmp_path)
    assert "cannot be read" in caplog.text
    assert looked(numbers, 5, 6) == []


def test_old_writers_are_forgotten_and_those_with_segments_are_not(numbers: SegmentNumbers, tmp_path: Path) -> None:
    for number in range(MOST_WRITERS + 50):
        (segment,) = segments(1, incarnation=INCARNATION + number)
        numbers.account_for([segment.path.name])
    present = segments(2)
    numbers.look_for_gaps(present)
    again = SegmentNumbers(tmp_path)
    assert [again.look_for_gaps(present) for _ in range(2)] == [[], []]
    assert len((tmp_path / FILE).read_text()) < 20_000
