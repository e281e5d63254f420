"""The job of `ship` that publishes the numbers of closed hours and days, and the wait of `publish` for the spool.

Owns the knowledge up to which time everything in the spool is stored. It needs no time in the spool's files: a list of the segments is
made, and once none of them is left, everything received before the list is stored.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from pipeline.errors import Fatal, PixelError, type_and_place
from pipeline.publish.publisher import Publisher
from pipeline.settings.model import Settings
from pipeline.spool.segments import listing
from pipeline.system import locks

PUBLISH_SECONDS: Final = 15
"""Between two looks; a span is published when it did not change between two looks."""
REST: Final = 100
"""A look that found nothing rests so many times as long as it took: looking takes at most 1 % of the time."""
LONGEST_REST: Final = 300.0
MARGIN: Final = timedelta(minutes=2)
"""Between the time of an event and the end of its write into the spool."""
QUICK_TRIES: Final = 4
"""After a start the views may not be there yet: so many failed runs rest for the shortest time, then the rest doubles."""
LONGEST_FAILED_REST: Final = 3600.0
LONGEST_WAIT: Final = timedelta(hours=1)
"""A segment that cannot be shipped for so long no longer delays the numbers; its events count as late."""
PATIENCE_SECONDS: Final = 30.0
"""The longest wait of a person for the segments of the spool: `ship` stores one a few seconds after its first event."""
SPOOL_SECONDS: Final = 0.2
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)

log = logging.getLogger(__name__)

Others = Callable[[], datetime | None]
"""Tells before which time other hosts have stored everything, None without other hosts."""


def nobody_else() -> None:
    """Tell that there are no other hosts."""


class Passed:
    """The time before which everything that was received is stored; `left` is the number of segments that it waits for."""

    def __init__(self, spool: Path, others: Others = nobody_else) -> None:
        self.left = 0
        self._spool = spool
        self._others = others
        self._listed: datetime | None = None
        self._waiting: frozenset[tuple[str, int]] = frozenset()
        self._passed: datetime | None = None

    def look(self, now: datetime) -> datetime | None:
        """Return that time (UTC), never later than `MARGIN` ago; None until the segments of the first look are shipped, here and on other hosts.

        When the clock goes back, the looks begin again: what is received next may be older than the segments that were seen.
        """
        if self._listed is not None and now < self._listed:
            self._listed = self._passed = None
        here = frozenset(
            (each.writer, each.seq) for each in listing(self._spool) if each.size and each.state != "suspect"
        )
        if self._listed is None or not self._waiting & here or now - self._listed > LONGEST_WAIT:
            if self._listed is not None:
                self._passed = self._listed - MARGIN
            self._listed, self._waiting = now, here
        self.left = len(self._waiting & here)
        others = self._others()
        if self._passed is None or others is None:
            return self._passed
        return min(self._passed, others) if others > _NEVER else None


class StoredHere:
    """Tells other hosts before which time everything that this one received is stored; keeps the last look."""

    def __init__(self) -> None:
        self._passed: Passed | None = None

    def look(self, settings: Settings) -> datetime | None:
        """Return that time, or None as long as it is not known."""
        self._passed = self._passed or Passed(settings.spool_dir)
        return self._passed.look(datetime.now(UTC))


def passed_now(spool: Path) -> datetime:
    """Return that time as soon as all segments of now are shipped; raises `Fatal` when they are not after `PATIENCE_SECONDS`."""
    passed, until = Passed(spool), monotonic() + PATIENCE_SECONDS
    passed.look(datetime.now(UTC))
    while (found := passed.look(datetime.now(UTC))) is None:
        if monotonic() >= until:
            raise Fatal(
                f"segments of the spool that are not stored yet: {passed.left}. Without them an hour or a day would be incomplete. Is"
                " `ship` running? Run this again once they are stored (`clinic-pixel spool status`)"
            )
        sleep(SPOOL_SECONDS)
    return found


class Publishing:
    """Publishes what is due at each run; keeps the last look, and how often it failed since the last good run."""

    def __init__(self, others: Others = nobody_else) -> None:
        self._others = others
        self._made: tuple[Passed, Publisher] | None = None
        self._rests_until = 0.0
        self._failures = 0
        self._failure = ""

    def __call__(self, settings: Settings) -> None:
        """Publish the closed spans; raises `Retryable` when ClickHouse is unavailable, `Fatal` when it refuses.

        Between two failed runs it does nothing and raises the last error again, so that the job is still shown as failed.
        """
        if not settings.ship.publish:
            return
        passed, publisher = self._made = self._made or (Passed(settings.spool_dir, self._others), Publisher(settings))
        now, began = datetime.now(UTC), monotonic()
        until = passed.look(now)
        if began < self._rests_until:
            if self._failure:
                raise Fatal(self._failure)
            return
        if until is None:
            return
        try:
            number = publisher.run(until, now)
        except locks.Held:
            return  # `clinic-pixel publish` does the same work right now
        except Exception as error:
            self._failures += 1
            self._failure = str(error) if isinstance(error, PixelError) else f"unforeseen {type_and_place(error)}"
            doublings = max(0, self._failures - QUICK_TRIES)
            self._rests_until = monotonic() + min(LONGEST_FAILED_REST, PUBLISH_SECONDS * 2.0**doublings)
            raise
        self._failures, self._failure = 0, ""
        if number:
            log.info("published the numbers of %d spans", number)
        else:
            self._rests_until = monotonic() + min(LONGEST_REST, (monotonic() - began) * REST)
