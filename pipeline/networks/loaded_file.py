"""A look-up file as one process has it in memory: read at start, and again after the file has changed.

Owns the rules of a change. Nothing is mapped: a mapped file that another program cuts short would kill the process.

* A file is taken again when two looks in a row saw the same change, so one that is being written is left alone.
* A missing, empty or unusable file leaves the earlier content in force; that is logged once and counted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, NamedTuple, TypeVar

from pipeline.errors import Fatal

LOOK_SECONDS: Final = 10.0
"""Seconds between two looks; a changed file is in force after at most two of them and the time of reading."""

Content = TypeVar("Content")

log = logging.getLogger(__name__)


class FileState(NamedTuple):
    """The marks by which a new content of a file is noticed; times in nanoseconds, all 0 for a missing file."""

    modified_ns: int = 0
    changed_ns: int = 0
    size: int = 0
    inode: int = 0

    @classmethod
    def of(cls, file: Path) -> FileState:
        """Return the state of a file now."""
        try:
            status = file.stat()
        except OSError:
            return cls()
        return cls(status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)


class LoadedFile(Generic[Content]):
    """The content of a file; `read` returns it and raises `Fatal` that names the fault.

    `content` may be read in another thread than the one that calls `look`. `modified_s` is the modification time (Unix
    seconds) of the file that `content` was read from, 0 if it was missing; `refused` counts the changes not taken.
    """

    def __init__(self, file: Path, read: Callable[[Path], Content]) -> None:
        self.file = file
        self._read = read
        self._seen = self._tried = FileState.of(file)
        self.content = read(file)
        self.modified_s = self._tried.modified_ns / 1e9
        self.refused = 0

    def look(self) -> bool:
        """Take the content of the file if it has changed; return whether it was taken."""
        state = FileState.of(self.file)
        is_settled, self._seen = state == self._seen, state
        if state == self._tried or not is_settled:
            return False
        self._tried = state
        try:
            content = self._content(state)
        except Fatal as error:
            self.refused += 1
            log.error("%s; its earlier content stays in force", error)  # noqa: TRY400 - it says what to do
            return False
        if FileState.of(self.file) != state:  # written while it was read
            return False
        self.content, self.modified_s = content, state.modified_ns / 1e9
        return True

    def _content(self, state: FileState) -> Content:
        if state == FileState():
            raise Fatal(f"{self.file}: is missing")
        if not state.size:
            raise Fatal(f"{self.file}: is empty")
        return self._read(self.file)
