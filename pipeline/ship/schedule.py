"""What `ship` does beside shipping, now and then.

Owns the list `JOBS` and when each is due. Rules: a job may run at any time and twice (each start of `ship` runs all of
them once); one that fails is logged and tried again, and never stops the shipping.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pipeline.durations import DAY_SECONDS, HOUR_SECONDS
from pipeline.errors import Fatal, Retryable
from pipeline.settings import Settings
from pipeline.ship.key_jobs import copy_audit, destroy_expired_keys, print_audit_head
from pipeline.ship.retention import end_expired
from pipeline.ship.rollup import count_late_hours, count_recent_hours
from pipeline.spool.segments import QUARANTINE, listing
from pipeline.subjects.erasure import finish_erasures
from pipeline.subjects.rows import hold_blocked_rows

ERASURE_SECONDS = 600
RETRY_SECONDS = 300

log = logging.getLogger(__name__)


class Job(NamedTuple):
    """A piece of work to be done every so many seconds; may raise `Retryable`, `Fatal` or `OSError`."""

    name: str
    every_seconds: int
    run: Callable[[Settings], None]


def drop_old_quarantine(settings: Settings) -> None:
    """Remove what was quarantined longer ago than `retention.quarantine_days`: it may hold raw user agents."""
    limit = time.time() - settings.retention.quarantine_days * DAY_SECONDS
    aside = settings.spool_dir / QUARANTINE
    suspects = [segment.path for segment in listing(settings.spool_dir) if segment.state == "suspect"]
    for path in [*suspects, *(aside.iterdir() if aside.is_dir() else ())]:
        if path.stat().st_mtime < limit:
            path.unlink()
            log.info("quarantine: %s is older than %d days and gone", path.name, settings.retention.quarantine_days)


JOBS: list[Job] = [
    Job("drop old quarantine", DAY_SECONDS, drop_old_quarantine),
    Job("destroy expired keys", HOUR_SECONDS, destroy_expired_keys),  # hourly, so that a key ends with its last day
    Job("count recent hours", HOUR_SECONDS, count_recent_hours),
    Job("count late hours", DAY_SECONDS, count_late_hours),
    Job("hold the rows of open blocks", DAY_SECONDS, hold_blocked_rows),
    Job("end what is past its term", DAY_SECONDS, end_expired),  # after the rows of blocks were held
    Job("finish erasures", ERASURE_SECONDS, finish_erasures),
    Job("copy the audit", HOUR_SECONDS, copy_audit),
    Job("print the head of the audit", DAY_SECONDS, print_audit_head),
]
"""Everything `ship` does beside shipping."""


class Timetable:
    """Says which jobs are due."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._due = dict.fromkeys(jobs, 0.0)

    def run_due(self, settings: Settings, now: float) -> None:
        """Run what is due at `now`, seconds of a clock that never goes back."""
        for job, due in self._due.items():
            if now < due:
                continue
            try:
                job.run(settings)
            except (Retryable, Fatal, OSError) as error:
                # One line and no traceback: the message says what to do.
                log.error("job '%s' failed: %s; again in %d s", job.name, error, RETRY_SECONDS)  # noqa: TRY400
                self._due[job] = now + RETRY_SECONDS
            else:
                self._due[job] = now + job.every_seconds
