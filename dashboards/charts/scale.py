"""The vertical scale of a chart: round ticks from zero, and the place of a value."""

from __future__ import annotations

from math import ceil, floor, log10
from typing import NamedTuple

MOST_TICKS = 4


class Scale(NamedTuple):
    """Values from 0 to `top`, `step` between two ticks, on `height` units of the drawing; 0 is at the bottom."""

    top: float
    step: float
    height: float

    def y(self, value: float) -> float:
        """Return the place of a value, rounded to a tenth."""
        return round(self.height - self.height * min(max(value, 0.0), self.top) / self.top, 1)

    @property
    def ticks(self) -> list[float]:
        """The round values from 0 to the top."""
        return [number * self.step for number in range(round(self.top / self.step) + 1)]


def scale_for(largest: float, height: float) -> Scale:
    """Return a scale whose top is the next round value: a step of 1, 2 or 5 times a power of ten, never below 1."""
    if largest <= 0:
        return Scale(1.0, 1.0, height)
    rough = largest / MOST_TICKS
    power = 10.0 ** floor(log10(rough))
    step = max(1.0, next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9)))
    return Scale(step * ceil(largest / step - 1e-9), step, height)
