"""Batches come out the same however often, and by whichever version, they are built."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery.build import Shipment, build
from pipeline.delivery.exactly_once import Account
from pipeline.delivery.plan import Batch, Plan, batch_id, counter_batches, reject_batches
from pipeline.delivery.tally import Bin, CountKey, Reject, reject_of_row
from pipeline.durations import DAY_MS
from pipeline.enrich.rows import Row
from pipeline.enrich.steps import Rejected, time_text
from pipeline.event import Count, CountsRecord, Event, Measurement, SpoolRecord
from pipeline.reasons import QuarantineReason, RejectReason
from pipeline.spool.records import BadLine
from support.shipping import RECEIVED_MS, counts, event, row
from support.stores import rows_of

NAME = "w0-01794999990000-000001.seg"
OTHER = "w0-01794999990000-000002.seg"
DECEMBER_MS = int(datetime(2026, 12, 1, tzinfo=UTC).timestamp()) * 1000


def to_row(record: Event | Measurement, batch_id: str, _slot: str = "") -> Row:
    if record.site == "refused":
        raise Rejected(RejectReason.BAD_NUMBER)
    if record.site == "exhausted":
        raise RuntimeError("a text")
    if record.site == "broken":
        raise KeyError(record.site)
    return row(record, batch_id)


def shipment_of(*segments: Iterable[SpoolRecord | BadLine], rows: int = 3) -> Shipment:
    named = {f"w0-01794999990000-{number:06d}.seg": list(records) for number, records in enumerate(segments, start=1)}
    return build(Plan.of(dict.fromkeys(named, b""), rows), named.__getitem__, to_row)


def nonces(batch: Batch) -> list[int]:
    return [row["nonce"] for row in rows_of(batch)]


def test_the_same_segments_give_the_same_batches() -> None:
    segments: list[list[SpoolRecord | BadLine]] = [[event(1), event(2), counts(2)], [event(3), event(4)]]
    assert shipment_of(*segments) == shipment_of(*segments)


def test_a_segment_of_the_same_name_from_another_host_gives_another_plan() -> None:
    assert Plan.of({NAME: b"one"}, 10).id != Plan.of({NAME: b"other"}, 10).id
    assert Plan.of({NAME: b"one"}, 10).id == Plan.of({NAME: b"one"}, 10).id


def test_names_and_heads_cannot_be_mistaken_for_each_other() -> None:
    assert Plan.of({NAME: b"a", OTHER: b""}, 10).id != Plan.of({NAME: b"", OTHER: b"a"}, 10).id


def test_segments_share_a_batch_until_it_is_full() -> None:
    batches = shipment_of([event(1), event(2)], [event(3), event(4)]).batches
    assert [nonces(batch) for batch in batches] == [[1, 2, 3], [4]]
    assert len({batch.id for batch in batches}) == 2


def test_a_midnight_divides_a_batch() -> None:
    late, early = event(1, received_ms=DECEMBER_MS - 1), event(2, received_ms=DECEMBER_MS)
    batches = shipment_of([late, early, event(3, received_ms=DECEMBER_MS - 1)]).batches
    assert [(batch.partition, nonces(batch)) for batch in batches] == [(20261130, [1, 3]), (20261201, [2])]
    assert {batch.most_parts for batch in batches} == {1}


def test_a_plan_of_an_older_version_keeps_its_batches_of_months() -> None:
    old = msgspec.json.decode(
        b'{"id":"%b","segments":["%b"],"batch_rows":10}' % (str(uuid.uuid4()).encode(), NAME.encode()), type=Plan
    )
    events = [event(nonce, received_ms=DECEMBER_MS - nonce * DAY_MS) for nonce in (0, 1, 2)]
    batches = build(old, {NAME: events}.__getitem__, to_row).batches
    assert [(batch.partition, nonces(batch)) for batch in batches] == [(202612, [0]), (202611, [1, 2])]
    assert [batch.id for batch in batches] == [batch_id(old, "events", month, 0) for month in (202612, 202611)]
    assert {batch.most_parts for batch in batches} == {31}


def test_a_plan_of_an_older_version_counts_all_sites_together_in_the_rows_it_would_have_sent() -> None:
    events = [
        event(nonce, site=site) for nonce, site in enumerate(("clinic", "portal", "refused", "broken", "refused"))
    ]
    new = Plan.of({NAME: b""}, 2)
    old = msgspec.json.decode(
        b'{"id":"%b","segments":["%b"],"batch_rows":2}' % (new.id.encode(), NAME.encode()), type=Plan
    )
    found = {}
    for plan in (old, new):
        shipment = build(plan, {NAME: [*events, counts(5)]}.__getitem__, to_row)
        account = Account(shipment)
        for batch in shipment.batches:
            account.settle(batch, batch, batch.rows)
        found[plan] = [
            [(line["name"], line["reason"], line["site"], line["value"]) for line in rows_of(batch)]
            for batch in counter_batches(plan, account.counts())
        ]
    assert found[old] == [
        [("rejected", "bad_number", "", 2), ("rejected", "enrichment_failed", "", 1)],
        [("stored", "", "", 2), ("offered", "", "", 5)],
        [("spooled", "", "", 5)],
    ]
    assert found[new] == [
        [("rejected", "bad_number", "refused", 2), ("rejected", "enrichment_failed", "broken", 1)],
        [("stored", "", "clinic", 1), ("stored", "", "portal", 1)],
        [("offered", "", "", 5), ("spooled", "", "", 5)],
    ]


def test_every_row_ends_with_the_identity_of_its_batch() -> None:
    batch = shipment_of([event(1), event(2)]).batches[0]
    assert all(row["batch_id"] == batch.id for row in rows_of(batch))


def test_halves_hold_the_same_rows_under_identities_of_their_own() -> None:
    batch = shipment_of([event(1), event(2, site="refused"), event(3)]).batches[0]
    left, right = batch.halves()
    assert nonces(left) + nonces(right) == [1, 3]
    assert len({batch.id, left.id, right.id}) == 3
    for half in (left, right):
        assert all(row["batch_id"] == half.id for row in rows_of(half))
        assert len(half.lines) == len(half.bins)


def test_a_rejected_event_keeps_its_place_so_that_another_version_cuts_alike() -> None:
    shipment = shipment_of([event(1), event(2, site="refused"), event(3), event(4)])
    assert [nonces(batch) for batch in shipment.batches] == [[1, 3], [4]]
    assert shipment.batches[0].rows == 2


@pytest.mark.parametrize(
    ("site", "reason"),
    [
        pytest.param("refused", "bad_number", id="a reason of enrichment's"),
        pytest.param("broken", "enrichment_failed", id="a fault of ours"),
        pytest.param("exhausted", "enrichment_failed", id="a fault of any other kind"),
    ],
)
def test_an_event_that_cannot_be_a_row_becomes_a_reject(site: str, reason: str) -> None:
    shipment = shipment_of([event(1, site=site), event(2)])
    assert [(reject.site, reject.reason) for reject in shipment.rejects] == [(site, reason)]
    [row] = rows_of(reject_batches(shipment.plan, shipment.rejects)[0])
    assert row["received_at"] == datetime.fromtimestamp(RECEIVED_MS / 1000, UTC).strftime("%F %T.000")
    assert row["event_id"] == str(uuid.UUID(int=1))


def test_the_errors_of_ours_that_rejected_records_are_named_once_each_by_type_and_place() -> None:
    shipment = shipment_of([event(1, site="broken"), event(2), event(3, site="refused")], [event(4, site="broken")])
    (fault,) = shipment.faults
    assert fault.startswith("KeyError at test_batch.py:")
    assert shipment_of([event(1), event(3, site="refused")]).faults == frozenset()


@pytest.mark.parametrize("received_ms", [-1, 2**32 * 1000, 10**15, -(10**15)])
def test_a_reject_of_an_impossible_time_or_identity_can_itself_be_stored(received_ms: int) -> None:
    shipment = shipment_of([event(1, received_ms=received_ms, event_id="'; DROP", site="refused")])
    [row] = rows_of(reject_batches(shipment.plan, shipment.rejects)[0])
    assert row["received_at"] == "2026-11-18 11:06:30.000", "when the writing process began"
    assert row["event_id"] == str(uuid.UUID(int=0))
    assert [batch.rows for batch in shipment.batches] == [0]


def test_counts_of_many_records_are_one_row_a_key() -> None:
    shipment = shipment_of([counts(2), counts(3)], [counts(5)])
    batch = counter_batches(shipment.plan, shipment.counts)[0]
    rows = rows_of(batch)
    assert [(row["name"], row["value"]) for row in rows] == [("offered", 10), ("spooled", 10)]
    assert {row["minute"] for row in rows} == {RECEIVED_MS // 60_000 * 60}


@pytest.mark.parametrize("count", [Count(0, "spooled", value=-1), Count(0, "spooled", value=2**64)])
def test_a_count_that_no_column_holds_is_left_out(count: Count) -> None:
    assert shipment_of([CountsRecord(collector="w0", counts=[count])]).counts == {}


@pytest.mark.parametrize("asn", [-7, 2**32])
def test_an_impossible_network_is_counted_as_unknown(asn: int) -> None:
    shipment = shipment_of([CountsRecord(collector="w0", counts=[Count(0, "flood", asn=asn, value=3)])])
    assert shipment.counts == {CountKey(0, "w0", "flood"): 3}


def test_a_bad_line_counts_as_quarantined_in_the_minute_of_the_event_before_it() -> None:
    shipment = shipment_of([event(1), BadLine(100, QuarantineReason.CRC, 5)], [BadLine(0, QuarantineReason.FRAME, 7)])
    assert shipment.bad_lines == {
        NAME: [BadLine(100, QuarantineReason.CRC, 5)],
        OTHER: [BadLine(0, QuarantineReason.FRAME, 7)],
    }
    assert shipment.counts == {
        CountKey(RECEIVED_MS // 60_000, "ship", "quarantined", "crc"): 1,
        CountKey(1794999990000 // 60_000, "ship", "quarantined", "frame"): 1,
    }


def test_a_replayed_event_is_counted_at_the_clock_of_its_replay_and_stored_in_its_own_day() -> None:
    received_ms = RECEIVED_MS - 80 * DAY_MS
    shipment = shipment_of(
        [
            event(1, received_ms=received_ms, taken_ms=RECEIVED_MS),
            event(2, received_ms=received_ms, taken_ms=RECEIVED_MS, site="refused"),
            BadLine(100, QuarantineReason.CRC, 5),
        ]
    )
    [batch] = shipment.batches
    assert batch.bins == [Bin(RECEIVED_MS // 60_000, site) for site in ("clinic", "refused")]
    assert [line["received_at"] for line in rows_of(batch)] == [time_text(received_ms)]
    assert [reject.received_ms for reject in shipment.rejects] == [RECEIVED_MS]
    assert shipment.counts == {CountKey(RECEIVED_MS // 60_000, "ship", "quarantined", "crc"): 1}


def test_a_refused_row_tells_no_more_than_a_reject_may_hold() -> None:
    batch = shipment_of([event(7)]).batches[0]
    reject = reject_of_row(batch.first(), batch.bins[0], RejectReason.REFUSED_BY_TABLE)
    assert reject == (RECEIVED_MS // 60_000 * 60_000, "clinic", str(uuid.UUID(int=7)), "refused_by_table")


def test_a_body_in_pieces_is_the_whole_batch() -> None:
    batch = shipment_of([event(nonce) for nonce in range(1, 2502)], rows=50_000).batches[0]
    assert len(list(batch.body())) == 3
    assert nonces(batch) == list(range(1, 2502))


@given(
    times=st.lists(st.integers(DECEMBER_MS - 5, DECEMBER_MS + 5) | st.integers(0, 5), max_size=30),
    rows=st.integers(1, 7),
)
def test_every_event_is_in_exactly_one_batch_of_its_day(times: list[int], rows: int) -> None:
    shipment = shipment_of([event(nonce, received_ms=time) for nonce, time in enumerate(times)], rows=rows)
    assert all(len(batch.lines) <= rows for batch in shipment.batches)
    found = {nonce: batch.partition for batch in shipment.batches for nonce in nonces(batch)}
    assert sorted(nonce for batch in shipment.batches for nonce in nonces(batch)) == list(range(len(times)))
    for nonce, time in enumerate(times):
        assert found[nonce] == (20261201 if time >= DECEMBER_MS else 20261130 if time > 5 else 19700101)


def test_a_reject_has_the_time_of_its_plan_and_is_the_same_at_every_try() -> None:
    plan = Plan.of({NAME: b""}, 10, RECEIVED_MS)
    old = [event(1, site="refused", received_ms=RECEIVED_MS - 80 * DAY_MS)]
    tries = [build(plan, {NAME: old}.__getitem__, to_row) for _ in range(2)]
    first, second = ([rows_of(batch) for batch in reject_batches(plan, shipment.rejects)] for shipment in tries)
    assert first == second
    assert [line["received_at"] for line in first[0]] == [time_text(RECEIVED_MS)]


def test_a_plan_of_an_older_version_gives_its_rejects_the_time_of_the_event_as_before() -> None:
    text = b'{"id":"3f1e9a52-6b0c-5d1e-8f7a-2c4b6d8e0f13","segments":["s"],"batch_rows":10}'
    plan = msgspec.json.decode(text, type=Plan)
    [batch] = reject_batches(plan, [Reject(RECEIVED_MS, "clinic", str(uuid.UUID(int=1)), "bad_number")])
    assert rows_of(batch)[0]["received_at"] == time_text(RECEIVED_MS)
