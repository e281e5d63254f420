"""The journal of delivery, which survives the end of the process: the open plans and the state of each of their batches.

Owns one append-only file `journal` and the lock that lets one shipper work at a time. Rules:

* Nothing is done in ClickHouse before its line is on the disk; memory holds no state that the file does not hold.
* A line has the form of a spool line. A torn last line was never relied on and is cut; a damaged line before it is fatal,
  because a guess could store a batch twice.
* A failed write or fsync is never repeated on the same file: the next line goes into a new file that begins with all
  known lines (rename makes it the journal). Compaction is the same step.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from time import monotonic, sleep
from typing import Final, Self

from pipeline.delivery.journal_entries import (
    BatchLine,
    Begun,
    Closed,
    Done,
    Finished,
    Intent,
    Line,
    OpenPlan,
    frames,
    parse,
)
from pipeline.delivery.plan import Plan
from pipeline.errors import Fatal, Retryable
from pipeline.system import locks
from pipeline.system.durable_files import (
    LOCAL_FILES,
    FileSystem,
    make_directory,
    replace,
    sweep_drafts,
    write_all,
)

COMPACT_BYTES = 1_000_000
"""A larger journal is written anew; a plan takes about 1 KB, and only open plans are kept."""
PATIENCE_SECONDS: Final = 5.0
QUIET, WORKING = "quiet", "working"
"""Locks: a backup holds the first one while it waits and works, a try of a delivery the second one."""


class Journal:
    """The acknowledge journal, held by one process until `close` or the end of the process."""

    def __init__(self, directory: Path, files: FileSystem = LOCAL_FILES, *, compact_bytes: int = COMPACT_BYTES) -> None:
        """Take the lock and read the file.

        Raises `Fatal` when another shipper holds the journal or a line in its middle is damaged.
        """
        self._directory = directory
        self._path = directory / "journal"
        self._files = files
        make_directory(directory)
        self._lock = _lock(directory / "lock")
        sweep_drafts(directory, before=inf)  # we hold the lock: the processes that wrote them have ended
        self._open: dict[str, OpenPlan] = {}
        self._fd: int | None = None
        self._size = 0
        self._compact_bytes = compact_bytes
        self._recover()

    def open_plans(self) -> list[OpenPlan]:
        """Return the plans that are not closed, oldest first."""
        return list(self._open.values())

    def knows(self, plan: Plan) -> bool:
        """Say whether a plan is open."""
        return plan.id in self._open

    def state(self, plan: Plan) -> OpenPlan:
        """Return the state of a plan; raises `KeyError` for one that was not begun or is closed."""
        return self._open[plan.id]

    def last(self, plan: Plan, batch: str) -> BatchLine | None:
        """Return the last line about a batch."""
        return self._open[plan.id].batches.get(batch)

    def write(self, *lines: Line) -> None:
        """Write lines to the disk, then to memory.

        Raises `Retryable` when the disk write fails; then memory does not have them.
        """
        try:
            fd = self._writable()
            data = frames(lines)
            write_all(self._files, fd, data)
            self._files.fdatasync(fd)
        except OSError as error:
            self._abandon()
            raise Retryable(f"{self._path}: cannot be written: {error.strerror}") from None
        self._size += len(data)
        for line in lines:
            self._learn(line)

    @contextmanager
    def one_try(self) -> Iterator[None]:
        """Hold one try of a delivery inside of the block; waits for a backup, which goes first (`kept_quiet`).

        Raises `Retryable` where a backup takes longer than `PATIENCE_SECONDS`, so that the status of `ship` says why nothing is
        stored and a stop is not kept waiting, and where the disk refuses.
        """
        try:
            self._await_backup()
            working = locks.take(self._directory / WORKING)
        except locks.Held:
            raise Retryable(f"{self._directory}: a backup is at work; events wait in the spool until it ends") from None
        except OSError as error:
            raise Retryable(f"{self._directory}: cannot be locked: {error.strerror}") from None
        try:
            yield
        finally:
            os.close(working)

    def _await_backup(self) -> None:
        until = monotonic() + PATIENCE_SECONDS
        while locks.is_held(self._directory / QUIET) and monotonic() < until:
            sleep(0.05)
        os.close(locks.take(self._directory / QUIET))

    def close(self) -> None:
        """Close the file and release the lock."""
        self._abandon()
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _is_known(self, line: Line) -> bool:
        """Whether the line that opened the plan was read before: where it is missing, other lines may be, too."""
        return isinstance(line, Begun | Closed) or line.plan in self._open

    def _learn(self, line: Line) -> None:
        match line:
            case Begun():
                self._open.setdefault(line.plan.id, OpenPlan(line.plan))
            case Closed():
                self._open.pop(line.plan, None)
            case Finished():
                self._open[line.plan].finished = True
            case _:
                self._open[line.plan].batches[line.batch] = line

    def _recover(self) -> None:
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return
        *whole, _torn = text.split(b"\n")
        for number, raw in enumerate(whole, start=1):
            line = parse(raw + b"\n")
            is_known = line is None or self._is_known(line)
            if line is not None and is_known:
                self._learn(line)
            elif not is_known or number < len(whole):
                raise Fatal(f"{self._path}: line {number} is damaged; see docs/runbook.md, 'A damaged journal'")
            # else the last write was cut short and left zeros or garbage

    def _writable(self) -> int:
        if self._fd is None or self._size > self._compact_bytes:
            self._abandon()
            self._fd = self._renewed()
        return self._fd

    def _renewed(self) -> int:
        """Write the lines of all open plans to a new file and make it the journal."""
        data = frames(line for plan in self._open.values() for line in plan.lines())
        replace(self._path, data, files=self._files)
        self._size = len(data)
        return self._files.open(self._path)

    def _abandon(self) -> None:
        if self._fd is not None:
            self._files.close(self._fd)
            self._fd = None


@contextmanager
def kept_quiet(directory: Path) -> Iterator[None]:
    """Keep deliveries waiting inside of the block: journal, spool and rows do not change. Waits for the end of one try."""
    make_directory(directory)
    with locks.locked(directory / QUIET), locks.locked(directory / WORKING):
        yield


@contextmanager
def without_ship(directory: Path) -> Iterator[None]:
    """Keep every `ship` of this journal from starting; raises `Fatal` where one is at work."""
    make_directory(directory)
    lock = _lock(directory / "lock")
    try:
        yield
    finally:
        os.close(lock)


def doubt(directory: Path) -> int:
    """Make every confirmed batch of the open plans uncertain again, because the database was restored; return their number.

    Delivery then counts each of them, and sends those that are missing. The caller holds the lock (`without_ship`).
    """
    file, plans, doubted = directory / "journal", dict[str, OpenPlan](), 0
    for raw in file.read_bytes().splitlines(keepends=True) if file.exists() else ():
        match parse(raw):
            case Begun(plan=plan):
                plans.setdefault(plan.id, OpenPlan(plan))
            case Closed(plan=closed):
                plans.pop(closed, None)
            case Finished() | None:
                pass
            case line:
                plans[line.plan].batches[line.batch] = line
    for known in plans.values():
        for batch, line in known.batches.items():
            if isinstance(line, Done):
                known.batches[batch] = Intent(line.plan, batch, 0, line.rows)
                doubted += 1
    if plans:
        replace(file, frames(line for known in plans.values() for line in known.lines()))
    return doubted


def _lock(path: Path) -> int:
    try:
        lock = locks.take(path)
    except locks.Held:
        holder = path.read_text(errors="replace").strip()
        raise Fatal(f"{path}: another ship is at work here (process {holder}); stop it first") from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    return lock
