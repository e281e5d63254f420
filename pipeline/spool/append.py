"""The spool as the collector sees it: `append` returns when the events are on disk, or raises with the reason.

`offer` is the same without a coroutine: it calls a function when the events are on disk.

Owns group commit, the limits and the one thread that uses files. Rules:

* A 2xx may be answered when `append` has returned or the function of `offer` is called: the whole group is written and, with durability `fsync`, synced.
* One group is in flight at a time; hits that arrive meanwhile form the next one, so groups grow with the load and with
  the slowness of the disk by themselves. (A fixed gathering time was measured too: it costs latency and gains nothing.)
  A group is one write, one sync, one call into the thread, and one loop that tells all hits that wait for it.
* One outcome for every event: `spooled` or `refused` is counted here, by event, and no other module counts either of
  them for an event given to `append` or `offer`. A group ends with a counts record of everything counted so far, so that a count
  is as durable as its event. (The caller counts `offered` right before the call, with no await between: then both are
  in one write.)
* An unforeseen error ends the tasks: it is logged, waiting hits are refused, and `end` is called, which ends the
  process, so that its supervisor starts it again. No acknowledged event is lost by that.
* An event whose write fails is refused with 503 and never stored. While the disk fails, hits are refused at once and
  every round of upkeep tries again, so the spool recovers by itself. Acknowledged data is never deleted to make space.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from pipeline.durations import MINUTE_MS
from pipeline.errors import Reason, Refused, Retryable
from pipeline.event import Count, CountsRecord, Event, Measurement
from pipeline.settings import sections
from pipeline.spool.capacity import Capacity
from pipeline.spool.counters import EdgeCounters
from pipeline.spool.records import frame
from pipeline.spool.recovery import Recovery, recover
from pipeline.spool.segments import Slot
from pipeline.spool.writer import SegmentWriter
from pipeline.system.durable_files import LOCAL_FILES, FileSystem
from pipeline.system.faults import watched

UPKEEP_SECONDS = 0.5  # the most that durability `interval` can lose
RECOVERY_SECONDS = 30.0  # before a file that could not be recovered is tried again: each try reads it from its start
MAX_WAITING_BYTES = 8 * 1024 * 1024  # a stalled disk must not fill the memory with waiting hits
_T = TypeVar("_T")
_log = logging.getLogger("clinic_pixel.spool")


Told = Callable[[Reason | None], object]
"""A function that learns the outcome of its events: the reason of a refusal, or None when they are on disk.

It must not raise: the others of its group wait behind it.
"""


class _Group:
    """Events that are written together, and the functions that learn the outcome."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.size = 0
        self.waiting: list[Told] = []

    def tell(self, outcome: Reason | None) -> None:
        """Tell all that wait, once."""
        waiting, self.waiting = self.waiting, []
        for told in waiting:
            told(outcome)


