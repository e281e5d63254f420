"""Exact accounting by nonce: what was acknowledged, what was sent, what is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from clickhouse_connect.driver import Client


class Findings(NamedTuple):
    """Nonces that break the promise; all three empty when it is kept."""

    lost: list[int]
    """Acknowledged and not stored."""
    duplicated: list[int]
    """Stored more than once."""
    invented: list[int]
    """Stored and never sent."""


def audit(acknowledged: Collection[int], sent: Collection[int], stored: Mapping[int, int]) -> Findings:
    """Hold acknowledged ⊆ stored ⊆ sent, each once, against what is stored (times by nonce)."""
    return Findings(
        lost=sorted(set(acknowledged) - stored.keys()),
        duplicated=sorted(nonce for nonce, times in stored.items() if times > 1),
        invented=sorted(stored.keys() - set(sent)),
    )


def stored_nonces(client: Client) -> Counter[int]:
    """Return how often each nonce is stored."""
    rows = client.query("SELECT nonce, count() FROM pixel.events GROUP BY nonce").result_rows
    return Counter({row[0]: row[1] for row in rows})


def counter_sums(client: Client) -> Counter[str]:
    """Return the sum of each counter."""
    rows = client.query("SELECT name, sum(value) FROM pixel.counters GROUP BY name").result_rows
    return Counter({row[0]: row[1] for row in rows})
