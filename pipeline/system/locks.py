"""Locks between processes: `flock` on a private file, which the kernel releases when the holder ends.

Owns the opening and locking of such a file. Rules: a lock file is private (`pipeline.system.private_files`); it is not
removed after a release, because two processes could then lock two different files of the same name.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pipeline.errors import Fatal
from pipeline.system.private_files import open_private

MAKE = os.O_RDWR | os.O_CREAT
"""Flags that create a lock file if it is missing."""


class Held(Fatal):
    """Another process holds the lock."""


def take(file: Path, flags: int = MAKE, *, shared: bool = False, wait: bool = False) -> int:
    """Return the descriptor of a locked file; the lock ends when it is closed.

    Several processes may hold a `shared` lock at a time; `wait` waits for the holder. Raises `Held` if another process
    holds the lock, `Fatal` if the file is unsafe, `OSError` if it cannot be opened.
    """
    with ExitStack() as undo:  # an interrupted wait must not leave a descriptor open
        descriptor = open_private(file, flags)
        undo.callback(os.close, descriptor)
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise Held(f"{file}: another process holds this lock; wait for it or stop it") from None
        undo.pop_all()
    return descriptor


@contextmanager
def locked(file: Path, flags: int = MAKE, *, shared: bool = False, wait: bool = True) -> Iterator[int]:
    """Hold a lock inside of the block and yield the descriptor of its file; see `take`."""
    descriptor = take(file, flags, shared=shared, wait=wait)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def is_held(file: Path) -> bool:
    """Return whether a process holds the exclusive lock of a file, False if it is missing; raises as `take` does."""
    try:
        with locked(file, os.O_RDONLY, shared=True, wait=False):
            return False
    except FileNotFoundError:
        return False
    except Held:
        return True
