"""A bounded cache of costly values that forgets the unused ones.

Owns the ageing. Two generations: a value that is used moves to the young one; a turn drops the old one and makes the
young one old. So a value is gone after two turns without use, at the latest. Pure: the owner of the cache turns it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class AgedCache(Generic[Key, Value]):
    """Remembers what `compute` returned for at most `most` keys; belongs to one thread."""

    __slots__ = ("_compute", "_half", "_old", "_young")

    def __init__(self, compute: Callable[[Key], Value], *, most: int) -> None:
        self._compute = compute
        self._half = most // 2
        self._young: dict[Key, Value] = {}
        self._old: dict[Key, Value] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def __call__(self, key: Key) -> Value:
        """Return the value of a key, computed where it is not remembered; an error of `compute` is not remembered."""
        young = self._young
        if key in young:
            return young[key]
        value = self._old.pop(key) if key in self._old else self._compute(key)
        if len(young) >= self._half:
            self.turn()
        self._young[key] = value
        return value

    def turn(self) -> None:
        """Forget the values that were not used since the previous turn."""
        self._old, self._young = self._young, {}
