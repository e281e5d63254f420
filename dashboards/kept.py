"""A value that is made at most once in some seconds, however many pages ask for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")
STALE = 6
"""A value up to so many times its age is good enough while another page makes it anew."""


class Made(NamedTuple, Generic[T]):
    """A value and the moment when it was made."""

    value: T
    at: datetime


class Kept(Generic[T]):
    """The values by their key; a page that asks while one is made anew gets the old one, and waits only for the first."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = Lock()
        self._made: dict[Hashable, tuple[float, Made[T]]] = {}

    def get(self, key: Hashable, make: Callable[[], T], *, at_most: float | None = None) -> Made[T]:
        """Return the value of a key, made anew where it is older than allowed, or than `at_most` seconds."""
        limit = self._seconds if at_most is None else min(at_most, self._seconds)
        known = self._made.get(key)
        if known is not None and time.monotonic() - known[0] < limit:
            return known[1]
        is_usable = known is not None and time.monotonic() - known[0] < STALE * self._seconds
        if not self._lock.acquire(blocking=not is_usable):
            return known[1]  # type: ignore[index]  # usable, so it is there
        try:
            known = self._made.get(key)
            if known is None or time.monotonic() - known[0] >= limit:
                known = time.monotonic(), Made(make(), datetime.now(UTC))
                self._made[key] = known
            return known[1]
        finally:
            self._lock.release()
