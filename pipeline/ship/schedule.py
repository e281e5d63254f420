"""The jobs of `ship` beside shipping, and their threads: `jobs`, and one each for `publish numbers`, `look for problems`, `score` and `report this host`.

Owns the list `JOBS` and the interval of each. Rules: a job may run at any time and twice (each start of `ship` runs all of
them once). A failed job is logged, shown in the status and tried again; it never stops the shipping. A slow job delays
neither a segment nor the status, because jobs run in threads of their own; a backfill that is published for hours delays no
other job.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from pipeline.alerts.send import tell
from pipeline.durations import DAY_SECONDS, HOUR_SECONDS
from pipeline.errors import Fatal, Retryable, type_and_place
from pipeline.fraud.job import SCORE_SECONDS, Scoring
from pipeline.hosts.evaluator import REPORT_SECONDS, Hosts
from pipeline.keys import proven_time
from pipeline.marks.record import note_changes
from pipeline.pages.learn import learn_again
from pipeline.problems.job import EVALUATE_SECONDS, Watching
from pipeline.publish.job import PUBLISH_SECONDS, Publishing, StoredHere
from pipeline.settings.model import Settings
from pipeline.ship.audit_jobs import copy_audit, print_audit_head
from pipeline.ship.key_jobs import compare_keys, destroy_expired_keys
from pipeline.ship.retention import clear_sealed_clicks, drop_expired
from pipeline.ship.rollup import count_late_hours, count_recent_hours
from pipeline.spool.segments import QUARANTINE, listing
from pipeline.subjects.erasure import finish_erasures
from pipeline.subjects.rows import hold_blocked_rows

ERASURE_SECONDS = 600
MARKS_SECONDS = 300
RETRY_SECONDS = 300
LOOK_SECONDS = 1.0

log = logging.getLogger(__name__)


class DoneElsewhere(Exception):
    """Another host does this work now; it is asked for again soon, because that host may end."""


class Job(NamedTuple):
    """A function that runs every `every_seconds`; its error is logged and the job is tried again after `retry_seconds`.

    A job `for_all` is done by one host for all hosts of a database (`pipeline.hosts.evaluator`).
    """

    name: str
    every_seconds: int
    run: Callable[[Settings], None]
    retry_seconds: int = RETRY_SECONDS
    for_all: bool = False

    def where(self, hosts: Hosts) -> Job:
        """Return the job that raises `DoneElsewhere` on a host that leaves this work to another one, and notes its successes for the others."""
        if not self.for_all:
            return self

        def run(settings: Settings) -> None:
            if not hosts.evaluates(settings):
                raise DoneElsewhere
            self.run(settings)
            if self.every_seconds <= HOUR_SECONDS:
                hosts.note(self.name, datetime.now(UTC))

        return self._replace(run=run)


def drop_old_quarantine(settings: Settings) -> None:
    """Remove files that were quarantined more than `retention.quarantine_days` ago: they may hold raw user agents."""
    limit = time.time() - settings.retention.quarantine_days * DAY_SECONDS
    aside = settings.spool_dir / QUARANTINE
    suspects = [segment.path for segment in listing(settings.spool_dir) if segment.state == "suspect"]
    for path in [*suspects, *(aside.iterdir() if aside.is_dir() else ())]:
        if path.stat().st_mtime < limit:
            path.unlink()
            log.info("quarantine: deleted %s, older than %d days", path.name, settings.retention.quarantine_days)


JOBS: list[Job] = [
    Job("drop old quarantine", DAY_SECONDS, drop_old_quarantine),
    Job("destroy expired keys", HOUR_SECONDS, destroy_expired_keys),  # hourly, so that a due key is destroyed soon
    Job("compare the keys with the audit", HOUR_SECONDS, compare_keys),
    Job("count recent hours", HOUR_SECONDS, count_recent_hours, for_all=True),
    Job("count late hours", DAY_SECONDS, count_late_hours, for_all=True),
    Job("hold the rows of open blocks", DAY_SECONDS, hold_blocked_rows, for_all=True),
    Job(
        "drop the days whose term is over", HOUR_SECONDS, drop_expired, for_all=True
    ),  # after the rows of blocks were held
    Job("clear old click ids", DAY_SECONDS, clear_sealed_clicks, for_all=True),
    Job("note what changed", MARKS_SECONDS, note_changes),
    Job("learn the public pages", DAY_SECONDS, learn_again),
    Job("finish erasures", ERASURE_SECONDS, finish_erasures),
    Job("copy the audit", HOUR_SECONDS, copy_audit),
    Job("print the head of the audit", DAY_SECONDS, print_audit_head),
]
"""The work of `ship` beside shipping that needs no memory of its last run."""
BY_THE_CLOCK_OF_CLICKHOUSE: Final = frozenset({"drop the days whose term is over", "clear old click ids"})
BY_THE_CLOCK: Final = BY_THE_CLOCK_OF_CLICKHOUSE | {
    "drop old quarantine",
    "destroy expired keys",
    "compare the keys with the audit",
    "publish numbers",
    "look for problems",
    "score",
}
"""Jobs that do by the time what cannot be undone, or tell people so: they wait while the clock is not to be believed."""


def all_jobs() -> list[list[Job]]:
    """Return all work of one `ship` beside shipping, by thread: a backfill publishes for long, and no key and no alert may wait for it."""

    def others() -> datetime | None:
        return hosts.stored_before()

    publishing = Job("publish numbers", PUBLISH_SECONDS, Publishing(others), PUBLISH_SECONDS, for_all=True)
    watching = Job("look for problems", EVALUATE_SECONDS, Watching(tell, others), EVALUATE_SECONDS, for_all=True)
    scoring = Job("score", SCORE_SECONDS, Scoring(others), for_all=True)
    threads = [JOBS, [publishing], [watching], [scoring]]
    works = [job.name for jobs in threads for job in jobs if job.for_all and job.every_seconds <= HOUR_SECONDS]
    hosts = Hosts(StoredHere().look, works)
    reporting = Job("report this host", REPORT_SECONDS, hosts.report, retry_seconds=REPORT_SECONDS)
    return [*([job.where(hosts) for job in jobs] for jobs in threads), [reporting]]


class JobThread(threading.Thread):
    """Runs the jobs until a stop is requested; the thread of one job has its name. It is a daemon: the end of the process does not
    wait for a slow job.

    `failed` names the jobs whose last run failed, each with its error in one line; `died` is True after the thread failed.
    """

    def __init__(self, jobs: Sequence[Job], settings: Settings, stop: threading.Event) -> None:
        super().__init__(name=jobs[0].name if len(jobs) == 1 else "jobs", daemon=True)
        self.failed: Mapping[str, str] = {}
        self.died = False
        self.first_round = threading.Event()
        self._settings = settings
        self._stop_asked = stop
        self._due = dict.fromkeys(jobs, 0.0)

    def run(self) -> None:
        """Run the due jobs repeatedly; log an error outside of the jobs."""
        try:
            while not self._stop_asked.is_set():
                self.run_due(self._settings, time.monotonic())
                self.first_round.set()
                self._stop_asked.wait(LOOK_SECONDS)
        except BaseException as error:  # noqa: BLE001 - the top of a thread: without it no key is destroyed any more
            log.error("the thread of the jobs ended: unforeseen %s", type_and_place(error))  # noqa: TRY400
            self.died = True

    def run_due(self, settings: Settings, now: float) -> None:
        """Run the jobs that are due at `now`, in seconds of a monotonic clock."""
        for job, due in self._due.items():
            if now < due:
                continue
            try:
                trouble = _trouble(job, settings)
                pause = job.retry_seconds if trouble else job.every_seconds
            except DoneElsewhere:
                trouble, pause = "", job.retry_seconds
            self._due[job] = now + pause
            is_new = trouble != self.failed.get(job.name, "")
            others = {name: text for name, text in self.failed.items() if name != job.name}
            self.failed = others | ({job.name: trouble} if trouble else {})
            if trouble and is_new:
                log.error("job '%s' failed: %s; again in %d s", job.name, trouble, job.retry_seconds)


def _trouble(job: Job, settings: Settings) -> str:
    """Run a job and return the error in one line, '' without one; raises `DoneElsewhere`."""
    try:
        if job.name in BY_THE_CLOCK:
            proven_time.prove(settings)
        if job.name in BY_THE_CLOCK_OF_CLICKHOUSE:
            proven_time.compare_with_database(settings)
        job.run(settings)
    except DoneElsewhere:
        raise
    except (Retryable, Fatal, OSError) as error:
        return str(error)  # this text says what to do
    except Exception as error:  # noqa: BLE001 - the top of a worker's loop: one job's fault must not end the shipping
        return f"unforeseen {type_and_place(error)}"
    return ""