class Spool:
    """The spool of one collector process."""

    def __init__(
        self,
        directory: Path,
        settings: sections.Spool,
        *,
        durability: str,
        counters: EdgeCounters,
        clock_ms: Callable[[], int],
        files: FileSystem = LOCAL_FILES,
        end: Callable[[], None] = lambda: None,
        recovery_seconds: float = RECOVERY_SECONDS,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
        recovers: bool = True,
    ) -> None:
        self.slot = ""
        self.recovered = Recovery()
        self._directory = directory
        self._settings = settings
        self._sync_each_write = durability == "fsync"
        self._counters = counters
        self._clock_ms = clock_ms
        self._files = files
        self._end = end
        self._recovery_seconds = recovery_seconds
        self._max_waiting_bytes = max_waiting_bytes
        self._recovers = recovers
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._wanted = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._group = _Group()
        self._running = self._failed = False
        self._refusing: Reason | None = Reason.SPOOL_FAILED
        self._capacity = Capacity(directory, settings, files)

    @property
    def ready(self) -> bool:
        """Return whether `append` accepts events now."""
        return self._refusing is None

    @property
    def unsealed_seconds(self) -> float:
        """The age of the segment that is being written; more than `segment_seconds` when it cannot be sealed."""
        return self._writer.unsealed_seconds if self._running else 0.0

    async def start(self) -> None:
        """Take the first free slot, recover the files of its last holder, and start the tasks.

        Raises `Fatal` when the directory cannot be used and `Retryable` when the disk fails.
        """
        self._loop = asyncio.get_running_loop()
        self._held = await self._in_thread(lambda: Slot.take_free(self._directory))
        self.slot = self._held.name
        self._writer = SegmentWriter(
            self._held, self._settings, self._files, sync_each_write=self._sync_each_write, clock_ms=self._clock_ms
        )
        try:
            self.recovered = await self._in_thread(self._recover)
            await self._capacity.measure()
        except OSError as error:
            self._held.release()
            raise Retryable(f"{self._directory}: the spool cannot be read: {error.strerror}") from None
        self._running = True
        self._update_refusal()
        self._tasks = [
            asyncio.create_task(watched(work, f"spool {self.slot}", self._end))
            for work in (self._write_groups, self._keep_up)
        ]

    async def append(self, events: Sequence[Event | Measurement]) -> None:
        """Return when all `events` are on disk; they share one group.

        Raises `Refused` with SPOOL_FULL or SPOOL_FAILED, or INTERNAL if a record cannot hold an event (invalid Unicode,
        over `MAX_LINE`); then none of the events is stored.
        """
        if not events:
            return
        outcome: asyncio.Future[Reason | None] = self._loop.create_future()

        def told(reason: Reason | None) -> None:
            if not outcome.cancelled():  # a request that was given up must not keep the others of its group from theirs
                outcome.set_result(reason)

        self.offer(events, told)
        reason = await outcome
        if reason is not None:
            raise Refused(reason)

    def offer(self, events: Sequence[Event | Measurement], told: Told) -> None:
        """Put `events` into the group that is written next, which calls `told` with the outcome.

        Raises `Refused` as `append`; then `told` is never called.
        """
        group, reason = self._group, self._refusing
        lines: list[bytes] = []
        try:
            lines = [frame(event) for event in events]
        except (ValueError, OverflowError):
            reason = Reason.INTERNAL
        if reason is None and group.size > self._max_waiting_bytes:
            reason = Reason.SPOOL_FULL
        if reason is not None:
            self._counters.add("refused", now_ms=self._clock_ms(), reason=reason, value=len(events))
            raise Refused(reason)
        if not group.lines:
            self._wanted.set()
        group.lines += lines
        group.size += sum(map(len, lines))
        group.waiting.append(told)

    async def close(self) -> None:
        """Write the waiting events and the last counts, seal the segment, release the slot; no-op if never started."""
        if not self._tasks:
            return
        keep_up, write_groups = self._tasks.pop(), self._tasks.pop()
        keep_up.cancel()
        with suppress(asyncio.CancelledError):
            await keep_up
        self._stop()
        self._wanted.set()
        await write_groups
        try:
            await self._in_thread(self._writer.close)
        except OSError as error:
            _log.warning("spool %s: last segment left unsealed (%s)", self.slot, error.strerror)
        self._held.release()
        self._thread.shutdown()

    async def upkeep(self) -> None:
        """Do one round: measure the space, sync and seal if due, write counts without events, retry after a failure."""
        try:
            await self._capacity.measure()
            await self._in_thread(self._writer.upkeep)
            if self.recovered.failed and time.monotonic() >= self._next_recovery:
                self.recovered = await self._in_thread(self._recover)
        except OSError as error:
            self._fail(error)
        self._update_refusal()
        if self._failed or (self._counters.waiting and not self._capacity.full):
            self._wanted.set()

    async def _keep_up(self) -> None:
        pause = min(UPKEEP_SECONDS, self._settings.segment_seconds / 2)
        try:
            while True:
                await asyncio.sleep(pause)
                await self.upkeep()
        finally:
            # Without upkeep nothing is synced or sealed in time, so refuse hits.
            self._stop()

    async def _write_groups(self) -> None:
        group = self._group
        try:
            while self._running or self._group.lines or self._wanted.is_set():
                await self._wanted.wait()
                self._wanted.clear()
                group, self._group = self._group, _Group()
                group.tell(await self._commit(group))
        finally:
            # Also when an error of ours ends this loop: no hit may wait for ever.
            self._stop()
            for left in (group, self._group):
                if left.waiting:
                    self._count_failed(left)
                    left.tell(Reason.SPOOL_FAILED)

    async def _commit(self, group: _Group) -> Reason | None:
        now_ms = self._clock_ms()
        events = len(group.lines)
        # When the spool is full, only events already accepted are written; counts without events wait in memory.
        drained = self._counters.drain(self.slot) if events or not self._capacity.full or not self._running else None
        counts = list(drained.counts) if drained is not None else []
        if events:
            counts.append(Count(now_ms - now_ms % MINUTE_MS, "spooled", value=events))
        tail = frame(CountsRecord(collector=self.slot, counts=counts)) if counts else b""
        data = b"".join((*group.lines, tail))
        try:
            await self._in_thread(lambda: self._writer.write(data))
        except OSError as error:
            if drained is not None:
                self._counters.restore(drained)
            self._count_failed(group)
            self._fail(error)
            return Reason.SPOOL_FAILED
        if events:
            self._counters.add_total("spooled", value=events)
        self._capacity.add(len(data))
        self._succeeded()
        return None

    def _count_failed(self, group: _Group) -> None:
        if group.lines:
            self._counters.add("refused", now_ms=self._clock_ms(), reason=Reason.SPOOL_FAILED, value=len(group.lines))

    def _stop(self) -> None:
        self._running = False
        self._update_refusal()

    def _fail(self, error: OSError) -> None:
        if not self._failed:
            _log.error("spool %s: cannot write (%s); hits are refused until it can write", self.slot, error.strerror)
        self._failed = True
        self._update_refusal()

    def _succeeded(self) -> None:
        if self._failed:
            _log.warning("spool %s: writes again", self.slot)
        self._failed = False
        self._update_refusal()

    def _update_refusal(self) -> None:
        if self._failed or not self._running:
            self._refusing = Reason.SPOOL_FAILED
        else:
            self._refusing = Reason.SPOOL_FULL if self._capacity.full else None

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await self._loop.run_in_executor(self._thread, work)

    def _recover(self) -> Recovery:
        self._next_recovery = time.monotonic() + self._recovery_seconds
        if not self._recovers:  # a newer version wrote the files: its records are no damage
            return Recovery()
        return recover(self._directory, self.slot, files=self._files, live=self._writer.incarnation)
