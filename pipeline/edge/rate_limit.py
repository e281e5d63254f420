"""A token bucket per client, so that a flood costs its sender and not the disk.

Owns the buckets: in memory only, bounded in number, the least recently seen go first. Rules:

* An IPv6 client is its /64: whoever holds one address there holds all of them.
* Time is an argument. Time that goes back (a replayed log, a clock set right) refills nothing, and counts on from there:
  a clock set back an hour must not refuse people for an hour.
"""

from __future__ import annotations

from collections import OrderedDict
from socket import AF_INET6, inet_pton

from pipeline.durations import MINUTE_MS
from pipeline.event import RawAddress


class FloodGuard:
    """Answers whether one more hit of a client is within its rate."""

    def __init__(self, *, per_minute: int, burst: int, clients: int) -> None:
        self._per_ms = per_minute / MINUTE_MS
        self._burst = float(burst)
        self._clients = clients
        self._buckets: OrderedDict[str | bytes, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def admits(self, address: RawAddress, *, now_ms: int) -> bool:
        """Take one hit from the client's bucket; False when it is empty. `now_ms` is Unix time in milliseconds."""
        if not self._per_ms:
            return True
        client = inet_pton(AF_INET6, address)[:8] if ":" in address else address
        level, seen_ms = self._buckets.pop(client, (self._burst, now_ms))
        level = min(self._burst, level + max(0, now_ms - seen_ms) * self._per_ms)
        admitted = level >= 1.0
        self._buckets[client] = (level - 1.0 if admitted else level, now_ms)
        if len(self._buckets) > self._clients:
            self._buckets.popitem(last=False)
        return admitted
