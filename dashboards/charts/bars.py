"""Bars inside the cells of a table: the length of each, from zero, as a share of the largest."""

from __future__ import annotations

from collections.abc import Sequence


def lengths(values: Sequence[object]) -> list[int | None]:
    """Return the length of each bar in hundredths of the largest, None for what is no number."""
    numbers = [_number(value) for value in values]
    largest = max((number for number in numbers if number is not None), default=0.0)
    return [None if number is None or largest <= 0 else round(100 * max(number, 0) / largest) for number in numbers]


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
