"""What one collector process holds from start to stop: keys, tables, counters, spool.

Owns the way of a hit through them and its counting: each hit is offered once and ends either spooled or refused with
one reason. No exception of ours becomes a 500: what is not foreseen is counted as `internal`, answered 503 and logged
by its type and place, never by its text.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from traceback import extract_tb
from typing import TypeVar

from collector.http.request import Replay
from collector.metrics import Totals, TotalsFile, summed
from pipeline.clock import now_ms
from pipeline.durations import DAY_MS
from pipeline.edge.blocks import BlockList
from pipeline.edge.steps import EdgeResult, Flooded, day_of, run_edge
from pipeline.edge.tables import EdgeTables
from pipeline.edge.technical import RawSignal, run_technical_edge
from pipeline.errors import Reason, Refused
from pipeline.event import Hit, TechnicalSignal
from pipeline.keys.directory import KeyDirectory
from pipeline.keys.ring import Keyring
from pipeline.settings import Settings
from pipeline.spool.append import Spool
from pipeline.spool.counters import EdgeCounters
from pipeline.system.secrets import read_or_make_secret

log = logging.getLogger("clinic_pixel.collector")

EARLIEST_MS = 1_767_225_600_000
"""2026-01-01: a clock before the day this was written is wrong, and an event that old would be deleted by retention
as soon as it was stored; so it is not taken at all."""

_T = TypeVar("_T")


def open_keyring(settings: Settings) -> Keyring:
    """Return the collector's keys; raises `Fatal` naming what is unsafe about their directory."""
    return Keyring(
        KeyDirectory.of(settings),
        may_mint=settings.collector.mint_keys,
        retention_days=settings.retention.keys_days,
    )


class Process:
    """The shared parts of one collector process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.counters = EdgeCounters()
        self.keys = open_keyring(settings)
        self.tables = EdgeTables.load(settings, self.keys, os.urandom, BlockList(settings.blocks_dir, self.keys.files))
        self.trusted = self.tables.trusted
        self.spool = Spool(
            settings.spool_dir,
            settings.spool,
            durability=settings.collector.durability,
            counters=self.counters,
            clock_ms=now_ms,
        )
        self._ticket = read_or_make_secret(settings.secrets_dir / "replay.ticket")
        self._totals = TotalsFile(settings.run_dir)

    @property
    def replay(self) -> Replay:
        """Who may replay, and from when on."""
        return Replay(self._ticket, now_ms() - (self.settings.retention.keys_days - 1) * DAY_MS)

    def not_ready(self) -> str:
        """Return what keeps this process from accepting hits, '' when nothing does."""
        moment = now_ms()
        if moment < EARLIEST_MS:
            return "the clock stands before 2026: set it right"
        today = day_of(moment)
        if not self.spool.ready:
            return "the spool takes no events: see `clinic-pixel spool status`"
        if self.keys.day(today, today=today) is None or self.keys.visitor_key(today, today=today) is None:
            return self.keys.problem
        return ""

    def take(self, read: Callable[[int], Hit]) -> EdgeResult:
        """Read one hit (`read` gets Unix milliseconds) and take it through the edge; raises `Refused`, counted."""
        result = self.guarded(lambda moment: run_edge(read(moment), self.tables, now_ms=moment))
        self.counters.add("offered", now_ms=now_ms(), value=len(result.events))
        return result

    def take_report(self, hit: Hit, release: str, signals: Sequence[RawSignal]) -> tuple[TechnicalSignal, ...]:
        """Take one report of technical signals through its steps; raises `Refused`, counted."""
        taken = self.guarded(lambda moment: run_technical_edge(hit, release, signals, self.tables, now_ms=moment))
        self.counters.add("offered", now_ms=now_ms(), value=len(taken))
        return taken

    def guarded(self, work: Callable[[int], _T]) -> _T:
        """Return what `work` (given Unix milliseconds) returns; what it raises becomes `Refused` and is counted once."""
        moment = now_ms()
        try:
            if moment < EARLIEST_MS:
                raise Refused(Reason.BAD_CLOCK)  # noqa: TRY301 - counted below like every refusal
            return work(moment)
        except Flooded as flooded:
            facts = flooded.network
            self.counters.add("flood", now_ms=moment, net_class=facts.net_class, country=facts.country, asn=facts.asn)
            self.refuse(flooded.reason)
            raise
        except Refused as refused:
            self.refuse(refused.reason)
            raise
        except Exception as error:  # noqa: BLE001 - the edge never answers 500; counted and logged without its text
            self.refuse(Reason.INTERNAL)
            place = extract_tb(error.__traceback__)[-1]
            log.error(  # noqa: TRY400 - a traceback prints the exception's text
                "unforeseen %s at %s:%s", type(error).__name__, Path(place.filename).name, place.lineno
            )
            raise Refused(Reason.INTERNAL) from None

    def refuse(self, reason: Reason) -> None:
        """Count one hit that is turned away before it became events."""
        moment = now_ms()
        self.counters.add("offered", now_ms=moment)
        self.counters.add("refused", now_ms=moment, reason=reason.value)

    def _read_totals(self) -> Totals:
        totals = summed(self.counters.totals())
        totals["private_clients", "", ""] = self.tables.networks.private_clients
        return totals

    async def start(self) -> None:
        """Take a slot of the spool and begin."""
        await self.spool.start()
        self._totals.start(self.spool.slot, self._read_totals)

    async def stop(self) -> None:
        """Commit what is gathered and give the slot back."""
        await self.spool.close()
        self._totals.stop()
