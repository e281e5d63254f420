"""The costs of one group of the spool: CPU time of the group, of each event in it and of each answer, and the time of its sync."""

from __future__ import annotations

import asyncio
import socket
import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

import uvloop

from collector.direct import answer
from pipeline.clock import now_ms
from pipeline.event import Event
from pipeline.settings import sections
from pipeline.spool.append import Spool
from pipeline.spool.counters import EdgeCounters

SMALL: Final = 1
LARGE: Final = 65
GROUPS: Final = 400


async def _times(spool: Spool, events: list[Event]) -> tuple[list[float], list[float]]:
    """Return the CPU seconds and the seconds of each of `GROUPS` groups of these events."""
    cpu, wall = [], []
    for _ in range(GROUPS):
        began = time.process_time(), time.perf_counter()
        await spool.append(events)
        cpu.append(time.process_time() - began[0])
        wall.append(time.perf_counter() - began[1])
    return cpu, wall


def measure(event: Event) -> dict[str, float]:
    """Return CPU time as `group_us`, `event_us`, `answer_us`, and as `sync_ms`, `sync_p99_ms` the wait of one event for the disk."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as scratch:
        return uvloop.run(_measure(Path(scratch), event))


async def _measure(directory: Path, event: Event) -> dict[str, float]:
    spool = Spool(directory, sections.Spool(), durability="fsync", counters=EdgeCounters(), clock_ms=now_ms)
    await spool.start()
    small, waits = await _times(spool, [event] * SMALL)
    large, _ = await _times(spool, [event] * LARGE)
    await spool.close()
    of_one, of_many = statistics.median(small), statistics.median(large)
    of_event = (of_many - of_one) / (LARGE - SMALL)
    return {
        "group_us": 1e6 * (of_one - of_event * SMALL),
        "event_us": 1e6 * of_event,
        "answer_us": 1e6 * await _answer_seconds(),
        "sync_ms": 1e3 * statistics.median(waits),
        "sync_p99_ms": 1e3 * statistics.quantiles(waits, n=100)[98],
    }


async def _answer_seconds() -> float:
    """Return the CPU seconds of writing one answer to a socket."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ours = socket.create_connection(listening.getsockname())
        theirs, _ = listening.accept()
    ours.setblocking(False)
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    said = answer(None, "", [(b"date", b"Sat, 28 Nov 2026 07:00:00 GMT")], keep_alive=True)
    times = []
    for _ in range(GROUPS):
        began = time.process_time()
        for _ in range(LARGE):
            transport.write(said)
            await asyncio.sleep(0)  # uvloop writes at the end of the loop's turn
        times.append((time.process_time() - began) / LARGE)
        theirs.recv(LARGE * len(said))
    transport.close()
    theirs.close()
    return statistics.median(times)
