"""A token bucket for each client, so that a flood of hits is refused and does not fill the disk.

Owns the buckets: in memory only, bounded in number; the least recently used are dropped first. Rules:

* All addresses of an IPv6 /64 count as one client, because the holder of one of them holds all of them.
  The /48 has a bucket as well, which takes a tenth of the cost: one customer of a provider may hold 65,536 such networks.
* A page view costs 1, other hits a part of it. An empty bucket refuses every hit.
* A bucket is stored under a keyed hash of the client, so the buckets hold no address; the key is kept in memory until
  the process ends.
* A full bucket is dropped, because a client without a bucket starts with a full one. A bucket is full again after at most
  `burst / per_minute` minutes without a hit.
* Time is an argument. When time goes back (a replayed log, a corrected clock), the bucket is not refilled and counts
  from the new time: a clock set back by an hour must not refuse people for an hour.

Each collector process counts for itself, so with N workers a client may send up to N times its rate.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

from pipeline.durations import MINUTE_MS
from pipeline.event import PackedAddress
from pipeline.keys.tokens import is_ipv4

WIDER: Final = 10.0
"""How many networks of size /64 may use up their rate at the same time before their /48 is over its own."""

ROUNDING: Final = 1e-6

Bucket = tuple[bytes, float]
"""The name of a bucket, which is a keyed hash, and the share of a hit's cost that it pays."""


class RateLimit:
    """Decides whether one more hit of a client is within its rate; `key` are 32 random bytes."""

    def __init__(self, *, per_minute: int, burst: int, clients: int, key: bytes) -> None:
        self._per_ms = per_minute / MINUTE_MS
        self._burst = float(burst)
        self._full_after_ms = burst * MINUTE_MS / per_minute if per_minute else 0.0
        self._clients = clients
        self._hash = blake2b(digest_size=16, key=key)
        self._buckets: OrderedDict[bytes, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def buckets_of(self, client: PackedAddress) -> tuple[Bucket, ...]:
        """Return the buckets of a client: one for IPv4; /64 and /48 for IPv6."""
        if is_ipv4(client):
            return ((self._hashed(client), 1.0),)
        return (self._hashed(client[:8]), 1.0), (self._hashed(client[:6]), 1 / WIDER)

    def admits(self, buckets: Iterable[Bucket], *, now_ms: int, cost: float = 1.0) -> bool:
        """Take a hit of this cost from a client's buckets; False when one is empty. `now_ms` is Unix milliseconds."""
        if self._per_ms:
            for bucket, share in buckets:
                if not self._takes(bucket, cost * share, now_ms):
                    return False
        return True

    def _hashed(self, network: bytes) -> bytes:
        hashed = self._hash.copy()
        hashed.update(network)
        return hashed.digest()

    def _takes(self, bucket: bytes, cost: float, now_ms: int) -> bool:
        level, seen_ms = self._buckets.pop(bucket, (self._burst, now_ms))
        level = min(self._burst, level + max(0, now_ms - seen_ms) * self._per_ms)
        admitted = level >= cost - ROUNDING
        self._buckets[bucket] = (level - cost if admitted else level, now_ms)
        if len(self._buckets) > self._clients:
            self._buckets.popitem(last=False)
        return admitted

    def forget(self, *, now_ms: int) -> None:
        """Drop the buckets that are full again."""
        last = now_ms - self._full_after_ms
        for bucket in [bucket for bucket, (_, seen_ms) in self._buckets.items() if seen_ms <= last]:
            del self._buckets[bucket]
