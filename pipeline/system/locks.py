"""Locks between processes: `flock` on a private file, which the kernel releases when the holder ends.

Owns the way such a file is opened and locked. Rules: a lock file is private (`pipeline.system.private_files`); it stays
after its release, because a removed name would let two processes each lock a file of their own.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import Fatal
from pipeline.system.private_files import open_private

MAKE = os.O_RDWR | os.O_CREAT
"""Flags that make a lock file where it is missing."""


class Held(Fatal):
    """Another process holds the lock."""


def take(file: Path, flags: int = MAKE, *, shared: bool = False, wait: bool = False) -> int:
    """Return the descriptor of a locked file; the lock ends when it is closed.

    `shared` admits others that ask for the same; `wait` waits for the holder. Raises `Held` where another process holds
    the lock, `Fatal` where the file is unsafe, `OSError` where it cannot be opened.
    """
    descriptor = open_private(file, flags)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(descriptor)
        raise Held(f"{file}: another process holds this lock; wait for it or stop it") from None
    except BaseException:  # nothing is swallowed: an interrupted wait must not leave a descriptor behind
        os.close(descriptor)
        raise
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
    """Return whether a process holds the exclusive lock of a file; raises what `take` raises, but for a missing file."""
    try:
        with locked(file, os.O_RDONLY, shared=True, wait=False):
            return False
    except FileNotFoundError:
        return False
    except Held:
        return True
