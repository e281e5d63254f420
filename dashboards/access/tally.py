"""The counter of refusals and failures by reason: a flood shows in the log, and does not fill the disk.

Owns the counts, in memory alone. Rule: a line of the log has the reason and its number, never a word of what a browser sent.
"""

from __future__ import annotations

import logging
from collections import Counter
from threading import Lock

log = logging.getLogger(__name__)


class Tally:
    """The counts by reason."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._lock = Lock()

    def count(self, reason: str, told: str = "") -> None:
        """Count a reason; the 1st, 2nd, 4th, 8th ... time is logged, with what we tell of it ourselves."""
        with self._lock:
            self.counts[reason] += 1
            number = self.counts[reason]
        if number & (number - 1) == 0:
            log.warning("%s: %d requests%s", reason, number, f" ({told})" if told else "")
