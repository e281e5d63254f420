"""Exactly once: stores a batch in ClickHouse although either side may be killed at any moment.

Owns the protocol of a plan. Theory of operation:

* ClickHouse drops a second copy of a block that comes with a token it has logged. It logs the token *before* the part
  is in place, so a kill between the two poisons the token: every retry answers OK and the rows never appear. A token
  alone is therefore not exactly once; delivery trusts only a count of the rows with the batch's identity.
* So: write `Intent` to the disk, insert with the token `batch/generation`, count, write `Done` to the disk. When every batch
  of a plan has its outcome: write `Finished`, remove the segments, write `Closed`.
* After an error, a timeout or a killed process the batch is *uncertain*. The next try counts first. All rows are there:
  done. No row is there: send **with the same token** until ClickHouse answers OK, because a first copy may still be in a
  buffer, and only the same token lets ClickHouse drop it when it arrives. No row is there even after an OK: the token is
  poisoned, and the next generation begins. Some rows but not all cannot happen with one part per batch: the batch is left
  as it is and its segments are kept.
* A person may be erased at any moment: each insert and each count leaves out the persons on the list of erasures. So a
  count below the number of sent rows is correct where some of them were erased, and an erased row is never sent again.
* There is no other retry: errors are raised, and the caller starts the plan again. Finished steps are in the journal and are
  skipped.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from pipeline.delivery.build import Shipment
from pipeline.delivery.journal import Journal
from pipeline.delivery.journal_entries import Begun, Closed, Done, Finished, Intent, Split, Stuck, Unstorable
from pipeline.delivery.plan import Batch, Plan, counter_batches, reject_batches
from pipeline.delivery.segment_numbers import SegmentNumbers
from pipeline.delivery.store import Poisoned, Store
from pipeline.delivery.tally import Bin, CountKey, Reject, reject_of_row, ship_counts, split_bins
from pipeline.errors import Fatal
from pipeline.reasons import QuarantineReason, RejectReason
from pipeline.spool.disposal import retire, set_bad_lines_aside
from pipeline.system.durable_files import LOCAL_FILES, FileSystem

MOST_REFUSED = 100
"""If the table refuses more rows of one plan, the error is assumed in the table and not in the rows."""
LAST_GENERATION = 9
"""After ten accepted inserts without a visible row, ClickHouse drops the rows, for example past the TTL: give up."""

Settled = Done | Split | Unstorable | Stuck
log = logging.getLogger(__name__)


class Account:
    """The outcomes of the records of one plan, so far."""

    def __init__(self, shipment: Shipment) -> None:
        self.rejects: list[Reject] = list(shipment.rejects)
        self._counts: Counter[CountKey] = shipment.counts.copy()
        self.refused = 0

    def settle(self, batch: Batch, kept: Batch, seen: int) -> None:
        """Record that `seen` rows of a batch are stored; `kept` is the batch without the rows of erased persons.

        Other rows, if any, are counted as quarantined.
        """
        if seen <= kept.rows:
            stored, left = split_bins(kept.row_bins, seen)
            erased = Counter[Bin]() if kept is batch else Counter(batch.row_bins) - Counter(kept.row_bins)
        else:
            (stored, erased), left = split_bins(batch.row_bins, seen), Counter[Bin]()
        self._counts.update(ship_counts(stored, "stored"))
        self._counts.update(ship_counts(left, "quarantined", QuarantineReason.STUCK))
        self._counts.update(ship_counts(erased, "rejected", RejectReason.ERASED))

    def refuse(self, batch: Batch) -> None:
        """Record that the table refuses the only row of a batch."""
        self.refused += 1
        self.rejects.append(reject_of_row(batch.first(), batch.row_bins[0], RejectReason.REFUSED_BY_TABLE))

    def counts(self) -> Counter[CountKey]:
        """Return the collectors' counts and the worker's own."""
        counts = self._counts.copy()
        for reject in self.rejects:
            counts.update(ship_counts(Counter([reject.bin]), "rejected", reject.reason))
        return counts


class Delivery:
    """Carries plans into a store, one at a time, in the thread that owns the store."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        spool: Path,
        files: FileSystem = LOCAL_FILES,
        without_erased: Callable[[Batch], Batch] = lambda batch: batch,
        numbers: SegmentNumbers | None = None,
    ) -> None:
        self._numbers = numbers
        self._files = files
        self._without_erased = without_erased
        self._store = store
        self._journal = journal
        self._spool = spool
        self.progress = 0
        """Grows with every batch that got its outcome, so that the caller can distinguish slow progress from none."""

    def deliver(self, shipment: Shipment) -> Counter[CountKey]:
        """Deliver a whole plan and return its counts; may be called again after any error, also in another process.

        Raises `Retryable` when the outcome of a step is unknown, `Fatal` when a person has to act first.
        """
        with self._journal.one_try():
            return self._deliver(shipment)

    def _deliver(self, shipment: Shipment) -> Counter[CountKey]:
        plan = shipment.plan
        if not self._journal.knows(plan):
            self._journal.write(Begun(plan))
        account = Account(shipment)
        if not self._journal.state(plan).finished:
            for batch in shipment.batches:
                self._carry(plan, batch, account)
            for batch in reject_batches(plan, account.rejects):
                self._settle(plan, batch)
            for batch in counter_batches(plan, account.counts()):
                self._settle(plan, batch)
            set_bad_lines_aside(self._spool, shipment.bad_lines, self._files)
            self._journal.write(Finished(plan.id))
        if self._numbers is not None:
            self._numbers.account_for(plan.segments)
        retire(self._spool, plan.segments, keep=self._journal.state(plan).stuck, files=self._files)
        self._journal.write(Closed(plan.id))
        return account.counts()

    def _carry(self, plan: Plan, batch: Batch, account: Account) -> None:
        match self._settle(plan, batch):
            case Done(rows=rows) | Stuck(rows=rows):
                account.settle(batch, self._without_erased(batch), rows)
            case Split():
                for half in batch.halves():
                    self._carry(plan, half, account)
            case Unstorable():
                account.refuse(batch)
                if account.refused > MOST_REFUSED:
                    raise Fatal(
                        f"pixel.{batch.table} refused {account.refused} rows of one plan; do schema and version match?"
                    )

    def _settle(self, plan: Plan, batch: Batch) -> Settled:
        """Return the batch's outcome, after it is journalled."""
        last = self._journal.last(plan, batch.id)
        if last is None and self._without_erased(batch).rows == 0:
            return Done(plan.id, batch.id, 0)
        if last is not None and not isinstance(last, Intent):
            return last
        outcome = self._found(plan, batch, last) or self._send(plan, batch, last)
        self._journal.write(outcome)
        self.progress += 1
        return outcome

    def _send(self, plan: Plan, batch: Batch, last: Intent | None) -> Settled:
        intent = last
        while True:
            kept = self._without_erased(batch)
            if kept.rows == 0:
                return Done(plan.id, batch.id, 0)
            if intent is None:
                intent = Intent(plan.id, batch.id, 0, kept.rows)
            if intent is not last:
                self._journal.write(intent)
            try:
                self._store.insert(kept, f"{batch.id}/{intent.generation}")
            except Poisoned as poisoned:
                return self._divide(plan, batch, poisoned)
            outcome = self._found(plan, batch, intent)
            if outcome is not None:
                return outcome
            if intent.generation == LAST_GENERATION and batch.table == "rejects":
                log.warning("batch %s: rejects past their term were not stored", batch.id)
                return Done(plan.id, batch.id, 0)
            if intent.generation == LAST_GENERATION:
                log.error(
                    "batch %s: accepted %d times and never visible; its segments are kept",
                    batch.id,
                    LAST_GENERATION + 1,
                )
                return Stuck(plan.id, batch.id, 0)
            log.warning("batch %s: its token was lost with a killed server; it is sent with the next token", batch.id)
            intent = Intent(plan.id, batch.id, intent.generation + 1, kept.rows)

    def _found(self, plan: Plan, batch: Batch, intent: Intent | None) -> Done | Stuck | None:
        """Return the outcome when rows of the batch are there; None when none are."""
        seen = self._store.count(batch)
        kept = self._without_erased(batch)  # read after the count: now the list has every person the count missed
        # A newer version may make another number of rows of the same records: the number sent first is correct, too.
        expected = {kept.rows, intent.rows} if intent else {kept.rows}
        if seen == 0 and kept.rows:
            return None
        if seen in expected or (kept.rows < batch.rows and kept.rows <= seen <= batch.rows):
            return Done(plan.id, batch.id, seen)
        log.error(
            "batch %s: %d rows are stored instead of %d; its segments are kept in quarantine",
            batch.id,
            seen,
            kept.rows,
        )
        return Stuck(plan.id, batch.id, seen)

    def _divide(self, plan: Plan, batch: Batch, poisoned: Poisoned) -> Split | Unstorable:
        if batch.table in ("rejects", "counters"):
            raise Fatal(f"pixel.{batch.table} refuses our own rows with error {poisoned.number}; is `migrate` needed?")
        if batch.rows > 1:
            return Split(plan.id, batch.id)
        log.error("pixel.%s refuses a row with error %d; it is rejected", batch.table, poisoned.number)
        return Unstorable(plan.id, batch.id)
