"""Intervals of shares and counts, by the formulas of the textbooks; pure.

Owns the intervals that say how many were lost and how certain a share is. The limits of a test are in `evidence`.
"""

from __future__ import annotations

from math import sqrt
from typing import Final, NamedTuple

SURE: Final = 1.96
"""Standard errors of a two-sided interval of 95 %."""


class Interval(NamedTuple):
    """A lower bound, an estimate and an upper bound, in the unit of the estimate."""

    low: float
    middle: float
    high: float


def wilson(number: float, of: float, z: float = SURE) -> Interval:
    """Return the interval of a share, from 0 to 1; of nothing it is the whole range.

    Source: Wilson 1927, the score interval, as recommended by Brown, Cai and DasGupta 2001.
    """
    if of <= 0:
        return Interval(0.0, 0.5, 1.0)
    share = min(1.0, max(0.0, number / of))
    middle = share + z * z / (2 * of)
    width = z * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    scale = 1 + z * z / of
    return Interval(max(0.0, (middle - width) / scale), share, min(1.0, (middle + width) / scale))


def difference(number: float, of: float, other_number: float, other_of: float, z: float = SURE) -> Interval:
    """Return the interval of one share minus another one, from -1 to 1.

    Source: Newcombe 1998, method 10, the square-and-add interval of two Wilson intervals.
    """
    one, other = wilson(number, of, z), wilson(other_number, other_of, z)
    middle = one.middle - other.middle
    below = sqrt((one.middle - one.low) ** 2 + (other.high - other.middle) ** 2)
    above = sqrt((one.high - one.middle) ** 2 + (other.middle - other.low) ** 2)
    return Interval(max(-1.0, middle - below), middle, min(1.0, middle + above))


def shortfall(seen: float, expected: float, spread: float, wander: float, z: float = SURE) -> Interval:
    """Return the interval of the expected minus the seen number of a count.

    `spread` is its variance in parts of its mean, `wander` the relative deviation of its level from day to day.
    """
    width = z * sqrt(spread * max(seen, 1.0) + (wander * expected) ** 2)
    middle = expected - seen
    return Interval(middle - width, middle, middle + width)
