"""Removes an erased person's events that are not in ClickHouse yet: in the spool, in quarantine, in flight.

Owns the list of erasures as `ship` sees it. Theory of operation: the request is on the disk as `erasing` before the
first row is deleted, and delivery reads this list each time it sends or counts a batch. So later batches hold no row of the
person, and a count below the number sent is not an error where rows of the batch were erased meanwhile. Rows that were in a
buffer at that moment may still arrive: a job looks for such rows for two days and deletes them.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from pipeline.audit.actions import Action
from pipeline.audit.log import Audit
from pipeline.delivery.plan import COLUMNS, Batch
from pipeline.errors import Retryable
from pipeline.event import Event
from pipeline.settings.model import Settings
from pipeline.spool.records import parse
from pipeline.spool.segments import QUARANTINE, listing
from pipeline.subjects.requests import CaseBook, PersonRequest
from pipeline.subjects.rows import subject_rows
from pipeline.system.durable_files import DRAFT, LOCAL_FILES, make_directory, replacing, write_all
from pipeline.system.private_files import private_directory

LATE: Final = timedelta(days=2)
"""Rows of an unfinished insert are searched for this long; a server keeps no request body that long."""

_VISITOR, _RECEIVED = COLUMNS["events"].index("visitor"), COLUMNS["events"].index("received_at")

log = logging.getLogger(__name__)


class Erasures:
    """The erased visitors, each with the time (Unix milliseconds) up to which their events are erased."""

    def __init__(self, until_ms: dict[int, int]) -> None:
        self._until_ms = until_ms
        numbers = "|".join(map(str, until_ms)).encode()
        self._in_row = re.compile(rb",(?:%b),\"" % numbers)
        self._in_spool = re.compile(rb'"visitor":(?:%b)[,}]' % numbers)

    @classmethod
    def of(cls, cases: Iterable[PersonRequest]) -> Erasures:
        """Return the erasures of these requests."""
        until_ms: dict[int, int] = {}
        for case in cases:
            if case.state in ("erasing", "erased") and case.closed is not None:
                moment = int(case.closed.timestamp() * 1000)
                for visitor in case.visitors.values():
                    until_ms[visitor] = max(moment, until_ms.get(visitor, 0))
        return cls(until_ms)

    def without(self, batch: Batch) -> Batch:
        """Return the batch without the rows of erased persons; the same batch where it has none."""
        if batch.table != "events" or not self._until_ms:
            return batch
        lines = [b"" if self._in_row.search(line) and self._is_erased_row(line) else line for line in batch.lines]
        return batch if lines == batch.lines else batch._replace(lines=lines)

    def names(self, line: bytes) -> bool:
        """Whether a line of the spool, valid or damaged, belongs to an erased person."""
        if not self._until_ms or not self._in_spool.search(line):
            return False
        record = parse(line)
        # An unreadable line with the visitor's number is deleted, too: to lose an event is better than to keep one.
        return not isinstance(record, Event) or record.received_ms <= self._until_ms.get(record.visitor, -1)

    def _is_erased_row(self, line: bytes) -> bool:
        row = msgspec.json.decode(line)
        until_ms = self._until_ms.get(row[_VISITOR], -1)
        return bool(datetime.fromisoformat(f"{row[_RECEIVED]}+00:00").timestamp() * 1000 <= until_ms)


class ErasureList:
    """The erasures in force; reads the requests again whenever their files have changed.

    Raises `Fatal` where the directory of requests is unsafe.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        private_directory(settings.cases_dir)  # the user of `ship` must make it, to be able to read it
        self._seen: list[tuple[str, int, int]] = []
        self._erasures = Erasures({})

    def without(self, batch: Batch) -> Batch:
        """See `Erasures`; raises `Fatal` where a request cannot be read, `Retryable` where the disk refuses."""
        try:
            files = sorted(_cases(self._settings.cases_dir))
            if files != self._seen:
                self._erasures, self._seen = Erasures.of(recent(self._settings, datetime.now(UTC))), files
        except OSError as error:
            raise Retryable(f"{self._settings.cases_dir}: cannot be read: {error.strerror}") from None
        return self._erasures.without(batch)


def recent(settings: Settings, now: datetime) -> list[PersonRequest]:
    """Return the requests closed within `retention.rows_days`: the spool may still hold tokens of these persons."""
    if not settings.cases_dir.is_dir():
        return []
    limit = now - timedelta(days=settings.retention.rows_days)
    return [case for case in CaseBook(settings.cases_dir).all() if case.closed is not None and case.closed > limit]


def unshipped(spool: Path, erasures: Erasures) -> int:
    """Return the number of events of erased persons in the spool; delivery skips them."""
    found = 0
    for segment in listing(spool):
        if segment.state in ("open", "seg", "copy"):
            try:
                with segment.path.open("rb") as stream:
                    found += sum(map(erasures.names, stream))
            except FileNotFoundError:
                continue  # shipped meanwhile
    return found


def clean_quarantine(spool: Path, erasures: Erasures) -> int:
    """Remove the lines of erased persons from quarantine and return their number; raises `OSError`."""
    aside = spool / QUARANTINE
    suspects = [segment.path for segment in listing(spool) if segment.state == "suspect"]
    return sum(_clean(path, aside, erasures) for path in [*suspects, *_files(aside)])


def finish_erasures(settings: Settings) -> None:
    """Delete the late rows of erased persons: quarantined lines, and rows of an unfinished insert; audited."""
    now = datetime.now(UTC)
    cases = [case for case in recent(settings, now) if case.state in ("erasing", "erased")]
    if not cases:
        return
    if removed := clean_quarantine(settings.spool_dir, Erasures.of(cases)):
        log.info("deleted %d quarantined lines of erased persons", removed)
    late = [case for case in cases if case.closed is not None and case.closed > now - LATE]
    if not late:
        return
    audit = Audit(settings.audit_dir)
    with subject_rows(settings) as rows:
        for case in late:
            counts = rows.erase(case, case.closed or now)
            if any(counts.values()):
                facts = {"case": case.case, **{table: str(count) for table, count in counts.items()}}
                audit.record(Action.SUBJECT_ERASED_LATE, facts, now=now, who="ship")


def _clean(path: Path, aside: Path, erasures: Erasures) -> int:
    try:
        with path.open("rb") as stream:
            lines = [line for line in stream if not erasures.names(line)]
            facts, before = os.fstat(stream.fileno()), stream.tell()
    except FileNotFoundError:
        return 0
    kept = b"".join(lines)
    if len(kept) == before:
        return 0
    with path.open("rb") as stream:
        removed = sum(1 for _ in stream) - len(lines)
    make_directory(aside)
    with replacing(path) as fd:
        write_all(LOCAL_FILES, fd, kept)
        os.utime(fd, ns=(facts.st_atime_ns, facts.st_mtime_ns))  # the age of the file decides when it is deleted
    return removed


def _files(directory: Path) -> Iterator[Path]:
    if directory.is_dir():
        yield from (path for path in directory.iterdir() if path.is_file() and path.suffix != DRAFT)


def _cases(directory: Path) -> Iterator[tuple[str, int, int]]:
    with os.scandir(directory) as entries:
        for entry in entries:
            facts = entry.stat()
            yield entry.name, facts.st_ino, facts.st_mtime_ns
