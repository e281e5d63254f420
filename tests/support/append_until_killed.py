"""A collector without HTTP: appends event after event and tells on its standard output what was acknowledged.

Arguments: the directory, the incarnation (also the time), the first nonce, how many. A refused event is given up, as a visitor does
who got a 503, and the next one comes when the spool takes events again. With a fifth and a sixth argument the file of the event of
that number may grow by that many bytes only: its write is short, and the next one fails.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import Refused
from pipeline.spool.counters import EdgeCounters
from pipeline.spool.segments import listing
from support.spooling import event, new_spool
from support.waiting import until


async def main(directory: Path, now_ms: int, first: int, number: int, short_at: int, grows_by: int) -> None:
    counters = EdgeCounters()
    spool = new_spool(
        directory,
        durability=os.environ.get("DURABILITY", "fsync"),
        segment_mb=0.001,
        now_ms=now_ms,
        counters=counters,
        recovery_seconds=0,
    )
    await spool.start()
    for nonce in range(first, first + number):
        await until(lambda: spool.ready, "the spool to take events", seconds=30)
        counters.add("offered", now_ms=now_ms)
        try:
            with _room_for(directory, grows_by if nonce - first == short_at else None):
                await spool.append([event(nonce=nonce)])
        except Refused:
            os.write(1, f"refused {nonce}\n".encode())
            await spool.upkeep()
        else:
            os.write(1, f"acknowledged {nonce}\n".encode())
    await spool.close()


@contextmanager
def _room_for(directory: Path, more: int | None) -> Iterator[None]:
    """Let files inside the block grow to the size of the one being written and so many bytes more."""
    if more is not None:
        written = max((segment.size for segment in listing(directory) if segment.state == "open"), default=0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (written + more, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


if __name__ == "__main__":
    place, *numbers = sys.argv[1:]
    asyncio.run(main(Path(place), *(int(number) for number in [*numbers, "-1", "0"][:5])))
