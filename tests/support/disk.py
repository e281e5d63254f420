"""A disk that fails on command and knows what a power cut would leave.

The files are real; beside them this keeps what is durable: of each file the bytes of its last good fdatasync, of the names
those of the last fsync of a directory. A failed fdatasync loses its bytes for ever, even when a later one succeeds.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.system.durable_files import LocalFiles

DIED = errno.EOWNERDEAD
"""The error of a process that died at the call: nothing was tried, so nothing is lost by it."""


@dataclass
class _Content:
    keep: Path
    durable: int = 0
    holed: bool = False


@dataclass
class Fault:
    """Fail `operation` after letting it pass `skip` times; None as `operation` is any of them."""

    operation: str | None
    error: int
    skip: int = 0
    times: int = 1
    short: int | None = None
    """For `write`: take this many bytes first; with error 0 nothing fails after that."""


@dataclass
class FaultyDisk(LocalFiles):
    """A file system for one spool directory; `store` lies beside it."""

    store: Path
    free: int | None = None
    faults: list[Fault] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    _contents: dict[int, _Content] = field(default_factory=dict)
    _names: dict[Path, int] = field(default_factory=dict)
    _pending: list[Callable[[dict[Path, int]], object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store.mkdir()

    def fail(self, operation: str | None, error: int = errno.EIO, **how: int) -> None:
        self.faults.append(Fault(operation, error, **how))

    def create(self, path: Path) -> int:
        self._call("create")
        fd = super().create(path)
        inode = os.fstat(fd).st_ino
        keep = self.store / f"{inode}-{len(self._contents)}"
        os.link(path, keep)
        self._contents[inode] = _Content(keep)
        self._pending.append(lambda names: names.__setitem__(path, inode))
        return fd

    def open(self, path: Path) -> int:
        self._call("open")
        return super().open(path)

    def read(self, fd: int, size: int, offset: int) -> bytes:
        self._call("read")
        return super().read(fd, size, offset)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        fault = self._fault("write")
        if fault is None:
            return super().write(fd, data)
        if fault.short:
            taken = super().write(fd, bytes(data[: fault.short]))
            if fault.error:
                self.faults.append(Fault("write", fault.error))
            return taken
        raise OSError(fault.error, os.strerror(fault.error))

    def fdatasync(self, fd: int) -> None:
        content = self._contents.get(os.fstat(fd).st_ino)
        try:
            self._call("fdatasync")
        except OSError as error:
            if content is not None and error.errno != DIED:
                content.holed = True
            raise
        if content is not None and not content.holed:
            content.durable = os.fstat(fd).st_size

    def truncate(self, fd: int, size: int) -> None:
        self._call("truncate")
        super().truncate(fd, size)
        content = self._contents.get(os.fstat(fd).st_ino)
        if content is not None:
            content.durable = min(content.durable, size)

    def rename(self, old: Path, new: Path) -> None:
        self._call("rename")
        super().rename(old, new)
        self._pending.append(lambda names: names.update({new: names.pop(old)} if old in names else {}))

    def unlink(self, path: Path) -> None:
        self._call("unlink")
        super().unlink(path)
        self._pending.append(lambda names: names.pop(path, None))

    def fsync_directory(self, directory: Path) -> None:
        self._call("fsync_directory")
        while self._pending:
            self._pending.pop(0)(self._names)

    def free_bytes(self, directory: Path) -> int:
        self._call("free_bytes")
        return super().free_bytes(directory) if self.free is None else self.free

    def remove(self, path: Path) -> None:
        """Take a shipped segment away, durably."""
        path.unlink()
        while self._pending:
            self._pending.pop(0)(self._names)
        self._names.pop(path, None)

    def power_cut(self, *, names_kept: int, tail: Callable[[bytes], bytes]) -> None:
        """Leave what a power cut leaves: the first `names_kept` unsynced name changes, and of the bytes of each file that
        were not synced what `tail` makes of them.
        """
        for change in self._pending[:names_kept]:
            change(self._names)
        self._pending.clear()
        ours = {content.keep.stat().st_ino for content in self._contents.values()}
        spool = self.store.parent / "spool"
        for directory in (spool, spool / "quarantine"):
            for path in directory.glob("*"):
                if path.stat().st_ino in ours:
                    path.unlink()
        for path, inode in self._names.items():
            content = self._contents[inode]
            data = content.keep.read_bytes()
            kept = data[: content.durable] + tail(data[content.durable :])
            content.keep.write_bytes(kept)
            content.durable, content.holed = len(kept), False
            os.link(content.keep, path)

    def forget(self) -> None:
        """Remove the kept contents."""
        shutil.rmtree(self.store)

    def _call(self, operation: str) -> None:
        fault = self._fault(operation)
        if fault is not None:
            raise OSError(fault.error, os.strerror(fault.error))

    def _fault(self, operation: str) -> Fault | None:
        self.calls.append(operation)
        for fault in list(self.faults):
            if fault.operation not in (None, operation):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.times -= 1
            if fault.times <= 0:
                self.faults.remove(fault)
            return fault
        return None
