"""The space the spool may still use: its own limit in bytes, and the free space of the disk.

Owns the two limits of settings `spool.max_mb` and `spool.min_free_mb`. A measurement costs a directory scan and a
system call, so it is done now and then and never for a hit; between two of them this process adds up its own writes.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from pipeline.settings import sections
from pipeline.spool.segments import used_bytes
from pipeline.system.durable_files import MB, FileSystem

SCAN_SECONDS = 5.0  # the delay until other slots' writes are seen: at 20,000 events/s about 60 MB over the limit


class Capacity:
    """Measures whether the spool in `directory` is full."""

    def __init__(self, directory: Path, limits: sections.Spool, files: FileSystem) -> None:
        self.full = False
        self._directory = directory
        self._files = files
        self._max_bytes = limits.max_mb * MB
        self._min_free = limits.min_free_mb * MB
        self._used = 0
        self._next_scan = 0.0

    async def measure(self) -> None:
        """Measure again, off the event loop; a full spool is scanned each time, so that free space is seen at once.

        Raises `OSError`.
        """
        now = time.monotonic()
        if self.full or now >= self._next_scan:
            self._used = await asyncio.to_thread(used_bytes, self._directory)
            self._next_scan = now + SCAN_SECONDS
        free = await asyncio.to_thread(self._files.free_bytes, self._directory)
        self.full = self._used >= self._max_bytes or free < self._min_free

    def add(self, size: int) -> None:
        """Count `size` bytes that were just written."""
        self._used += size
        self.full = self.full or self._used >= self._max_bytes
