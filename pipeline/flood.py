"""A token bucket per client, so that a flood costs its sender and not the disk.

Owns the buckets: in memory only, bounded in number, the least recently seen go first. Pure: time is an argument; time
that goes back (a replayed log) refills nothing and breaks nothing.
"""

from __future__ import annotations

from collections import OrderedDict


class FloodGuard:
    """Answers whether one more hit of a client is within its rate."""

    def __init__(self, *, per_minute: int, burst: int, clients: int) -> None:
        self._per_ms = per_minute / 60_000
        self._burst = float(burst)
        self._clients = clients
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def admits(self, client: str, *, now_ms: int) -> bool:
        """Take one hit from the client's bucket; False when it is empty. `now_ms` is Unix time in milliseconds."""
        if not self._per_ms:
            return True
        level, seen_ms = self._buckets.pop(client, (self._burst, now_ms))
        level = min(self._burst, level + max(0, now_ms - seen_ms) * self._per_ms)
        admitted = level >= 1.0
        self._buckets[client] = (level - 1.0 if admitted else level, max(now_ms, seen_ms))
        if len(self._buckets) > self._clients:
            self._buckets.popitem(last=False)
        return admitted
