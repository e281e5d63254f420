"""Plans the replay of a log and counts its events in the database.

Owns the shift of the log's times and the count by nonce. Every replay has its own range of nonces, so a query finds
exactly its events and shows a loss or a duplicate.
"""

from __future__ import annotations

import time
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from secrets import randbits
from typing import NamedTuple

from pipeline.database.client import connect
from pipeline.durations import DAY_MS
from pipeline.errors import Fatal
from pipeline.host_names import bare_host
from pipeline.settings.model import Settings
from pipeline.settings.site import Site
from pipeline.traffic.access_log import LoggedHit, Skipped
from pipeline.traffic.send import PlannedHit

STORED_WAIT_SECONDS = 60.0
MOST_NONCES = 1 << 20
"""Hits of one replay."""


class Stored(NamedTuple):
    """The stored part of a range of nonces: rows, distinct events, distinct nonces."""

    rows: int
    events: int
    nonces: int


def new_nonces() -> int:
    """Return the first nonce of a fresh range, with room for `MOST_NONCES`."""
    return (randbits(42) * MOST_NONCES) | (1 << 62)


def plan(hits: Sequence[LoggedHit], site: Site, *, last_ms: int) -> list[PlannedHit]:
    """Return the log's page views as hits, the last one at `last_ms` (Unix milliseconds)."""
    shift = last_ms - max(hit.at_ms for hit in hits)
    return [_planned(hit, site, hit.at_ms + shift) for hit in hits]


def check_span(hits: Sequence[PlannedHit], settings: Settings, *, now_ms: int) -> None:
    """Raise `Fatal` when a hit is in the future or before the oldest day whose key may still exist."""
    days = settings.retention.keys_days
    oldest, newest = min(hit.at_ms for hit in hits), max(hit.at_ms for hit in hits)
    if newest > now_ms:
        raise Fatal("--as-of is in the future; expected a time up to now")
    if oldest < now_ms - (days - 1) * DAY_MS:
        raise Fatal(
            f"the hits reach back more than retention.keys_days ({days}); give a later --as-of or --day, a shorter --history, or a part of the log"
        )


def read_log(file: Path) -> list[str]:
    """Return the lines of a log; bytes that are not UTF-8 are kept. Raises `Fatal` when it cannot be read."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise Fatal(f"{file}: cannot be read: {error.strerror}") from None
    # Only a line feed ends a line of a log: an agent may hold the other line ends of Unicode.
    lines = raw.removeprefix(BOM_UTF8).removesuffix(b"\n").split(b"\n") if raw else []
    return [line.removesuffix(b"\r").decode("utf-8", "surrogateescape") for line in lines]


def split(results: Iterable[LoggedHit | Skipped], site: Site) -> tuple[list[LoggedHit], dict[str, int]]:
    """Return the page views of the site and the number of skipped lines by reason.

    Raises `Fatal` when no page view is left.
    """
    hits: list[LoggedHit] = []
    skipped: Counter[str] = Counter()
    hosts = {bare_host(host) for host in site.hosts}
    for result in results:
        if isinstance(result, Skipped):
            skipped[result.reason] += 1
        elif result.host and bare_host(result.host) not in hosts:
            skipped["another host"] += 1
        else:
            hits.append(result)
    if not hits:
        reasons = "; ".join(f"{why}: {count}" for why, count in sorted(skipped.items())) or "it is empty"
        raise Fatal(
            f"the log has no page view of {site.id}; expected lines in the combined format of nginx or Apache ({reasons})"
        )
    return hits, dict(sorted(skipped.items()))


def wait_until_stored(settings: Settings, first_nonce: int, count: int, *, expected: int) -> Stored:
    """Return the stored events of `count` nonces from `first_nonce` on, once all are stored or a minute has passed."""
    client = connect(settings, "pixel_admin")
    deadline = time.monotonic() + STORED_WAIT_SECONDS
    try:
        while True:
            row = client.query(
                "SELECT count(), uniqExact(event_id), uniqExact(nonce) FROM pixel.events"
                " WHERE nonce >= {first:UInt64} AND nonce < {end:UInt64}",
                parameters={"first": first_nonce, "end": first_nonce + count},
            ).result_rows[0]
            stored = Stored(*row)
            if stored.rows >= expected or time.monotonic() > deadline:
                return stored
            time.sleep(0.2)
    finally:
        client.close()


def _planned(hit: LoggedHit, site: Site, at_ms: int) -> PlannedHit:
    query = {"s": site.id, "u": f"https://{hit.host or site.hosts[0]}{hit.target}", "m": "img"}
    if hit.referrer:
        query["r"] = hit.referrer
    if hit.status >= 400:
        query["e"] = str(hit.status)
    return PlannedHit(at_ms=at_ms, address=hit.address, agent=hit.agent, query=query)
