"""A bounded cache of values that are costly to compute; it drops values that are no longer used.

Owns the ageing. Two generations: a used value moves to the young generation; a turn drops the old generation and makes
the young one old. So an unused value is gone after at most two turns. Pure: the owner of the cache calls `turn`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class AgedCache(dict[Key, Value]):
    """`cache[key]` is `compute(key)`, cached for at most `most` keys; an error is not cached. Belongs to one thread.

    The dictionary is the young generation: so a cached value costs no call of Python.
    """

    __slots__ = ("_compute", "_half", "_old")

    def __init__(self, compute: Callable[[Key], Value], *, most: int) -> None:
        super().__init__()
        self._compute = compute
        self._half = most // 2
        self._old: dict[Key, Value] = {}

    def __missing__(self, key: Key) -> Value:
        """Return the value of a key that is not in the young generation."""
        value = self._old.pop(key) if key in self._old else self._compute(key)
        if len(self) >= self._half:
            self.turn()
        self[key] = value
        return value

    def turn(self) -> None:
        """Drop the values that were not used since the last turn."""
        self._old = dict(self)
        super().clear()

    def clear(self) -> None:
        """Drop all values."""
        super().clear()
        self._old.clear()
