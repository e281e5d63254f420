"""A ClickHouse made of lists, with the habits that were observed on the real one and the faults a test asks for."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from pipeline.delivery.plan import COLUMNS, Batch, Table
from pipeline.delivery.store import Poisoned
from pipeline.errors import Fatal, Retryable

Fault = Literal["", "lost answer", "not reached", "stalled", "killed at rename", "replayed", "count fails", "halt"]


class ListStore:
    """Logs a token before the rows are in place, drops copies with a logged token, and fails as told.

    `faults` says what happens at each call, in order; when it is used up, all is well.
    """

    def __init__(self, faults: Iterable[Fault] = (), *, refused: Iterable[int] = ()) -> None:
        self.rows: defaultdict[Table, list[dict[str, Any]]] = defaultdict(list)
        self.tokens: list[str] = []
        self.inserts: list[tuple[Table, str]] = []
        self._faults: Iterator[Fault] = iter(faults)
        self._refused = set(refused)
        self._stalled: list[tuple[Batch, str]] = []

    def insert(self, batch: Batch, token: str) -> None:
        """See `Store`."""
        fault = next(self._faults, "")
        self.inserts.append((batch.table, token))
        if fault == "halt":
            raise Fatal("schema")
        if fault == "not reached":
            raise Retryable("away")
        if any(row.get("nonce") in self._refused for row in rows_of(batch)):
            raise Poisoned(27)
        if fault == "stalled":
            self._stalled.append((batch, token))
            raise Retryable("timeout")
        if fault == "killed at rename":
            self.tokens.append(token)
            raise Retryable("reset")
        self._take(batch, token)
        if fault == "replayed":
            self._take(batch, token)
        if fault == "lost answer":
            raise Retryable("reset")

    def count(self, batch: Batch) -> int:
        """See `Store`."""
        if next(self._faults, "") == "count fails":
            raise Retryable("away")
        return sum(row["batch_id"] == batch.id for row in self.rows[batch.table])

    def let_late_bodies_arrive(self) -> None:
        """The content of a buffer reaches the server now."""
        while self._stalled:
            self._take(*self._stalled.pop())

    def nonces(self) -> Counter[int]:
        """Return how often each event is stored."""
        return Counter(row["nonce"] for row in self.rows["events"])

    def counters(self) -> Counter[str]:
        """Return the sum of each counter."""
        sums: Counter[str] = Counter()
        for row in self.rows["counters"]:
            sums[row["name"]] += row["value"]
        return sums

    def _take(self, batch: Batch, token: str) -> None:
        if token not in self.tokens:
            self.tokens.append(token)
            self.rows[batch.table] += rows_of(batch)


def rows_of(batch: Batch) -> list[dict[str, Any]]:
    """Return the rows a batch would send."""
    columns = COLUMNS[batch.table]
    return [dict(zip(columns, msgspec.json.decode(line), strict=True)) for line in b"".join(batch.body()).splitlines()]
