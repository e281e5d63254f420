"""Spool, question three: what does a reader make of damaged bytes?"""

from __future__ import annotations

import tempfile
from itertools import accumulate
from pathlib import Path
from zlib import crc32

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.event import CountsRecord, Event, SpoolRecord
from pipeline.spool.records import MAX_LINE, BadLine, frame, parse, read
from pipeline.spool.recovery import recover
from pipeline.spool.segments import segment_path
from support.spooling import NOW_MS, event, records

LINES = [frame(event(page=f"/{number}")) for number in range(4)]
STARTS = [0, *accumulate(len(line) for line in LINES)]
LAST_TWO = range(STARTS[2], STARTS[4] + 1)


def damaged(content: bytes) -> list[SpoolRecord | BadLine]:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x"
        path.write_bytes(content)
        return list(read(path))


def recovered(content: bytes) -> tuple[list[bytes], bytes]:
    """Return the lines of events that recovery seals, and what it cuts aside."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        segment_path(directory, "w0", NOW_MS, 1).write_bytes(content)
        done = recover(directory, "w0")
        assert done.failed == 0
        aside = b"".join(path.read_bytes() for path in (directory / "quarantine").glob("*"))
        found = list(records(directory))
        assert not any(isinstance(record, BadLine) for record in found)
        return [frame(record) for record in found if isinstance(record, Event)], aside


@settings(max_examples=150, deadline=None)
@given(
    cut=st.sampled_from(LAST_TWO), tail=st.sampled_from(["torn", "zeros", "garbage"]), garbage=st.binary(max_size=300)
)
@example(cut=STARTS[4], tail="zeros", garbage=b"")
@example(cut=STARTS[3], tail="garbage", garbage=b"\n\n\n")
@example(cut=STARTS[4] - 1, tail="garbage", garbage=b"\r\n")
def test_a_tail_torn_zeroed_or_garbled_at_any_byte_of_the_last_two_records_costs_only_the_lines_it_touches(
    cut, tail, garbage
):
    filling = {"torn": b"", "zeros": b"\x00" * 512, "garbage": garbage}[tail]
    content = b"".join(LINES)[:cut] + filling

    lines, aside = recovered(content)

    assert lines == [line for line, end in zip(LINES, STARTS[1:], strict=True) if content[:end].endswith(line)]
    assert b"".join(lines) + aside == content, "not a byte may be lost"


@settings(max_examples=100, deadline=None)
@given(place=st.integers(0, STARTS[4] - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found_wherever_it_is_and_costs_at_most_the_lines_it_joins(place, bit):
    content = bytearray(b"".join(LINES))
    content[place] ^= 1 << bit

    found = damaged(bytes(content))

    good = [frame(record) for record in found if not isinstance(record, BadLine)]
    assert any(isinstance(record, BadLine) for record in found)
    assert len(good) >= 2
    assert all(line in LINES for line in good)


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=2000))
def test_any_bytes_are_read_without_an_error_and_accounted_for_to_the_last(content):
    found = damaged(content + b"\n" + LINES[0])

    assert frame(found[-1]) == LINES[0]
    assert sum(one.size for one in found if isinstance(one, BadLine)) == len(content) + 1


def test_a_line_without_end_is_one_bad_line_and_what_follows_is_read():
    found = damaged(b"x" * (3 * MAX_LINE) + b"\n" + LINES[0])

    assert found[0] == BadLine(0, "too_long", 3 * MAX_LINE + 1)
    assert len(found) == 2


def test_each_kind_of_damage_has_its_name():
    line = LINES[0]
    assert parse(line[:-1]) == "torn"
    assert parse(b"\n") == "frame"
    assert parse(line[:8] + b"_" + line[9:]) == "frame"
    assert parse(line.replace(b"clinic", b"clinik")) == "crc"
    assert parse(b"+" + line[1:]) == "crc"
    assert parse(b"2144df1c {}\n") == "crc"


def test_a_record_of_a_kind_that_this_version_does_not_know_is_bad_and_not_fatal():
    body = b'{"record":"tomorrow"}'
    assert parse(b"%08x %b\n" % (crc32(body), body)) == "record"


def test_a_field_that_this_version_does_not_know_is_passed_over():
    body = b'{"record":"counts","collector":"w0","counts":[],"tomorrow":1}'
    assert parse(b"%08x %b\n" % (crc32(body), body)) == CountsRecord(collector="w0", counts=[])
