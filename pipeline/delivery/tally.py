"""Rejects and counts of the records that the worker read, as rows of their tables.

Owns the rows of `pixel.rejects` and `pixel.counters`; pure. Rule: one record in, exactly one outcome out, so that
spooled = stored + rejected + quarantined + pending.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Literal, NamedTuple

from pipeline.durations import MINUTE_MS
from pipeline.event import LAST_MS, CountName, CountsRecord, Event, Measurement
from pipeline.reasons import QuarantineReason, RejectReason

LARGEST_COUNT = 2**40
"""No collector counts more in a minute; a number too large for its column would make the table refuse the whole batch."""
SHIPPER = "ship"
"""The `collector` under which the worker's own counts are stored."""

REJECT_COLUMNS = ("received_at", "site", "event_id", "reason", "batch_id")
COUNT_COLUMNS = ("minute", "collector", "name", "reason", "net_class", "country", "asn", "site", "value", "batch_id")
NIL = str(uuid.UUID(int=0))


class CountKey(NamedTuple):
    """The key of a row of `pixel.counters`; `minute` is Unix time in minutes, `site` is "" where it is not known."""

    minute: int
    collector: str
    name: CountName
    reason: str = ""
    net_class: str = ""
    country: str = ""
    asn: int = 0
    site: str = ""


class Bin(NamedTuple):
    """The minute (Unix time in minutes) and site in which a record is counted; `site` is "" where it is not known."""

    minute: int
    site: str = ""


class Reject(NamedTuple):
    """A record that cannot be a row: only the values that `pixel.rejects` may hold, and the time at which it is counted."""

    received_ms: int
    site: str
    event_id: str
    reason: RejectReason

    @property
    def bin(self) -> Bin:
        """The minute and site in which it is counted."""
        return Bin(self.received_ms // MINUTE_MS, self.site)


def reject_of(record: Event | Measurement, reason: RejectReason, at_ms: int) -> Reject:
    """Return the reject for a record that enrichment rejects, counted at `at_ms`."""
    return Reject(at_ms, record.site, _identity(record.event_id), reason)


def reject_of_row(row: Mapping[str, object], counted_in: Bin, reason: RejectReason) -> Reject:
    """Return the reject for a row that the table refuses; the time in the row itself may be the wrong value."""
    return Reject(counted_in.minute * MINUTE_MS, counted_in.site, _identity(str(row["event_id"])), reason)


def reject_row(reject: Reject, at_ms: int) -> tuple[object, ...]:
    """Return the columns of `REJECT_COLUMNS` but the last, with the time of the refusal (Unix milliseconds)."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return (moment.isoformat(" ", "milliseconds")[:23], *reject[1:])


def count_row(count: tuple[CountKey, int]) -> tuple[object, ...]:
    """Return the columns of `COUNT_COLUMNS` but the last."""
    key, value = count
    return (key.minute * 60, *key[1:], value)


def edge_counts(record: CountsRecord, near_ms: int) -> Counter[CountKey]:
    """Return the counts of a collector; see `storable` for the times."""
    counts: Counter[CountKey] = Counter()
    for count in record.counts:
        if not 0 < count.value < LARGEST_COUNT:
            continue
        asn = count.asn if 0 <= count.asn < 2**32 else 0
        minute = storable(count.minute_ms, near_ms) // MINUTE_MS
        key = CountKey(minute, record.collector, count.name, count.reason, count.net_class, count.country, asn)
        counts[key] += count.value
    return counts


def ship_counts(
    bins: Counter[Bin],
    name: Literal["stored", "rejected", "quarantined"],
    reason: RejectReason | QuarantineReason | None = None,
) -> Counter[CountKey]:
    """Return the worker's own counts for numbers per minute and site."""
    return Counter(
        {CountKey(key.minute, SHIPPER, name, reason or "", site=key.site): value for key, value in bins.items()}
    )


def without_sites(counts: Counter[CountKey]) -> Counter[CountKey]:
    """Return the same numbers for all sites together."""
    sums: Counter[CountKey] = Counter()
    for key, value in counts.items():
        sums[key._replace(site="")] += value
    return sums


def split_bins(bins: Iterable[Bin], seen: int) -> tuple[Counter[Bin], Counter[Bin]]:
    """Return numbers per minute and site of the first `seen` of these records, and of the rest."""
    rest = iter(bins)
    return Counter(islice(rest, seen)), Counter(rest)


def counted_ms(record: Event | Measurement, near_ms: int) -> int:
    """Return the time in whose minute a record is counted, that of its `spooled`: its receipt, or a replay's clock."""
    taken_ms = record.taken_ms if isinstance(record, Event) else 0
    return storable(taken_ms or record.received_ms, near_ms)


def storable(received_ms: int, near_ms: int) -> int:
    """Return a time that the tables can hold: the given one, or `near_ms` instead of an impossible one.

    We do not fall back to 1970: ClickHouse drops rows older than the table's TTL.
    """
    return received_ms if 0 <= received_ms < LAST_MS else near_ms


def _identity(event_id: str) -> str:
    try:
        return str(uuid.UUID(event_id))
    except ValueError:
        return NIL
