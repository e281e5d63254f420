"""The brake on guessing passwords: after some failures for a name, or from an address, the next try must wait.

Owns the counts, in memory alone: an address of a member of staff is kept for an hour and on no disk. Bounded in size.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final, NamedTuple

FREE: Final = 5
"""Failures before the first wait: a person mistypes."""
LONGEST_WAIT: Final = 15 * 60.0
FORGOTTEN: Final = 60 * 60.0
"""Seconds."""
MOST: Final = 10_000


class _Failures(NamedTuple):
    number: int
    last: float


class Brake:
    """The failures by key; `now` gives seconds that only grow."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._failures: OrderedDict[str, _Failures] = OrderedDict()
        self._lock = Lock()

    def wait(self, *keys: str) -> float:
        """Return the seconds before the next try with these keys, 0 for none."""
        with self._lock:
            return max((self._rest(self._failures.get(key)) for key in keys), default=0.0)

    def begin(self, *keys: str) -> float:
        """Begin a try: return the seconds that it must wait, else 0, and count it as failed until `succeeded`.

        In one step, so that of many tries sent at once no more are let through than of tries one after the other.
        """
        with self._lock:
            wait = max((self._rest(self._failures.get(key)) for key in keys), default=0.0)
            if not wait:
                self._count(keys)
            return wait

    def failed(self, *keys: str) -> None:
        """Count a failure of each key."""
        with self._lock:
            self._count(keys)

    def succeeded(self, *keys: str) -> None:
        """Forget the failures of each key."""
        with self._lock:
            for key in keys:
                self._failures.pop(key, None)

    def _count(self, keys: tuple[str, ...]) -> None:
        now = self._now()
        for key in keys:
            before = self._failures.pop(key, None)
            number = before.number if before and now - before.last < FORGOTTEN else 0
            self._failures[key] = _Failures(number + 1, now)
        while len(self._failures) > MOST:
            self._failures.popitem(last=False)

    def _rest(self, failures: _Failures | None) -> float:
        if failures is None or failures.number < FREE:
            return 0.0
        wait = min(LONGEST_WAIT, 2.0 ** min(failures.number - FREE, 20))
        return max(0.0, failures.last + wait - self._now())
