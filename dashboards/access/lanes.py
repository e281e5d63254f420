"""The lanes of a person: how many of their pages are made at once, so that one impatient reader leaves the database to the others.

Owns the counts, in memory alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Final

AT_ONCE: Final = 4
"""ClickHouse answers eight questions of a role at once."""
WAITING: Final = 6
"""Tabs that open together wait for each other; more are refused at once, because a request that waits holds a thread."""
WAIT_SECONDS: Final = 5.0


class Lanes:
    """The pages that are being made, by person."""

    def __init__(self, seconds: float = WAIT_SECONDS) -> None:
        self._seconds = seconds
        self._free = Condition()
        self._made: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()

    @contextmanager
    def lane(self, name: str) -> Iterator[bool]:
        """Lend a lane of a person for a page; gives False where none becomes free in time."""
        has_lane = self._enter(name)
        try:
            yield has_lane
        finally:
            if has_lane:
                with self._free:
                    _less(self._made, name)
                    self._free.notify_all()

    def _enter(self, name: str) -> bool:
        with self._free:
            if self._made[name] >= AT_ONCE and not self._wait(name, lambda: self._made[name] < AT_ONCE):
                return False
            self._made[name] += 1
            return True

    def _wait(self, name: str, is_free: Callable[[], bool]) -> bool:
        if self._waiting[name] >= WAITING:
            return False
        self._waiting[name] += 1
        try:
            return self._free.wait_for(is_free, self._seconds)
        finally:
            _less(self._waiting, name)


def _less(counts: Counter[str], name: str) -> None:
    counts[name] -= 1
    if counts[name] <= 0:
        del counts[name]
