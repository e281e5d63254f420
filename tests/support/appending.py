"""A collector's spool as a process of its own that faults strike, and the next collector that finds what was left."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from pipeline.spool.counters import EdgeCounters
from pipeline.spool.records import frame
from pipeline.spool.recovery import recover_orphans
from pipeline.spool.segments import segment_path
from support.auditor import Stored
from support.ledger import Ledger
from support.shipping import counts
from support.spooling import NOW_MS, event, new_spool, running, states
from support.traced import under_strace

EVENTS = 7
"""In three segments: creating, appending and sealing each happen more than once."""


def append(
    directory: Path,
    ledger: Ledger,
    *,
    incarnation: int,
    options: Sequence[str],
    short: Sequence[int] = (),
    durability: str = "fsync",
) -> int:
    """Append events in a process under strace and enter them in the ledger; return its exit status."""
    first = max(ledger.sent, default=0) + 1
    arguments = map(str, (directory, incarnation, first, EVENTS, *short))
    done = under_strace(
        "support.append_until_killed", *arguments, options=options, environment={"DURABILITY": durability}
    )
    ledger.filled(told_in(done.stdout, "acknowledged"), sent=range(first, first + EVENTS))
    ledger.refuse(*told_in(done.stdout, "refused"))
    return done.returncode


def told_in(said: str, outcome: str) -> list[int]:
    """Return the nonces of which such a process said that they were `acknowledged`, or `refused`."""
    return [int(line.split()[1]) for line in said.splitlines() if line.startswith(f"{outcome} ")]


def left_by_a_crash(directory: Path, ledger: Ledger) -> None:
    """Fill a spool with everything that recovery knows: a torn tail, a copy of a suspect, a copy of an open file, a foreign file."""
    directory.mkdir(parents=True)
    whole = [frame(event(nonce=ledger.send())) for _ in range(4)]
    ledger.acknowledge(*ledger.sent)
    counted = frame(counts(1))
    torn = segment_path(directory, "w0", 1, 1)
    torn.write_bytes(whole[0] + whole[1] + frame(event(nonce=ledger.send()))[:60])
    suspect = segment_path(directory, "w0", 1, 2, "suspect")
    suspect.write_bytes(whole[2] + counted)
    suspect.with_suffix(".copy").write_bytes(whole[2] + counted)
    still_open = segment_path(directory, "w0", 1, 3)
    still_open.write_bytes(whole[3])
    still_open.with_suffix(".copy").write_bytes(whole[3][:30])
    (directory / "notes.txt").write_bytes(b"not ours")


def found_by_the_next(directory: Path, ledger: Ledger) -> Stored:
    """Let the next collector start, take a hit and end, and the shipper recover; return what the spool then holds."""

    async def next_collector() -> None:
        counters = EdgeCounters()
        async with running(new_spool(directory, now_ms=NOW_MS, counters=counters, recovery_seconds=0)) as spool:
            counters.add("offered", now_ms=NOW_MS)
            nonce = ledger.send()
            await spool.append([event(nonce=nonce)])
            ledger.acknowledge(nonce)

    asyncio.run(next_collector())
    recover_orphans(directory)
    assert set(states(directory)) <= {"seg", "suspect"}, "something is left that no recovery takes"
    return Stored.in_spool(directory)
