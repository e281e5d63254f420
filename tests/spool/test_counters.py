"""The edge's counters: drained into the spool, given back when that fails, bounded whatever comes."""

from __future__ import annotations

from pipeline.event import Count, CountsRecord
from pipeline.spool.counters import MAX_KEYS, EdgeCounters
from pipeline.spool.records import MAX_LINE, frame

NOW_MS = 1_795_000_000_000
MINUTE_MS = NOW_MS - NOW_MS % 60_000


def test_counts_of_one_minute_add_up_and_another_minute_is_another_key():
    counters = EdgeCounters()
    counters.add("offered", now_ms=NOW_MS)
    counters.add("offered", now_ms=NOW_MS + 1, value=2)
    counters.add("offered", now_ms=NOW_MS + 60_000)

    record = counters.drain("w0")

    assert record == CountsRecord(
        collector="w0",
        counts=[Count(MINUTE_MS, "offered", value=3), Count(MINUTE_MS + 60_000, "offered", value=1)],
    )


def test_what_was_drained_is_not_drained_again():
    counters = EdgeCounters()
    counters.add("offered", now_ms=NOW_MS)
    assert counters.waiting
    counters.drain("w0")

    assert not counters.waiting
    assert counters.drain("w0") is None


def test_a_record_that_could_not_be_written_comes_back_and_adds_to_what_came_meanwhile():
    counters = EdgeCounters()
    counters.add("flood", now_ms=NOW_MS, net_class="datacenter", country="RU", asn=12345, value=2)
    record = counters.drain("w0")
    assert record is not None
    counters.add("flood", now_ms=NOW_MS, net_class="datacenter", country="RU", asn=12345)

    counters.restore(record)

    again = counters.drain("w0")
    assert again is not None
    assert again.counts == [Count(MINUTE_MS, "flood", "", "datacenter", "RU", 12345, 3)]


def test_totals_never_fall_and_keep_neither_minute_nor_place():
    counters = EdgeCounters()
    counters.add("flood", now_ms=NOW_MS, net_class="tor", country="RU", asn=1)
    counters.add("flood", now_ms=NOW_MS + 60_000, net_class="tor", country="DE", asn=2)
    record = counters.drain("w0")
    assert record is not None
    counters.restore(record)

    assert counters.totals() == {("flood", "", "tor"): 2}


def test_a_flood_from_everywhere_folds_places_and_loses_no_count():
    counters = EdgeCounters()
    for asn in range(3 * MAX_KEYS):
        counters.add("flood", now_ms=NOW_MS, net_class="other", country="RU", asn=asn)

    record = counters.drain("w0")

    assert record is not None
    assert sum(count.value for count in record.counts) == 3 * MAX_KEYS
    assert len(record.counts) == MAX_KEYS + 1
    assert record.counts[-1] == Count(MINUTE_MS, "flood", "", "other", "", 0, 2 * MAX_KEYS)


def test_weeks_behind_a_full_spool_fold_minutes_and_still_fit_one_line():
    counters = EdgeCounters()
    minutes = 5 * MAX_KEYS
    for minute in range(minutes):
        counters.add(
            "refused", now_ms=NOW_MS + minute * 60_000, reason="spool_full", net_class="datacenter", country="RU"
        )

    record = counters.drain("w0")

    assert record is not None
    assert sum(count.value for count in record.counts) == minutes
    assert len(record.counts) <= 2 * MAX_KEYS + 1
    assert len(frame(record)) < MAX_LINE
