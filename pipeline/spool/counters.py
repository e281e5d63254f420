"""The counters of one collector: offered, spooled, refused by reason, floods by network class, country and ASN.

Owns the numbers between two writes of the spool and the totals for /metrics. Rules:

* `drain` gives the numbers to the spool, which writes them at the end of a group of events; a number is then exactly as
  durable as the events beside it. If the write fails, `restore` takes them back.
* The number of keys is bounded (`MAX_KEYS`, then coarser keys), because the senders of hits decide country and ASN and
  because a full spool may keep the numbers in memory for days. A count moves to a coarser key and is never dropped.
* Only the thread of the event loop uses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pipeline.durations import MINUTE_MS
from pipeline.event import Count, CountName, CountsRecord

MAX_KEYS = 1000  # a drained record stays well under records.MAX_LINE even with every coarser key in use

_Key = tuple[int, CountName, str, str, str, int]


class EdgeCounters:
    """Counters of one collector process."""

    def __init__(self) -> None:
        self._pending: dict[_Key, int] = {}
        self._totals: dict[tuple[str, ...], int] = {}

    def add(
        self,
        name: CountName,
        *,
        now_ms: int,
        value: int = 1,
        reason: str = "",
        net_class: str = "",
        country: str = "",
        asn: int = 0,
    ) -> None:
        """Count `value` under these labels in the minute of `now_ms` (Unix time in milliseconds)."""
        self._hold((now_ms - now_ms % MINUTE_MS, name, reason, net_class, country, asn), value)
        self.add_total(name, value=value, reason=reason, net_class=net_class)

    def add_total(self, name: CountName, *, value: int, reason: str = "", net_class: str = "") -> None:
        """Count into the totals only: for numbers that the spool has already written itself."""
        key = (name, reason, net_class)
        self._totals[key] = self._totals.get(key, 0) + value

    def drain(self, collector: str) -> CountsRecord | None:
        """Return and forget the counts since the last call; None if there are none."""
        if not self._pending:
            return None
        counts = [Count(*key, value) for key, value in self._pending.items()]
        self._pending = {}
        return CountsRecord(collector=collector, counts=counts)

    def restore(self, record: CountsRecord) -> None:
        """Take back a drained record that could not be written."""
        for *key, value in record.counts:
            self._hold(tuple(key), value)  # type: ignore[arg-type]  # a Count without its value is a key

    @property
    def waiting(self) -> bool:
        """Return whether there are counts to drain."""
        return bool(self._pending)

    def totals(self) -> Mapping[tuple[str, ...], int]:
        """Return the numbers since the start by (name, reason, net_class), as /metrics shows them."""
        return MappingProxyType(self._totals)

    def _hold(self, key: _Key, value: int) -> None:
        pending = self._pending
        if key not in pending and len(pending) >= MAX_KEYS:
            key = _coarser(key, pending)
        pending[key] = pending.get(key, 0) + value


def _coarser(key: _Key, pending: Mapping[_Key, int]) -> _Key:
    minute, name, reason, net_class, _, _ = key
    without_place: _Key = (minute, name, reason, net_class, "", 0)
    if without_place in pending or len(pending) < 2 * MAX_KEYS:
        return without_place
    # After days of a full spool the oldest minute takes all further counts; the other labels are closed lists.
    oldest = next(iter(pending))[0]
    return (oldest, name, reason, net_class, "", 0)
