"""The spool against a model: appends, faults of the disk, deaths, power cuts, restarts and shipping in any order.

Invariants, checked when everything has come to rest: acknowledged is stored, once; what is stored was sent; and the counts
that travelled with it say exactly how many there are: offered = spooled + refused, spooled = stored.
"""

from __future__ import annotations

import asyncio
import errno
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from pipeline.event import Event
from pipeline.spool.append import Spool
from pipeline.spool.counters import EdgeCounters
from pipeline.spool.records import read
from pipeline.spool.segments import sealed
from support.disk import DIED, FaultyDisk
from support.spooling import NOW_MS, counted, event, kill, new_spool, outcome, states

OPERATIONS = ["create", "open", "write", "fdatasync", "truncate", "rename", "unlink", "fsync_directory", "read", None]
TAILS = {
    "lost": lambda tail: b"",
    "half": lambda tail: tail[: len(tail) // 2],
    "whole": lambda tail: tail,
    "zeros": lambda tail: b"\x00" * len(tail),
    "garbage": lambda tail: tail[: len(tail) // 3] + b"\xff\n{" * (len(tail) // 9),
}


class SpoolMachine(RuleBasedStateMachine):
    """One slot, one disk, one shipper."""

    durability = "fsync"

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="spool-model"))
        self.directory = self.root / "spool"
        self.disk = FaultyDisk(self.root / "store")
        self.loop = asyncio.new_event_loop()
        self.spool: Spool | None = None
        self.counters = EdgeCounters()
        self.sent: set[str] = set()
        self.acknowledged: set[str] = set()
        self.shipped: list[Any] = []

    @initialize()
    def begin(self) -> None:
        self._start()

    @precondition(lambda self: self.spool is not None)
    @rule(hits=st.lists(st.integers(1, 3), min_size=1, max_size=4))
    def append(self, hits: list[int]) -> None:
        groups = [[event() for _ in range(number)] for number in hits]
        self.sent |= {one.event_id for group in groups for one in group}
        for group, reason in zip(groups, self._run(self._append_all(groups)), strict=True):
            if reason is None:
                self.acknowledged |= {one.event_id for one in group}

    @precondition(lambda self: self.spool is not None)
    @rule()
    def refuse(self) -> None:
        self.counters.add("offered", now_ms=NOW_MS)
        self.counters.add("refused", now_ms=NOW_MS, reason="bad_query")

    @precondition(lambda self: self.spool is not None)
    @rule()
    def upkeep(self) -> None:
        assert self.spool is not None
        self._run(self.spool.upkeep())
        self._run(asyncio.sleep(0))

    @rule(
        operation=st.sampled_from(OPERATIONS),
        error=st.sampled_from([errno.EIO, errno.ENOSPC]),
        skip=st.integers(0, 4),
        times=st.integers(1, 3),
        short=st.sampled_from([None, 1, 100, 400]),
    )
    def break_disk(self, operation: str | None, error: int, skip: int, times: int, short: int | None) -> None:
        how = {"short": short} if operation == "write" and short else {}
        self.disk.fail(operation, error, skip=skip, times=times, **how)

    @rule()
    def mend_disk(self) -> None:
        self.disk.faults.clear()

    @precondition(lambda self: self.spool is not None)
    @rule(after=st.integers(0, 6), hits=st.integers(1, 3))
    def die_at_a_call(self, after: int, hits: int) -> None:
        """The process stops at some file operation of an append: nothing it does later reaches the disk."""
        self.disk.faults.clear()
        self.disk.fail(None, DIED, skip=after, times=10**6)
        self.append([1] * hits)
        self.kill()

    @precondition(lambda self: self.spool is not None)
    @rule()
    def kill(self) -> None:
        assert self.spool is not None
        self.disk.faults.clear()
        self._run(kill(self.spool))
        self.spool = None

    @precondition(lambda self: self.spool is None)
    @rule(names_kept=st.integers(0, 3), tail=st.sampled_from(sorted(TAILS)))
    def power_cut(self, names_kept: int, tail: str) -> None:
        self.disk.power_cut(names_kept=names_kept, tail=TAILS[tail])

    @precondition(lambda self: self.spool is None)
    @rule()
    def restart(self) -> None:
        self._start()

    @precondition(lambda self: self.spool is not None)
    @rule()
    def close(self) -> None:
        assert self.spool is not None
        self._run(self.spool.close())
        self.spool = None

    @rule()
    def ship(self) -> None:
        for segment in sealed(self.directory):
            self.shipped += read(segment.path)
            self.disk.remove(segment.path)

    def teardown(self) -> None:
        try:
            self._come_to_rest()
        finally:
            if self.spool is not None:
                self._run(kill(self.spool))
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()
            shutil.rmtree(self.root)

    def _come_to_rest(self) -> None:
        self.disk.faults.clear()
        for _ in range(2):
            if self.spool is None:
                self._start()
            assert self.spool is not None
            self._run(self.spool.upkeep())
            self.close()
        self.ship()
        stored = Counter(record.event_id for record in self.shipped if isinstance(record, Event))
        assert self._missing(stored) == set(), "acknowledged but not stored"
        assert max(stored.values(), default=1) == 1, "stored twice"
        assert set(stored) <= self.sent
        assert set(states(self.directory)) <= {"suspect"}
        counts = counted(self.shipped)
        assert counts["spooled"] == stored.total()
        assert counts["offered"] == counts["spooled"] + counts["refused"]

    def _missing(self, stored: Counter[str]) -> set[str]:
        return self.acknowledged - set(stored)

    def _start(self) -> None:
        self.counters = EdgeCounters()
        self.spool = new_spool(
            self.directory, self.disk, durability=self.durability, counters=self.counters, segment_mb=0.002
        )
        faults, self.disk.faults = self.disk.faults, []
        if faults:
            self.disk.faults = [fault for fault in faults if fault.operation not in (None, "free_bytes")]
        self._run(self.spool.start())

    async def _append_all(self, groups: list[list[Event]]) -> list[Any]:
        assert self.spool is not None

        async def hit(group: list[Event]) -> Any:
            assert self.spool is not None
            self.counters.add("offered", now_ms=NOW_MS, value=len(group))
            return await outcome(self.spool, *group)

        return await asyncio.gather(*(hit(group) for group in groups))

    def _run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)


class IntervalMachine(SpoolMachine):
    """With durability `interval` a death loses nothing; a power cut may lose the last round, so there is none here."""

    durability = "interval"
    power_cut = None  # type: ignore[assignment]


SpoolMachine.TestCase.settings = IntervalMachine.TestCase.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestSpoolWithFsync = SpoolMachine.TestCase
TestSpoolWithInterval = IntervalMachine.TestCase
