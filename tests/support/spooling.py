"""Shared parts of the tests of the spool: events, a spool of small segments, and what is on disk afterwards."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from pipeline.errors import Reason, Refused
from pipeline.event import CountsRecord, Event
from pipeline.settings import sections
from pipeline.spool.append import MAX_WAITING_BYTES, RECOVERY_SECONDS, Spool
from pipeline.spool.counters import EdgeCounters
from pipeline.spool.records import BadLine, read
from pipeline.spool.segments import listing
from pipeline.system.durable_files import LOCAL_FILES, FileSystem

NOW_MS = 1_795_000_000_000
_numbers = count(1)


def event(**facts: Any) -> Event:
    """Return an event with an id no other event of this run has."""
    return Event(
        received_ms=NOW_MS,
        event_id=f"00000000-0000-7000-8000-{next(_numbers):012d}",
        site="clinic",
        **facts,
    )


def limits(**changed: float) -> sections.Spool:
    """Return spool settings for tests: no sealing by age, and sizes below what a settings file may name."""
    values: dict[str, float] = {"max_mb": 100, "min_free_mb": 0, "segment_mb": 16, "segment_seconds": 3600.0}
    return sections.Spool.model_construct(**{**values, **changed})  # type: ignore[arg-type]


def new_spool(
    directory: Path,
    files: FileSystem = LOCAL_FILES,
    *,
    durability: str = "fsync",
    counters: EdgeCounters | None = None,
    now_ms: int = NOW_MS,
    end: Callable[[], None] = lambda: None,
    recovery_seconds: float = RECOVERY_SECONDS,
    max_waiting_bytes: int = MAX_WAITING_BYTES,
    **changed: float,
) -> Spool:
    return Spool(
        directory,
        limits(**changed),
        durability=durability,
        counters=counters or EdgeCounters(),
        clock_ms=lambda: now_ms,
        files=files,
        end=end,
        recovery_seconds=recovery_seconds,
        max_waiting_bytes=max_waiting_bytes,
    )


@asynccontextmanager
async def running(spool: Spool) -> AsyncIterator[Spool]:
    await spool.start()
    try:
        yield spool
    finally:
        await spool.close()


async def kill(spool: Spool) -> None:
    """Leave the files and the lock as kill -9 would."""
    for task in spool._tasks:
        task.cancel()
    await asyncio.gather(*spool._tasks, return_exceptions=True)
    spool._thread.shutdown()
    for file in (spool._writer._current, spool._writer._broken):
        if file is not None:
            os.close(file.fd)
    spool._held.release()


async def outcome(spool: Spool, *events: Event) -> Reason | None:
    """Return why the events were refused, None when they are on disk."""
    try:
        await spool.append(events)
    except Refused as refused:
        return refused.reason
    return None


def records(directory: Path, states: Iterable[str] = ("seg",)) -> Iterator[Any]:
    """Yield every record and bad line of the segments in these states."""
    for segment in listing(directory):
        if segment.state in states:
            yield from read(segment.path)


def ids(directory: Path, states: Iterable[str] = ("seg",)) -> list[str]:
    return [record.event_id for record in records(directory, states) if isinstance(record, Event)]


def bad_lines(directory: Path) -> list[BadLine]:
    return [record for record in records(directory) if isinstance(record, BadLine)]


def counted(found: Iterable[Any]) -> Counter[str]:
    """Return the sums of all counts records, by name, and by name and reason where there is one."""
    sums: Counter[str] = Counter()
    for record in found:
        if isinstance(record, CountsRecord):
            for one in record.counts:
                sums[one.name] += one.value
                if one.reason:
                    sums[f"{one.name} {one.reason}"] += one.value
    return sums


def states(directory: Path) -> list[str]:
    return [segment.state for segment in listing(directory)]
