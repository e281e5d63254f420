"""The events of an erased person between collector and table: batches, quarantine, spool."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from pipeline.delivery.build import build
from pipeline.delivery.plan import Batch, Plan
from pipeline.delivery.tally import Bin
from pipeline.enrich.steps import enrich
from pipeline.errors import Fatal
from pipeline.event import Event, Measurement
from pipeline.settings.model import Settings
from pipeline.spool.records import frame, read
from pipeline.subjects.erasure import ErasureList, Erasures, clean_quarantine, recent, unshipped
from pipeline.subjects.requests import CaseBook, PersonRequest
from support.shipping import RECEIVED_MS, counts, event, plain_tables, write_raw_segment, write_segment
from support.subject import CASE

PERSON, OTHER = 77, 770
ERASED = datetime.fromtimestamp(RECEIVED_MS / 1000, UTC)
GONE = Erasures({PERSON: RECEIVED_MS})


def erased_case(at: datetime = ERASED) -> PersonRequest:
    return replace(CASE, state="erased", closed=at)


def theirs(nonce: int, *, after_ms: int = 0, visitor: int = PERSON) -> Event:
    return event(nonce, received_ms=RECEIVED_MS + after_ms, visitor=visitor, visitor_kind="cookie")


def built(spool: Path, *events: Event) -> list[bytes]:
    path = write_segment(spool, 1, [*events, counts(len(events))])
    plan = Plan.of({path.name: b"head"}, 100)
    shipment = build(
        plan,
        lambda name: read(spool / name),
        lambda record, batch, _slot: enrich(_event(record), plain_tables(), batch),
    )
    (batch,) = shipment.batches
    return [line for line in GONE.without(batch).lines if line]


def _event(record: Event | Measurement) -> Event:
    assert isinstance(record, Event)
    return record


def test_a_batch_loses_the_rows_of_the_erased_up_to_the_moment_and_no_others(tmp_path: Path) -> None:
    kept = built(
        tmp_path, theirs(1), theirs(2, after_ms=1), theirs(3, visitor=OTHER), event(4), theirs(5, after_ms=-9_999)
    )
    assert len(kept) == 3


def test_a_number_that_is_no_visitor_is_nobody(tmp_path: Path) -> None:
    assert len(built(tmp_path, event(PERSON, asn=PERSON, ua_token=PERSON))) == 1


def test_without_an_erasure_a_batch_is_the_same_object(tmp_path: Path) -> None:
    batch = Batch("", "events", 202611, [b'[1,77,"cookie"]'], [Bin(1, "clinic")])
    assert Erasures({}).without(batch) is batch
    assert GONE.without(batch._replace(table="technical")).lines == batch.lines


def test_the_list_is_what_the_cases_say_and_follows_them(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    now = datetime.now(UTC)
    line = built(tmp_path / "spool", theirs(1, visitor=OTHER))[0].replace(b",770,", b",77,")
    batch = Batch("", "events", 202611, [line], [Bin(1, "clinic")])
    known = ErasureList(settings)
    assert known.without(batch).rows == 1
    book = CaseBook(settings.cases_dir)
    for state, rows in (("open", 1), ("blocked", 1), ("erasing", 0), ("erased", 0)):
        closed = now if state.startswith("eras") else None
        book.put(replace(CASE, state=state, closed=closed))
        assert known.without(batch).rows == rows, state
    next(book.directory.glob("*.json")).write_text("{")
    with pytest.raises(Fatal, match="not a request of a person"):
        known.without(batch)


def test_an_erasure_is_forgotten_with_the_tokens(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    now = datetime.now(UTC)
    CaseBook(settings.cases_dir).put(erased_case(now - timedelta(days=settings.retention.rows_days + 1)))
    assert recent(settings, now) == []
    CaseBook(settings.cases_dir).put(erased_case(now - timedelta(days=settings.retention.rows_days - 1)))
    assert len(recent(settings, now)) == 1


def test_quarantine_and_suspects_lose_the_lines_of_the_erased_and_keep_their_age(tmp_path: Path) -> None:
    aside = tmp_path / "quarantine"
    write_segment(aside, 1, [theirs(1), theirs(2, visitor=OTHER), theirs(3, after_ms=1), counts(3)])
    damaged = bytearray(frame(theirs(4)))
    damaged[0] ^= 1
    bad = aside / "w0-01794999990000-000009.seg.bad"
    bad.write_bytes(bytes(damaged) + b"no record at all\n")
    suspect = write_segment(tmp_path, 2, [theirs(5), theirs(6, visitor=OTHER)]).rename(
        tmp_path / "w0-01794999990000-000002.suspect"
    )
    for path in (bad, suspect):
        os.utime(path, (1, 1))
    assert clean_quarantine(tmp_path, GONE) == 3
    (segment,) = aside.glob("*.seg")
    assert [record.nonce for record in read(segment) if isinstance(record, Event)] == [2, 3]
    assert [record.nonce for record in read(suspect) if isinstance(record, Event)] == [6]
    assert bad.read_bytes() == b"no record at all\n"
    assert {path.stat().st_mtime for path in (bad, suspect)} == {1.0}
    assert clean_quarantine(tmp_path, GONE) == 0
    assert sorted(path.suffix for path in aside.iterdir()) == [".bad", ".seg"]


def test_what_waits_in_the_spool_is_counted_and_left_to_delivery(tmp_path: Path) -> None:
    path = write_raw_segment(tmp_path, 1, [frame(theirs(1)), frame(theirs(2, visitor=OTHER)), b"torn"])
    before = path.read_bytes()
    assert unshipped(tmp_path, GONE) == 1
    assert path.read_bytes() == before
