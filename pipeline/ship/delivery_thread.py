"""The thread that delivers one plan, however long it takes, and the pauses between its tries.

Owns the pauses. Rules: each pause is longer than the one before and has jitter, so that many workers do not try again at
the same moment; after any progress the pauses are short again; after an error that a person must fix, the next try follows
after the longest pause, so that nothing has to be restarted. The thread is a daemon: a stop does not wait for a database that
hangs, and delivery may be interrupted at any point.
"""

from __future__ import annotations

import logging
import random
import threading
from collections import Counter
from collections.abc import Mapping

from pipeline.clock import now_ms
from pipeline.delivery.build import Shipment
from pipeline.delivery.exactly_once import Delivery
from pipeline.delivery.tally import SHIPPER, CountKey
from pipeline.errors import Fatal, Retryable, type_and_place
from pipeline.ship.status import ShipStatus

FIRST_PAUSE_SECONDS = 0.2

log = logging.getLogger(__name__)


class Carrier(threading.Thread):
    """Delivers one plan; `ended` stays False if an error ended the thread."""

    def __init__(
        self, shipment: Shipment, delivery: Delivery, status: ShipStatus, stop: threading.Event, longest: float
    ) -> None:
        super().__init__(name="delivery", daemon=True)
        self.plan = shipment.plan
        self.ended = False
        self._shipment = shipment
        self._delivery = delivery
        self._status = status
        self._stop_asked = stop
        self._longest = longest

    def run(self) -> None:
        """Try until the plan is delivered or a stop is requested; log an unforeseen error."""
        try:
            self._deliver()
        except Exception as error:  # noqa: BLE001 - the top of a thread: the worker sees that `ended` is False
            log.error("the delivery thread ended: unforeseen %s", type_and_place(error))  # noqa: TRY400
        else:
            self.ended = True

    def _deliver(self) -> None:
        progress = self._delivery.progress
        while not self._stop_asked.is_set():
            try:
                counts = self._delivery.deliver(self._shipment)
            except (Retryable, Fatal) as error:
                if self._delivery.progress > progress:
                    progress, self._status.tries = self._delivery.progress, 0
                self._stop_asked.wait(self._pause_after(error))
                continue
            if self._status.tries:
                log.warning("delivered after %d failed tries", self._status.tries)
            self._status.tries, self._status.shipped_ms = 0, now_ms()
            self._status.plans += 1
            self._count(counts)
            break

    def _count(self, counts: Mapping[CountKey, int]) -> None:
        sums = Counter[str]()
        for key, value in counts.items():
            sums[key.name] += value if key.collector == SHIPPER else 0
        self._status.stored += sums["stored"]
        self._status.rejected += sums["rejected"]
        self._status.quarantined += sums["quarantined"]

    def _pause_after(self, error: Retryable | Fatal) -> float:
        status = self._status
        status.tries, status.error, status.error_ms = status.tries + 1, str(error), now_ms()
        lasting = isinstance(error, Fatal)
        status.state = "halted" if lasting else "waiting"
        longest = self._longest if lasting else min(self._longest, FIRST_PAUSE_SECONDS * 2 ** min(status.tries, 20))
        pause = longest * random.uniform(0.5, 1)  # noqa: S311  jitter is no secret
        log.log(logging.ERROR if lasting else logging.WARNING, "%s; try %d in %.1f s", error, status.tries + 1, pause)
        return pause
