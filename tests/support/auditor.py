"""The auditor of a test under faults: holds the ledger against what is stored, hit by hit and counter by counter.

The promise has five parts: acknowledged ⊆ stored, each once, stored ⊆ sent, nothing refused is stored, and the counters reconcile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Self

from clickhouse_connect.driver import Client

from pipeline.event import CountsRecord, Event
from pipeline.spool.records import BadLine, read
from pipeline.spool.segments import sealed
from support.ledger import Ledger
from support.stores import ListStore


class Stored(NamedTuple):
    """The stored rows of one place: how often it has each nonce, and the sum of each counter."""

    nonces: Counter[int]
    counters: Counter[str]

    @classmethod
    def in_clickhouse(cls, client: Client) -> Self:
        """Return what the tables hold."""
        nonces = client.query("SELECT nonce, count() FROM pixel.events GROUP BY nonce").result_rows
        sums = client.query("SELECT name, sum(value) FROM pixel.counters GROUP BY name").result_rows
        return cls(Counter(dict(map(tuple, nonces))), Counter(dict(map(tuple, sums))))

    @classmethod
    def in_lists(cls, store: ListStore) -> Self:
        """Return what a ClickHouse made of lists holds."""
        return cls(store.nonces(), store.counters())

    @classmethod
    def in_spool(cls, directory: Path) -> Self:
        """Return what the sealed segments hold; an event counts as stored, a bad line as quarantined."""
        nonces: Counter[int] = Counter()
        counters: Counter[str] = Counter()
        for record in (record for segment in sealed(directory) for record in read(segment.path)):
            match record:
                case Event():
                    nonces[record.nonce] += 1
                case BadLine():
                    counters["quarantined"] += 1
                case CountsRecord():
                    for one in record.counts:
                        counters[one.name] += one.value
        counters["stored"] = nonces.total()
        return cls(nonces, counters)

    def and_also(self, other: Stored) -> Stored:
        """Return the two places taken together, of which a hit may be in one only."""
        return Stored(self.nonces + other.nonces, self.counters + other.counters)


class Findings(NamedTuple):
    """The breaches of the promise; all five are empty when it is kept."""

    lost: list[int]
    """Acknowledged and not stored."""
    duplicated: list[int]
    """Stored more than once."""
    invented: list[int]
    """Stored and never sent."""
    taken_back: list[int]
    """Stored although the visitor was told that it is not."""
    unreconciled: list[str]
    """Sentences about counters that do not agree."""


KEPT = Findings([], [], [], [], [])


def audit(ledger: Ledger, stored: Stored) -> Findings:
    """Hold what is stored against the ledger."""
    return Findings(
        lost=sorted(ledger.acknowledged - stored.nonces.keys()),
        duplicated=sorted(nonce for nonce, times in stored.nonces.items() if times > 1),
        invented=sorted(stored.nonces.keys() - ledger.sent),
        taken_back=sorted(stored.nonces.keys() & ledger.refused),
        unreconciled=list(_unreconciled(stored)),
    )


def _unreconciled(stored: Stored) -> Iterable[str]:
    sums = stored.counters
    outcomes = sums["stored"] + sums["rejected"] + sums["quarantined"]
    if sums["offered"] != sums["spooled"] + sums["refused"]:
        yield f"offered {sums['offered']} is not spooled {sums['spooled']} + refused {sums['refused']}"
    if sums["spooled"] != outcomes:
        yield f"spooled {sums['spooled']} is not stored + rejected + quarantined {outcomes}"
    if sums["stored"] != stored.nonces.total():
        yield f"stored {sums['stored']} is counted and {stored.nonces.total()} rows are there"
