"""Planned hits as rows of `pixel.events` without HTTP: by the product's own steps of edge and enrichment, in bulk.

A hit takes the same `run_edge` and `enrich` as one that comes by HTTP, and its browser keeps the cookies that the edge sets. Only the
request, the spool and the journal are left out. Each process makes the rows of a part of the people, so that a person's hits stay in
order and in one cookie jar.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from typing import NamedTuple
from uuid import uuid4
from zlib import crc32

import msgspec

from collector.http.query import query_of
from pipeline.database.client import connect
from pipeline.delivery.store import INSERT_SETTINGS
from pipeline.edge.steps import run_edge
from pipeline.edge.tables import EdgeTables
from pipeline.enrich.rows import Row
from pipeline.enrich.steps import EnrichTables, enrich
from pipeline.errors import Refused
from pipeline.event import Hit
from pipeline.keys.directory import KeyDirectory
from pipeline.keys.ring import Keyring
from pipeline.settings.model import Settings
from pipeline.traffic.send import PlannedHit

ROWS_EACH = 50_000
"""Rows of one insert."""

MakeHits = Callable[[], Iterable[PlannedHit]]

_encode = msgspec.json.Encoder().encode


class Made(NamedTuple):
    """The rows that were stored, the refused hits by reason, and the seconds of the whole."""

    rows: int
    refused: Counter[str]
    seconds: float

    @property
    def per_second(self) -> int:
        """Rows a second."""
        return round(self.rows / self.seconds)


class Product:
    """Edge and enrichment of one process; `now_ms` is its clock, Unix milliseconds, at or after the last hit."""

    def __init__(self, settings: Settings, *, now_ms: int) -> None:
        keys = Keyring(KeyDirectory.of(settings), may_mint=True, retention_days=settings.retention.keys_days)
        self._edge = EdgeTables.load(settings, keys, os.urandom)
        self._enrich = EnrichTables.load(settings)
        self._now_ms = now_ms
        self._batch = str(uuid4())
        self.jar: dict[str, str] = {}
        """The id cookies of the people; a copy of it continues the history in another way."""
        self.refused: Counter[str] = Counter()

    def rows(self, hits: Iterable[PlannedHit], *, first_nonce: int = 1) -> Iterator[Row]:
        """Yield the rows of hits in order of time; the n-th hit has the nonce `first_nonce + n`."""
        for nonce, planned in enumerate(hits, first_nonce):
            cookie = self.jar.get(planned.person, "") if planned.person else ""
            try:
                events, set_cookie = run_edge(_hit(planned, nonce, cookie), self._edge, now_ms=self._now_ms)
            except Refused as refused:
                self.refused[refused.reason.value] += 1
                continue
            if set_cookie and planned.person:
                self.jar[planned.person] = set_cookie.partition(";")[0]
            for event in events:
                yield enrich(event, self._enrich, self._batch)


def _hit(planned: PlannedHit, nonce: int, cookie: str) -> Hit:
    query, header = query_of(planned.query), planned.headers.get
    return Hit(
        received_ms=planned.at_ms,
        peer="127.0.0.1",
        forwarded_for=planned.address,
        forwarded_proto="https",
        is_replay=True,
        host="127.0.0.1",
        agent=planned.agent,
        cookie=cookie,
        referer=header("Referer", ""),
        fetch_dest=header("Sec-Fetch-Dest", ""),
        fetch_mode=header("Sec-Fetch-Mode", ""),
        fetch_site=header("Sec-Fetch-Site", ""),
        gpc=header("Sec-GPC") == "1",
        hint_brands=header("Sec-CH-UA", ""),
        hint_mobile=header("Sec-CH-UA-Mobile", ""),
        hint_platform=header("Sec-CH-UA-Platform", ""),
        site=query.site,
        page=query.page,
        referrer=query.referrer,
        mode=query.mode,
        status=query.status,
        ads=query.ads,
        nonce=nonce,
        consent=query.consent,
        release=query.release,
    )


def store(settings: Settings, rows: Iterable[Row]) -> int:
    """Insert rows as the worker's user, in bulk; return their number."""
    client = connect(settings, "pixel_writer", timeout=600)
    stored = 0
    rest = iter(rows)
    try:
        while lines := [_encode(row) for row in islice(rest, ROWS_EACH)]:
            client.raw_insert(
                "pixel.events",
                Row.__struct_fields__,
                b"\n".join(lines),
                settings={**INSERT_SETTINGS, "deduplicate_insert": "disable", "max_partitions_per_insert_block": 0},
                fmt="JSONCompactEachRow",
            )
            stored += len(lines)
    finally:
        client.close()
    return stored


def store_hits(settings: Settings, make: MakeHits, *, now_ms: int, processes: int = 2) -> Made:
    """Store the rows of the hits that `make` gives, in several processes; each of them makes all hits and takes its people.

    `make` must be picklable, such as `functools.partial(planned_history, ...)`.
    """
    begun = time.monotonic()
    if processes == 1:
        parts = [_store_part(settings, make, now_ms, 0, 1)]
    else:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            tasks = [pool.submit(_store_part, settings, make, now_ms, part, processes) for part in range(processes)]
            parts = [task.result() for task in tasks]
    refused: Counter[str] = Counter()
    for part in parts:
        refused.update(part[1])
    return Made(sum(part[0] for part in parts), refused, time.monotonic() - begun)


def _store_part(settings: Settings, make: MakeHits, now_ms: int, part: int, parts: int) -> tuple[int, Counter[str]]:
    product = Product(settings, now_ms=now_ms)
    mine = (hit for hit in make() if crc32((hit.person or hit.address).encode()) % parts == part)
    # Each part has nonces of its own, as each replay has.
    rows = product.rows(mine, first_nonce=1 + (part << 40))
    return store(settings, rows), product.refused
