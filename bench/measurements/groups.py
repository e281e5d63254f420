"""The costs of one group of the spool: CPU time of the group, of each event in it and of each answer, and the wait for the disk."""

from __future__ import annotations

import asyncio
import socket
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvloop

from bench.effort import Effort
from bench.events import made_up
from bench.figures import Figure, Findings
from collector.direct import answer
from pipeline.clock import now_ms
from pipeline.event import Event
from pipeline.settings import sections
from pipeline.spool.append import Spool
from pipeline.spool.counters import EdgeCounters
from pipeline.spool.records import frame

LARGE: Final = 65
"""Events of a large group; a small one has a single event."""
GROUPS: Final = 200


def measure(effort: Effort) -> Findings:
    """Return the figures that docs/capacity.md computes with."""
    effort.say("groups of the spool")
    runs = [uvloop.run(_costs(effort.scratch / f"spool-{run}")) for run in range(effort.runs)]
    lines = [len(frame(event)) for event in made_up(1000)]
    whats = {
        "group_us": "CPU of one group: write, sync, a call into the thread",
        "event_us": "CPU of one event in its group",
        "answer_us": "CPU of writing one answer to a socket",
        "sync_ms": "wait of a single event for the disk",
        "sync_p99_ms": "the same, 99th percentile",
    }
    return Findings(
        (
            *(
                Figure(f"groups.{key}", what, key.rpartition("_")[2], tuple(run[key] for run in runs))
                for key, what in whats.items()
            ),
            Figure("groups.line_bytes", "bytes of an event in the spool", "B", (statistics.fmean(lines),)),
        )
    )


async def _costs(directory: Path) -> dict[str, float]:
    spool = Spool(directory, sections.Spool(), durability="fsync", counters=EdgeCounters(), clock_ms=now_ms)
    await spool.start()
    events = list(made_up(LARGE))
    small, waits = await _appended(spool, events[:1])
    large, _ = await _appended(spool, events)
    await spool.close()
    of_event = (large - small) / (LARGE - 1)
    return {
        "group_us": 1e6 * (small - of_event),
        "event_us": 1e6 * of_event,
        "answer_us": 1e6 * await _answered(),
        "sync_ms": 1e3 * statistics.median(waits),
        "sync_p99_ms": 1e3 * statistics.quantiles(waits, n=100)[98],
    }


async def _appended(spool: Spool, events: Sequence[Event]) -> tuple[float, list[float]]:
    """Return the median CPU seconds of a group of these events, and the seconds of each group."""
    cpu, seconds = [], []
    for _ in range(GROUPS):
        cpu_before, before = time.process_time(), time.perf_counter()
        await spool.append(events)
        cpu.append(time.process_time() - cpu_before)
        seconds.append(time.perf_counter() - before)
    return statistics.median(cpu), seconds


async def _answered() -> float:
    """Return the CPU seconds of writing one answer to a socket."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ours = socket.create_connection(listening.getsockname())
        theirs, _ = listening.accept()
    ours.setblocking(False)
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    said = answer(None, "", [(b"date", b"Sat, 28 Nov 2026 07:00:00 GMT")], keep_alive=True)
    times = []
    for _ in range(GROUPS):
        before = time.process_time()
        for _ in range(LARGE):
            transport.write(said)
            await asyncio.sleep(0)  # uvloop writes at the end of a turn of the loop
        times.append((time.process_time() - before) / LARGE)
        theirs.recv(LARGE * len(said))
    transport.close()
    theirs.close()
    return statistics.median(times)
