"""The usual number of a count by hour, and the usual share of a part, learned from the hours before; pure.

Theory of operation: a count follows the hours of the week. With few weeks an hour of the week was seen once or twice, so its mean is drawn towards the
level of its day times the shape of a working day (or of the weekend). A share follows the quarter of the day
only. Two numbers say how far the usual can be trusted: the `spread` within a day (variance in parts of the mean: views of one person
come together), and the `wander` from day to day (relative deviation: weather, holidays, advertisements). `margin` is the least favourable
usual that the history allows: with little history, only large changes are certain.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from pipeline.detection.series import WEEK_HOURS, Hours, Numbers
from pipeline.detection.statistics import wilson

PULL: Final = 2.0
"""The mean of a group of hours counts as much as so many own hours."""
PRIOR_WANDER: Final = 0.15
PRIOR_DAYS: Final = 4.0
"""Before the history tells otherwise, days differ by 15 %, with the weight of so many days."""
PRIOR_EVENTS: Final = 30.0
DOUBT: Final = 1.0
"""Standard errors between the usual and the least favourable usual."""
_LEAST: Final = 1e-9
_DAY: Final = 24
_WEEK: Final = 7
_WORKING: Final = 5


class Usual(NamedTuple):
    """The usual by hour: a number of the count, or a share from 0 to 1.

    `margin` is the factor between the usual and its least favourable value (below 1 towards a loss, above 1 towards a rise).
    """

    by_hour: Numbers
    spread: float
    wander: float
    below: float
    above: float


def usual_count(seen: Numbers, history: NDArrayBool, week: Hours, *, prior_spread: float) -> Usual:
    """Return the usual of a count; `history` marks the hours to learn from, `week` has the hour of the week (0 to 167) of each hour."""
    expected = _profile(seen, history, week)[week]
    days = _days(history)
    of_day, usual_of_day = _by_day(seen, history, days), _by_day(expected, history, days)
    scale = np.where(usual_of_day > 0, of_day / np.maximum(usual_of_day, _LEAST), 1.0)[days]
    # An hour is a part of its own mean: without it, its distance would be larger.
    seen_hours = np.bincount(week[history], minlength=WEEK_HOURS)[week]
    apart = (seen - expected * scale) * (seen_hours + PULL) / np.maximum(seen_hours + PULL - 1, 1.0)
    spread = _spread(apart, expected, history, prior_spread)
    wander = _wander(of_day - usual_of_day, usual_of_day, spread)
    total, number = float(expected[history].sum()), _number_of_days(history)
    doubt = DOUBT * np.sqrt(spread / max(total, _LEAST) + wander**2 / max(number, 0.5))
    return Usual(expected, spread, wander, max(0.05, 1 - float(doubt)), 1 + float(doubt))


def usual_share(
    seen: Numbers, of: Numbers, history: NDArrayBool, week: Hours, *, prior: float, weight: float, prior_spread: float
) -> Usual:
    """Return the usual share of `seen` in `of`; before any history it is `prior`, with the weight of so many events."""
    number, total = float(seen[history].sum()), float(of[history].sum())
    share = (number + weight * prior) / (total + weight) if total + weight else prior
    parts = _part_of_day(week)
    in_part = np.bincount(parts[history], seen[history], minlength=8)
    of_part = np.bincount(parts[history], of[history], minlength=8)
    by_hour = ((in_part + PRIOR_EVENTS * share) / (of_part + PRIOR_EVENTS))[parts]
    expected, variance = of * by_hour, np.maximum(of * by_hour * (1 - by_hour), 0.0)
    spread = _spread(seen - expected, variance, history, prior_spread)
    days = _days(history)
    wander = _wander(_by_day(seen - expected, history, days), _by_day(variance, history, days), spread)
    bounds = wilson((number + weight * prior) / spread, (total + weight) / spread, DOUBT)
    drift = float(np.exp(DOUBT * wander / np.sqrt(max(_number_of_days(history), 0.5))))
    middle = max(share, _LEAST)
    return Usual(by_hour, spread, wander, bounds.low / middle / drift, bounds.high / middle * drift)


NDArrayBool = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


def _profile(seen: Numbers, history: NDArrayBool, week: Hours) -> Numbers:
    """Return the usual number of each hour of the week: the level of its day times the shape of a working day or weekend day.

    One week tells the level of each day; each further one draws the hours to what they were themselves.
    """
    number = np.bincount(week[history], seen[history], minlength=WEEK_HOURS).reshape(_WEEK, _DAY)
    hours = np.bincount(week[history], minlength=WEEK_HOURS).astype(np.float64).reshape(_WEEK, _DAY)
    mean = number.sum(axis=0) / np.maximum(hours.sum(axis=0), 1.0)
    shape = np.empty((_WEEK, _DAY))
    for days in (slice(0, _WORKING), slice(_WORKING, _WEEK)):
        own = number[days].sum(axis=0) + PULL * mean
        shape[days] = own / (hours[days].sum(axis=0) + PULL)
    # Days of which not every hour is known count by the part that those hours have of the shape.
    known = (hours * shape).sum(axis=1)
    level = (number.sum(axis=1) + _LEAST) / (known + _LEAST)
    prior = level[:, np.newaxis] * shape
    result: Numbers = ((number + PULL * prior) / (hours + PULL)).reshape(WEEK_HOURS)
    return result


def _part_of_day(week: Hours) -> Hours:
    """Return the part of an hour of the week: six hours of a working day (0 to 3) or of the weekend (4 to 7)."""
    result: Hours = (week >= 5 * _DAY).astype(np.int64) * 4 + week % _DAY // 6
    return result


def _days(history: NDArrayBool) -> Hours:
    result: Hours = np.arange(history.size) // _DAY
    return result


def _by_day(numbers: Numbers, history: NDArrayBool, days: Hours) -> Numbers:
    last = int(days[-1]) + 1 if days.size else 0
    result: Numbers = np.bincount(days, np.where(history, numbers, 0.0), minlength=last).astype(np.float64)
    return result


def _number_of_days(history: NDArrayBool) -> float:
    return float(history.sum()) / _DAY


def _spread(residual: Numbers, variance: Numbers, history: NDArrayBool, prior: float) -> float:
    """Return the variance in parts of the one that independent events have, drawn towards a prior; at least 1."""
    squares = residual[history] ** 2
    if squares.size:
        # One outage among the hours to learn from must not hide the next one.
        place = int(0.995 * squares.size)
        squares = np.minimum(squares, np.partition(squares, place)[place])
    weight = float(variance[history].sum())
    return max(1.0, (float(squares.sum()) + PRIOR_EVENTS * prior) / (weight + PRIOR_EVENTS))


def _wander(difference: Numbers, variance: Numbers, spread: float) -> float:
    """Return the deviation of a day's level beyond the spread of its events, in parts of the level."""
    squares = np.sort(difference**2 - spread * variance)
    weights = variance**2
    kept = slice(0, max(1, int(squares.size * 0.95)))
    number = float((weights > 0).sum())
    own = max(0.0, float(squares[kept].sum()) / max(float(weights.sum()), _LEAST)) if number else 0.0
    return float(np.sqrt((number * own + PRIOR_DAYS * PRIOR_WANDER**2) / (number + PRIOR_DAYS)))
