"""Files on which a process dies, or an operation fails, at a moment the test chooses."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from pipeline.system.durable_files import LocalFiles


class Killed(BaseException):
    """Stands for kill -9: nothing may catch it."""


class MortalFiles(LocalFiles):
    """Files that kill the process before or after the operation of a given number."""

    def __init__(self, last: int, *, after: bool) -> None:
        self.left = last
        self._after = after

    def fdatasync(self, fd: int) -> None:
        self._step(lambda: LocalFiles.fdatasync(self, fd))

    def rename(self, old: Path, new: Path) -> None:
        self._step(lambda: LocalFiles.rename(self, old, new))

    def unlink(self, path: Path) -> None:
        self._step(lambda: LocalFiles.unlink(self, path))

    def _step(self, operation: Callable[[], None]) -> None:
        self.left -= 1
        if self.left < 0:  # the dead do nothing, not even clean up
            raise Killed
        if self.left == 0 and not self._after:
            raise Killed
        operation()
        if self.left == 0:
            raise Killed


class FailOnce(LocalFiles):
    """Files on which the sync of one directory fails the first time."""

    def __init__(self, directory: Path) -> None:
        self._directory: Path | None = directory

    def fsync_directory(self, directory: Path) -> None:
        if directory == self._directory:
            self._directory = None
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().fsync_directory(directory)
