"""A bounded cache of values that are costly to compute; it drops values that are no longer used.

Owns the ageing. Two generations: a used value moves to the young generation; a turn drops the old generation and makes
the young one old. So an unused value is gone after at most two turns. Pure: the owner of the cache calls `turn`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class AgedCache(Generic[Key, Value]):
    """Caches the results of `compute` for at most `most` keys; belongs to one thread."""

    __slots__ = ("_compute", "_half", "_old", "_young")

    def __init__(self, compute: Callable[[Key], Value], *, most: int) -> None:
        self._compute = compute
        self._half = most // 2
        self._young: dict[Key, Value] = {}
        self._old: dict[Key, Value] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def __call__(self, key: Key) -> Value:
        """Return the value of a key, computed if it is not cached; an error of `compute` is not cached."""
        young = self._young
        if key in young:
            return young[key]
        value = self._old.pop(key) if key in self._old else self._compute(key)
        if len(young) >= self._half:
            self.turn()
        self._young[key] = value
        return value

    def turn(self) -> None:
        """Drop the values that were not used since the last turn."""
        self._old, self._young = self._young, {}

    def clear(self) -> None:
        """Drop all values."""
        self._old, self._young = {}, {}
