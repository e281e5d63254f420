"""The shared parts of one collector process from start to stop: keys, tables, counters, spool.

Owns the counting: each hit is offered once and ends either spooled or refused with one reason. No exception of ours
becomes a 500: an unforeseen error is counted as `internal`, answered with 503 and logged by its type and place, never
by its text. An unforeseen error of a background task ends the process (`end`).
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence

from collector.http.query import Query, read_query
from collector.http.request import Replays
from collector.metrics import CONNECTIONS_CLOSED, FILES_REFUSED, PAGE_FAULTS, Totals, TotalsFile, summed
from collector.open_connections import OpenConnections
from pipeline.aged_cache import AgedCache
from pipeline.clock import now_ms
from pipeline.durations import DAY_MS
from pipeline.edge.blocks import READ_SECONDS, BlockList
from pipeline.edge.draft import day_of
from pipeline.edge.steps import OverRate
from pipeline.edge.tables import EdgeTables
from pipeline.errors import Fatal, Reason, Refused, type_and_place
from pipeline.event import Event, Measurement, Scrubbed
from pipeline.keys.directory import KeyDirectory, KeyName
from pipeline.keys.ring import Keyring
from pipeline.networks.loaded_file import LOOK_SECONDS
from pipeline.settings.model import Settings
from pipeline.spool.append import Spool, Told
from pipeline.spool.counters import EdgeCounters
from pipeline.system.faults import watched
from pipeline.system.secrets import TICKET, read_or_make_secret
from pipeline.upgrades import stamp

log = logging.getLogger("clinic_pixel.collector")

EARLIEST_MS = 1_767_225_600_000
"""2026-01-01: a clock before this day is wrong, and retention would delete an event of that time as soon as it was
stored; so the hit is refused."""

CACHED_QUERIES = 4_096
LONGEST_CACHED_QUERY = 1_024  # a page and its referrer with each Cyrillic letter in six bytes; 10 MB at most in a flood

FORGET_SECONDS = 300.0
"""Seconds between two turns of the caches: an address is gone at most twice this time after its last hit."""
IDLE_SECONDS = 1.0
TOTALS_SECONDS = 1.0
PAGE_FAULTS_SECONDS = 60.0
"""Shortest time between two log lines about page addresses that cannot be read."""

_FAILED = Scrubbed.FAILED.value


def open_keyring(settings: Settings) -> Keyring:
    """Return the collector's keys; raises `Fatal` that names the fault if their directory or a key of today is unsafe.

    A damaged key of another day is logged: the collector does not need it now, and it may be repaired before it does.
    """
    keyring = Keyring(
        KeyDirectory.of(settings),
        may_mint=settings.collector.mint_keys,
        retention_days=settings.retention.keys_days,
    )
    today = day_of(now_ms())
    for name, problem in keyring.damaged().items():
        if name in (KeyName.of_day(today), KeyName.of_year(today)):
            raise Fatal(problem)
        log.error("a key cannot be used: %s", problem)
    return keyring


class Process:
    """The shared parts of one collector process; `end` is called after an unforeseen error of one of its tasks."""

    def __init__(self, settings: Settings, *, end: Callable[[], None] = lambda: None) -> None:
        self.settings = settings
        self.counters = EdgeCounters()
        self.connections = OpenConnections.of_process()
        self.keys = open_keyring(settings)
        self._blocks = BlockList(settings.blocks_dir, self.keys.files)
        self.tables = EdgeTables.load(settings, self.keys, os.urandom, self._blocks)
        self.trusted = self.tables.trusted
        if of_newer := stamp.try_claim(settings):
            log.error("%s; hits are collected all the same", of_newer)
        self.spool = Spool(
            settings.spool_dir,
            settings.spool,
            durability=settings.collector.durability,
            counters=self.counters,
            clock_ms=now_ms,
            end=end,
            recovers=not of_newer,
        )
        ticket = read_or_make_secret(settings.secrets_dir / TICKET)
        self.replays = Replays(ticket, reach_ms=(settings.retention.keys_days - 1) * DAY_MS)
        self._queries = AgedCache(read_query, most=CACHED_QUERIES)
        self._end = end
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._page_faults = self._page_faults_told = 0
        self._tell_page_faults_at = 0.0
        self._totals = TotalsFile(settings.run_dir)

    def not_ready(self) -> str:
        """Return the reason why this process cannot accept hits, '' if it can."""
        moment = now_ms()
        if moment < EARLIEST_MS:
            return "the clock shows a time before 2026: set the clock"
        today = day_of(moment)
        if not self.spool.ready:
            return "the spool refuses events: see `clinic-pixel spool status`"
        if self.keys.day(today, today=today) is None or self.keys.visitor_key(today, today=today) is None:
            return self.keys.problem
        return self._blocks.problem

    def moment(self) -> int:
        """Return Unix time in milliseconds, the one clock value of a request; raises `Refused` on a wrong clock."""
        moment = now_ms()
        if moment < EARLIEST_MS:
            raise Refused(Reason.BAD_CLOCK)
        return moment

    def offer(self, records: Sequence[Event | Measurement], told: Told, *, now_ms: int) -> None:
        """Write the records of one request to disk; `told` learns the outcome, at once where the spool refuses them."""
        self._count_offered(records, now_ms)
        try:
            self.spool.offer(records, told)
        except Refused as refused:  # counted by the spool, one by one
            told(refused.reason)

    def _count_offered(self, records: Sequence[Event | Measurement], now_ms: int) -> None:
        self.counters.add("offered", now_ms=now_ms, value=len(records))
        for record in records:
            if isinstance(record, Event) and record.scrubbed & _FAILED:
                self._page_faults += 1

    async def store(self, records: Sequence[Event | Measurement], *, now_ms: int) -> Refused | None:
        """Write the records of one request to disk; return the refusal, or None if they are on disk."""
        self._count_offered(records, now_ms)
        try:
            await self.spool.append(records)
        except Refused as refused:  # counted by the spool, as above
            return refused
        return None

    def refuse(self, error: Exception) -> Refused:
        """Count one hit that is refused before it became events; return `error` as a `Refused`."""
        moment = now_ms()
        if isinstance(error, OverRate):
            network = error.network
            self.counters.add(
                "flood", now_ms=moment, net_class=network.net_class, country=network.country, asn=network.asn
            )
        refused = error if isinstance(error, Refused) else _unforeseen(error)
        self.counters.add("offered", now_ms=moment)
        self.counters.add("refused", now_ms=moment, reason=refused.reason.value)
        return refused

    def _read_totals(self) -> Totals:
        totals = summed(self.counters.totals())
        totals["private_clients", "", ""] = self.tables.networks.private_clients
        totals[FILES_REFUSED, "", ""] = self.tables.networks.refused_files
        totals[PAGE_FAULTS, "", ""] = self._page_faults
        for reason, count in self.connections.closed.items():
            totals[CONNECTIONS_CLOSED, reason, ""] = count
        return totals

    async def start(self) -> None:
        """Take a slot of the spool and start the tasks."""
        await self.spool.start()
        self._totals.start(self.spool.slot)
        self._tasks = [
            asyncio.create_task(watched(work, "collector", self._end))
            for work in (
                self._keep_totals,
                self._keep_blocks,
                self._keep_networks,
                self._keep_forgetting,
                self._keep_connections,
            )
        ]

    async def stop(self) -> None:
        """Write the waiting events, release the slot and write the totals."""
        await self.spool.close()
        self._stopping.set()
        await asyncio.gather(*self._tasks)
        await self._write_totals()

    async def _keep_totals(self) -> None:
        await self._every(TOTALS_SECONDS, self._write_totals)

    async def _keep_blocks(self) -> None:
        # In a thread: a slow disk must not delay a hit.
        await self._every(READ_SECONDS, lambda: asyncio.to_thread(self._blocks.refresh))

    async def _keep_networks(self) -> None:
        await self._every(LOOK_SECONDS, self._look_at_networks)

    async def _look_at_networks(self) -> None:
        if await asyncio.to_thread(self.tables.networks.refresh):
            self.tables.forget_clients()

    async def _every(self, seconds: float, work: Callable[[], Coroutine[object, object, None]]) -> None:
        while not self._stopping.is_set():
            try:
                await asyncio.wait_for(self._stopping.wait(), seconds)
            except TimeoutError:
                await work()

    async def _write_totals(self) -> None:
        self._tell_page_faults(asyncio.get_running_loop().time())
        await asyncio.to_thread(self._totals.write, self._read_totals())

    def _tell_page_faults(self, now: float) -> None:
        """Log at most once in `PAGE_FAULTS_SECONDS` the number of events without page because of errors of ours."""
        if now < self._tell_page_faults_at or self._page_faults == self._page_faults_told:
            return
        kinds = Counter[str]()
        for site in self.tables.sites.values():
            kinds.update(site.pages.faults)
        told = ", ".join(kind for kind, _ in kinds.most_common(3))
        log.error("%d events have /* for a page that could not be read: unforeseen %s", self._page_faults, told)
        self._page_faults_told, self._tell_page_faults_at = self._page_faults, now + PAGE_FAULTS_SECONDS

    def read_query(self, raw: bytes) -> Query:
        """Return the event of a query without its nonce, cached for minutes."""
        return self._queries[raw] if len(raw) <= LONGEST_CACHED_QUERY else read_query(raw)

    async def _keep_connections(self) -> None:
        await self._every(IDLE_SECONDS, self._close_idle_connections)

    async def _close_idle_connections(self) -> None:
        self.connections.close_idle()

    async def _keep_forgetting(self) -> None:
        await self._every(FORGET_SECONDS, self._forget)

    async def _forget(self) -> None:
        self._queries.turn()
        self.tables.forget(now_ms=now_ms())
        # In a thread: 50,000 pages take a tenth of a second.
        self.tables.learn(await asyncio.to_thread(self.tables.changed_pages))


def _unforeseen(error: Exception) -> Refused:
    # Type and place only: the text of an exception, and so a traceback, may quote a visitor.
    log.error("unforeseen %s", type_and_place(error))
    return Refused(Reason.INTERNAL)
