"""The limits of what one person or address may do: tries of a password, and pages that are made at once.

Owns the counts, in memory alone and bounded in size: an address of a member of staff is kept for an hour and on no disk.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition, Lock
from typing import Final, NamedTuple

FREE_OF_NAME: Final = 5
"""Failures before the first wait: a person mistypes."""
FREE_OF_ADDRESS: Final = 20
"""More, because a whole office may have one address; fewer than the names of a list that is tried."""
LONGEST_WAIT: Final = 15 * 60.0
FORGOTTEN: Final = 60 * 60.0
"""Seconds."""
MOST: Final = 10_000
AT_ONCE: Final = 4
"""ClickHouse answers eight questions of a role at once."""
WAITING: Final = 6
"""Tabs that open together wait for each other; more are refused at once, because a request that waits holds a thread."""
WAIT_SECONDS: Final = 5.0


class _Failures(NamedTuple):
    number: int
    last: float


class Brake:
    """The brake on guessing passwords: the failures by key; after `free` of them the next try of the key must wait.

    `now` gives seconds that only grow.
    """

    def __init__(self, free: int, now: Callable[[], float] = time.monotonic) -> None:
        self._free = free
        self._now = now
        self._failures: OrderedDict[str, _Failures] = OrderedDict()
        self._lock = Lock()

    def begin(self, key: str) -> float:
        """Begin a try: return the seconds that it must wait, else 0, and count it as failed until told otherwise.

        In one step, so that of many tries sent at once no more are let through than of tries one after the other.
        """
        with self._lock:
            now, before = self._now(), self._failures.get(key)
            if before and (rest := self._rest(before, now)):
                return rest
            number = before.number if before and now - before.last < FORGOTTEN else 0
            self._failures.pop(key, None)
            self._failures[key] = _Failures(number + 1, now)
            while len(self._failures) > MOST:
                self._failures.popitem(last=False)
            return 0.0

    def forget(self, key: str) -> None:
        """Forget all failures of a key: its password was right."""
        with self._lock:
            self._failures.pop(key, None)

    def take_back(self, key: str) -> None:
        """Take back one try that did not fail: who has a password of their own must not hide guesses of others behind it."""
        with self._lock:
            if before := self._failures.get(key):
                self._failures[key] = before._replace(number=max(0, before.number - 1))

    def _rest(self, failures: _Failures, now: float) -> float:
        if failures.number < self._free:
            return 0.0
        wait = min(LONGEST_WAIT, 2.0 ** min(failures.number - self._free, 20))
        return max(0.0, failures.last + wait - now)


class Lanes:
    """The pages that are being made, by person: one impatient reader leaves the database to the others."""

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
