"""The loop of `clinic-pixel ship`: spool -> rows -> ClickHouse, and the jobs beside it.

Owns the order of work and the two threads. Theory of operation:

* The main thread looks for sealed segments, makes a plan of the oldest and builds its rows; a second thread delivers. One
  plan is built while the one before it is delivered, so at most two are in memory, each at most `PLAN_BYTES` of spool.
* A backlog is delivered oldest first, but every `LIVE_TURN`th plan takes the newest segments, so that after an outage the
  reports show new events before the backlog is delivered.
* The delivery thread waits after an error; key destruction and the other jobs continue meanwhile.
* A stop needs no special code: a batch in flight gets a moment to finish, otherwise it is left as after a crash.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from pipeline.clock import now_ms
from pipeline.delivery.build import Shipment, ToRow, build, nothing
from pipeline.delivery.exactly_once import Delivery
from pipeline.delivery.journal import Journal
from pipeline.delivery.journal_entries import Finished, OpenPlan, Stuck
from pipeline.delivery.plan import Plan
from pipeline.delivery.segment_numbers import SegmentNumbers
from pipeline.delivery.store import ClickHouseStore, Store
from pipeline.enrich.rows import Row, TechnicalRow
from pipeline.enrich.steps import EnrichTables, enrich
from pipeline.enrich.technical import enrich_measurement
from pipeline.errors import Retryable
from pipeline.event import Event, Measurement
from pipeline.hosts.host import name_of
from pipeline.networks.loaded_file import LOOK_SECONDS
from pipeline.reasons import RejectReason
from pipeline.settings.model import Settings
from pipeline.ship.delivery_thread import Carrier
from pipeline.ship.schedule import Job, JobThread, all_jobs
from pipeline.ship.shared_values import SharedValues
from pipeline.ship.status import ShipStatus, State, status_path, write_status
from pipeline.spool.records import read
from pipeline.spool.recovery import Recovery, recover_orphans
from pipeline.spool.segments import Segment, listing, sealed
from pipeline.subjects.erasure import ErasureList
from pipeline.system.faults import EXIT_UNFORESEEN
from pipeline.upgrades import stamp

PLAN_BYTES = 16 * 1024 * 1024
"""Spool bytes in one plan, unless its first segment alone is larger; about 30,000 events."""
HEAD_BYTES = 4096
"""The first bytes of a segment, which identify it: they hold the random identities of its first events."""
LIVE_TURN = 4
STOP_SECONDS = 1.0
"""The time that a stop waits for batches in flight; `up` gives each process little more."""
STATUS_SECONDS = 1.0
ORPHAN_SECONDS = 5.0
VALUES_SECONDS = 60.0

log = logging.getLogger(__name__)


class Worker:
    """One `ship`."""

    def __init__(
        self,
        settings: Settings,
        *,
        stop: threading.Event,
        store: Store | None = None,
        jobs: Sequence[Sequence[Job]] | None = None,
        plan_bytes: int = PLAN_BYTES,
    ) -> None:
        self.status = ShipStatus(os.getpid())
        self._settings = settings
        self._spool = settings.spool_dir
        self._stop = stop
        self._store = store or ClickHouseStore(settings)
        self._jobs = [JobThread(some, settings, stop) for some in (all_jobs() if jobs is None else jobs)]
        self._carrier: Carrier | None = None
        self._numbers: SegmentNumbers | None = None
        self._shared = SharedValues(settings)
        self._tables: EnrichTables | None = None
        self._unreadable: set[str] = set()
        self._faults: set[str] = set()
        self._plan_bytes = plan_bytes
        self._turn = 0
        self._status_due = self._orphans_due = self._values_due = self._tables_due = 0.0

    def run(self, *, until_empty: bool = False) -> None:
        """Ship until a stop is requested, or with `until_empty` until no sealed segment is left.

        Raises `Fatal` when another worker holds the journal or the settings name a missing file.
        """
        stamp.claim(self._settings)
        self._spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._tables = EnrichTables.load(self._settings)
        journal = Journal(self._settings.journal_dir)
        without_erased = ErasureList(self._settings).without
        self._numbers = SegmentNumbers(self._settings.journal_dir)
        delivery = Delivery(self._store, journal, self._spool, without_erased=without_erased, numbers=self._numbers)

        for jobs in self._jobs:
            jobs.start()
        for known in self._left_open(journal):
            self._ship(nothing(known.plan) if known.finished else self._build(known.plan), delivery)
        while not self._stop.is_set():
            self._keep_house()
            if (plan := self._next_plan()) is not None:
                self._ship(self._build(plan), delivery)
            elif self._carrier is not None:
                self._wait_for_carrier()
            elif until_empty:
                self._wait_for_the_first_jobs()
                break
            else:
                self._stop.wait(self._settings.ship.poll_seconds)
        self._end(journal)

    def _left_open(self, journal: Journal) -> list[OpenPlan]:
        """Return the open plans of an earlier worker; a plan that cannot be built again is given up."""
        for known in journal.open_plans():
            missing = [name for name in known.plan.segments if not (self._spool / name).exists()]
            if missing and not known.finished:
                log.error(
                    "%s is missing before all its rows were stored; the plan's segments go to quarantine", missing[0]
                )
                journal.write(Stuck(known.plan.id, "missing", 0), Finished(known.plan.id))
        return journal.open_plans()

    def _build(self, plan: Plan) -> Shipment | None:
        try:
            shipment = build(plan, lambda name: read(self._spool / name), self._to_row())
        except OSError as error:
            # The segments are skipped until the next start: one unreadable file must not delay all others.
            self._unreadable.update(plan.segments)
            log.error("segments %s cannot be read: %s", ", ".join(plan.segments), error.strerror)  # noqa: TRY400
            self.status.error = f"{len(self._unreadable)} segments cannot be read: {error.strerror}"
            return None
        for fault in sorted(shipment.faults - self._faults):
            log.error("records are rejected as %s: unforeseen %s", RejectReason.ENRICHMENT_FAILED, fault)
        self._faults |= shipment.faults
        return shipment

    def _to_row(self) -> ToRow:
        """Return the enrichment with the tables in force; one plan sees one state of the look-up files."""
        tables = self._tables = self._tables or EnrichTables.load(self._settings)
        machine = name_of(self._settings)

        def to_row(record: Event | Measurement, batch_id: str, slot: str) -> Row | TechnicalRow:
            if isinstance(record, Event):
                return self._shared.event(enrich(record, tables, batch_id, f"{machine}-{slot}"))
            return self._shared.measurement(enrich_measurement(record, tables, batch_id))

        return to_row

    def _next_plan(self) -> Plan | None:
        taken = self._carrier.plan.segments if self._carrier else ()
        ignored = self._unreadable.union(taken)
        waiting = [segment for segment in sealed(self._spool) if segment.path.name not in ignored]
        if not waiting:
            return None
        self._turn += 1
        newest_first = self._turn % LIVE_TURN == 0
        chosen = _fill(list(reversed(waiting)) if newest_first else waiting, self._plan_bytes)
        heads: dict[str, bytes] = {}
        for segment in sorted(chosen, key=waiting.index):
            heads[segment.path.name] = self._head(segment)
        return Plan.of(heads, self._settings.ship.batch_rows, now_ms(), self._settings.clickhouse.shards)

    def _head(self, segment: Segment) -> bytes:
        try:
            with segment.path.open("rb") as stream:
                return stream.read(HEAD_BYTES)
        except OSError:
            return b""  # `_build` gets the same error and handles it

    def _ship(self, shipment: Shipment | None, delivery: Delivery) -> None:
        self._wait_for_carrier()
        if shipment is not None and not self._stop.is_set():
            self._carrier = Carrier(shipment, delivery, self.status, self._stop, self._settings.ship.retry_seconds)
            self._carrier.start()

    def _wait_for_carrier(self) -> None:
        """Wait until the plan in flight is delivered, or a stop is requested."""
        while self._carrier is not None:
            self._join_carrier(self._settings.ship.poll_seconds)
            if self._carrier is not None:
                if self._stop.is_set():
                    return
                self._keep_house()

    def _join_carrier(self, seconds: float) -> None:
        """Wait at most `seconds` for the plan in flight, and drop it when it is delivered."""
        if self._carrier is None:
            return
        self._carrier.join(seconds)
        if not self._carrier.is_alive():
            if not self._carrier.ended:
                raise SystemExit(EXIT_UNFORESEEN)
            self._carrier = None

    def _wait_for_the_first_jobs(self) -> None:
        for jobs in self._jobs:
            while not self._stop.is_set() and not jobs.first_round.wait(self._settings.ship.poll_seconds):
                self._keep_house()

    def _keep_house(self) -> None:
        now = time.monotonic()
        if any(jobs.died for jobs in self._jobs):
            raise SystemExit(EXIT_UNFORESEEN)
        if now >= self._orphans_due:
            self._orphans_due = now + ORPHAN_SECONDS
            try:
                found = recover_orphans(self._spool)
            except OSError as error:
                log.warning("segments of ended collectors cannot be recovered yet: %s", error.strerror)
            else:
                if found != Recovery():
                    log.warning("segments of ended collectors: %s", found)
            self._look_for_gaps()
        if now >= self._values_due:
            self._values_due = now + VALUES_SECONDS
            self._save_values()
        if now >= self._tables_due and self._tables is not None:
            self._tables_due = now + LOOK_SECONDS
            self._tables = self._tables.renewed()
        if now >= self._status_due:
            self._status_due = now + STATUS_SECONDS
            self._tell(self.status.state if self.status.tries else "shipping" if self._carrier else "idle")

    def leave_last_words(self, error: str) -> None:
        """Write the error that ends the process into the status, for `doctor`."""
        self.status.error, self.status.error_ms = error, now_ms()
        with suppress(OSError):
            self._write_status("stopped")

    def _look_for_gaps(self) -> None:
        if self._numbers is None:
            return
        try:
            vanished = self._numbers.look_for_gaps(listing(self._spool))
        except (Retryable, OSError) as error:
            log.warning("the numbers of segments are not checked now: %s", error)
            return
        if vanished:
            log.error("%s vanished from the spool before being shipped: the events are lost", ", ".join(vanished))
        self.status.lost_segments = self._numbers.lost

    def _save_values(self) -> None:
        try:
            self._shared.save()
        except OSError as error:
            log.warning("the counts of shared values cannot be written: %s", error.strerror)

    def _end(self, journal: Journal) -> None:
        self._save_values()
        self._join_carrier(STOP_SECONDS)
        if self._carrier is None:
            journal.close()
        else:
            # The thread may still write: the journal stays locked until the process ends.
            log.warning("stopped while a batch was in flight; the next `ship` continues it")
        self._tell("stopped")

    def _tell(self, state: State) -> None:
        try:
            self._write_status(state)
        except OSError as error:
            log.warning("the status file cannot be written: %s", error.strerror)

    def _write_status(self, state: State) -> None:
        self.status.state, self.status.at_ms = state, now_ms()
        self.status.failed_jobs = {name: error for jobs in self._jobs for name, error in jobs.failed.items()}
        if self._tables is not None and self._tables.files is not None:
            self.status.loaded_files = self._tables.files.loaded
            self.status.refused_files = self._tables.files.refused
        pending = sealed(self._spool)
        self.status.pending_segments = len(pending)
        self.status.pending_bytes = sum(segment.size for segment in pending)
        self.status.oldest_ms = min((segment.modified_ms for segment in pending), default=0)
        write_status(status_path(self._settings.data), self.status)


def _fill(segments: list[Segment], limit: int) -> list[Segment]:
    """Return the first segments that fit into `limit` bytes, and at least one."""
    size, number = 0, 0
    while number < len(segments) and (number == 0 or size + segments[number].size <= limit):
        size += segments[number].size
        number += 1
    return segments[:number]
