"""Writes the segments of one slot: append, sync, seal, and repair after a failed write or sync.

Owns the file being written. Synchronous; all calls come from one thread. Rules:

* `write` returns only when all of the data is committed: written, and with durability `fsync` synced. When it raises,
  none of the data will ever be shipped.
* A write that fails is undone by truncating back to the last commit. If that fails too, the file is broken.
* A failed fsync is never retried on that file: the kernel may have marked the lost pages clean, and the retry would
  succeed over a hole. The file is broken.
* A broken file is not written again. It cannot simply be set aside, because its committed events are acknowledged and
  must be shipped; nor can it be sealed unchanged, because it may end with the group that failed, which is refused or
  written again elsewhere. So: its committed bytes are copied to a `.copy` file and synced, the file becomes `.suspect`,
  the copy becomes the `.seg`. A kill before the first rename leaves an ordinary `.open` file whose last group was
  neither acknowledged nor written elsewhere; after a kill between the renames, `recovery` does the second. Writing
  starts again only when this is done, to a new file whose creation syncs the directory and with it these renames. With
  durability `interval` the committed bytes are read back from the page cache, because no other copy exists.
* Segments are numbered from 1 without a gap, so that the shipper notices one that vanished.
* The directory is synced after a file is created and before anything in the file is acknowledged. A rename to `.seg`
  needs no sync: after a power cut either name leads to the same bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.settings import sections
from pipeline.spool.recovery import copy_bytes
from pipeline.spool.segments import Slot, segment_path
from pipeline.system.durable_files import MB, FileSystem, write_all


@dataclass(slots=True)
class _File:
    path: Path
    fd: int
    committed: int = 0
    synced: int = 0
    opened: float = 0.0


class SyncFailed(OSError):
    """An fsync failed; the data may or may not be on the disk."""


class SegmentWriter:
    """Writes the segments of one held slot; the limits say at which size and age one is sealed."""

    def __init__(
        self,
        slot: Slot,
        limits: sections.Spool,
        files: FileSystem,
        *,
        sync_each_write: bool,
        clock_ms: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.incarnation: int | None = None
        self._slot = slot
        self._limits = limits
        self._files = files
        self._sync_each_write = sync_each_write
        self._clock_ms = clock_ms
        self._monotonic = monotonic
        self._seq = 0
        self._current: _File | None = None
        self._broken: _File | None = None

    @property
    def unsealed_seconds(self) -> float:
        """The age of the segment that is being written, 0 where there is none."""
        return self._monotonic() - self._current.opened if self._current else 0.0

    def write(self, data: bytes) -> None:
        """Commit `data`; with empty data only repair after an earlier failure.

        Raises `OSError`; nothing of `data` is then shipped.
        """
        self._repair()
        if not data:
            return
        try:
            self._commit(data)
        except SyncFailed:
            # The sync of one file failed; the group is still in memory, so try once more with a new file.
            self._repair()
            self._commit(data)
        with suppress(OSError):  # the data is committed; the next call seals again or repairs
            self._seal_if_due()

    def upkeep(self) -> None:
        """Sync the bytes that durability `interval` has not synced and seal by age; call it every half second at least.

        Raises `OSError`; the writer is then broken until `write` repairs it.
        """
        self._repair()
        self._sync_current()
        self._seal_if_due()

    def close(self) -> None:
        """Sync, seal and close. Raises `OSError`; the next recovery then finds the file."""
        self._repair()
        self._sync_current()
        if self._current is not None:
            self._seal()
            if self._current is not None:
                self._files.close(self._current.fd)
                self._current = None

    def _commit(self, data: bytes) -> None:
        file = self._current or self._open()
        try:
            write_all(self._files, file.fd, data)
        except OSError:
            self._undo(file)
            raise
        if self._sync_each_write:
            self._sync(file)
            file.synced += len(data)
        file.committed += len(data)

    def _undo(self, file: _File) -> None:
        try:
            self._files.truncate(file.fd, file.committed)
        except OSError:
            self._break(file)

    def _sync(self, file: _File) -> None:
        try:
            self._files.fdatasync(file.fd)
        except OSError as error:
            self._break(file)
            raise SyncFailed(error.errno, error.strerror) from error

    def _sync_current(self) -> None:
        file = self._current
        if file is not None and file.synced < file.committed:
            self._sync(file)
            file.synced = file.committed

    def _open(self) -> _File:
        if self.incarnation is None:
            self.incarnation = self._slot.next_incarnation(self._clock_ms())
        path = segment_path(self._slot.directory, self._slot.name, self.incarnation, self._seq + 1)
        fd = self._files.create(path)
        self._seq += 1
        try:
            self._files.fsync_directory(self._slot.directory)
        except OSError:
            self._files.close(fd)
            with suppress(OSError):  # an empty file does no harm: recovery removes it
                self._remove_empty(path)
            raise
        self._current = _File(path, fd, opened=self._monotonic())
        return self._current

    def _seal_if_due(self) -> None:
        file = self._current
        if file is None or not file.committed:
            return
        age = self._monotonic() - file.opened
        if file.committed >= self._limits.segment_mb * MB or age >= self._limits.segment_seconds:
            self._sync_current()
            self._seal()

    def _seal(self) -> None:
        file = self._current
        if file is None:
            return
        try:
            self._files.rename(file.path, file.path.with_suffix(".seg"))
        except OSError:
            return  # the file is still good: write on and try again when the next seal is due
        self._current = None
        self._files.close(file.fd)
        with suppress(OSError):  # either name leads to the same bytes
            self._files.fsync_directory(self._slot.directory)

    def _break(self, file: _File) -> None:
        self._current = None
        self._broken = file
        with suppress(OSError):  # the failed group must not be shipped if we are killed before the copy is made
            self._files.truncate(file.fd, file.committed)

    def _repair(self) -> None:
        file = self._broken
        if file is None:
            return
        if file.committed:
            self._salvage(file)
        elif file.path.exists():
            self._remove_empty(file.path)  # holds nothing but the group that failed
        self._broken = None
        self._files.close(file.fd)

    def _remove_empty(self, path: Path) -> None:
        """Remove the newest segment, which no event was acknowledged from, and use its number again."""
        self._files.unlink(path)
        self._seq -= 1

    def _salvage(self, file: _File) -> None:
        # The path shows the last finished step of an earlier try; the sealed copy may be shipped and removed already.
        sealed, copy = file.path.with_suffix(".seg"), file.path.with_suffix(".copy")
        if file.path.suffix == ".open":
            if copy.exists():
                self._files.unlink(copy)
            copy_bytes(self._files, file.fd, copy, 0, file.committed)
            self._files.fsync_directory(self._slot.directory)
            file.path = self._renamed(file.path, file.path.with_suffix(".suspect"))
        if file.path.suffix == ".suspect":
            file.path = self._renamed(copy, sealed)
        self._files.fsync_directory(self._slot.directory)

    def _renamed(self, old: Path, new: Path) -> Path:
        self._files.rename(old, new)
        return new
