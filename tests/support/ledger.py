"""The ledger of a test under faults: which hits were sent, and which of them the collector acknowledged or refused."""

from __future__ import annotations

import threading
from collections.abc import Iterable


class Ledger:
    """Sent, acknowledged and refused hits by nonce; threads may share one.

    A hit is entered before its first byte is sent, and acknowledged when the whole answer with a 2xx was read. So a hit
    that was cut off is sent and neither acknowledged nor refused: it may be stored, and need not be.
    """

    def __init__(self, first: int = 1) -> None:
        self.sent: set[int] = set()
        self.acknowledged: set[int] = set()
        self.refused: set[int] = set()
        self._next = first
        self._lock = threading.Lock()

    def send(self) -> int:
        """Return a nonce that no other hit of this ledger has, entered as sent."""
        with self._lock:
            nonce, self._next = self._next, self._next + 1
            self.sent.add(nonce)
        return nonce

    def acknowledge(self, *nonces: int) -> None:
        """Enter an answer with a 2xx."""
        with self._lock:
            self.acknowledged.update(nonces)

    def refuse(self, *nonces: int) -> None:
        """Enter an answer with an error, which tells the visitor that the hit is not stored."""
        with self._lock:
            self.refused.update(nonces)

    def filled(self, acknowledged: Iterable[int], sent: Iterable[int] = ()) -> Ledger:
        """Enter hits that something else numbered, as sent and acknowledged or as sent alone, and return this ledger."""
        with self._lock:
            self.acknowledged.update(acknowledged)
            self.sent.update(sent, self.acknowledged)
            self._next = max(self._next, *(nonce + 1 for nonce in self.sent), 0)
        return self
