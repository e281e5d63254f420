"""Whether `up` is still preparing the database, told from one process to the others.

Owns the lock file of `up`: a running `up` holds it, its modification time is the begin of that `up`, and it has the word
`ready` since reports answer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from pipeline.errors import Fatal, Retryable
from pipeline.settings.model import Settings
from pipeline.system import locks

WAIT_SECONDS: Final = 10.0
_READY: Final = b"ready\n"
_STARTING: Final = "starting: the database is being prepared; ask again in a moment"

Answer = TypeVar("Answer")


def up_lock(settings: Settings) -> Path:
    """Return the file that a running `up` holds."""
    return settings.run_dir / "up.lock"


def mark_begun(lock: int) -> None:
    """Note in the held file that `up` begins now."""
    os.truncate(lock, 0)
    os.utime(lock)


def mark_ready(lock: int) -> None:
    """Note in the held file that reports answer; the begin is kept."""
    begun = os.stat(lock).st_mtime_ns
    with suppress(OSError):  # on a full disk; a report then asks all the same
        os.pwrite(lock, _READY, 0)
        os.utime(lock, ns=(begun, begun))


def begin_of_up(settings: Settings) -> float:
    """Return the Unix time at which the running `up` began, 0 if none runs."""
    lock = up_lock(settings)
    return lock.stat().st_mtime if locks.is_held(lock) else 0.0


def is_starting(settings: Settings) -> bool:
    """Return whether an `up` of this machine runs and reports do not answer yet."""
    lock = up_lock(settings)
    try:
        return locks.is_held(lock) and lock.read_bytes() != _READY
    except (OSError, Fatal):  # another user's `up` is not ours to wait for
        return False


def missing(settings: Settings, view: str) -> Fatal | Retryable:
    """Return the error for a view that the database lacks."""
    if is_starting(settings):
        return Retryable(_STARTING)
    return Fatal(f"the view {view} is missing; run `clinic-pixel migrate`")


def once_prepared(settings: Settings, ask: Callable[[], Answer], *, seconds: float = WAIT_SECONDS) -> Answer:
    """Return the answer of a question; one that fails while `up` is starting is asked again when reports answer.

    Raises `Retryable` when they do not answer after so many seconds, and the errors of `ask`.
    """
    was_starting = is_starting(settings)
    try:
        return ask()
    except (Retryable, Fatal):
        if not was_starting:
            raise
    wait_until_prepared(settings, seconds=seconds)
    return ask()


def wait_until_prepared(settings: Settings, *, seconds: float = WAIT_SECONDS) -> None:
    """Return at once unless `up` is starting, else when reports answer; raises `Retryable` after so many seconds."""
    end = time.monotonic() + seconds
    while is_starting(settings):
        if time.monotonic() > end:
            raise Retryable(_STARTING)
        time.sleep(0.1)
