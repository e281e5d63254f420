"""A collector without HTTP: appends event after event and tells on its standard output what was acknowledged."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from support.spooling import event, new_spool


async def main(directory: Path, number: int) -> None:
    spool = new_spool(directory, segment_mb=0.001, now_ms=int(sys.argv[3]))
    await spool.start()
    for _ in range(number):
        given = event(page=sys.argv[3])
        await spool.append([given])
        os.write(1, f"{sys.argv[3]} {given.event_id}\n".encode())
    await spool.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
