"""A simulation of the shipper over a day with an outage of ClickHouse: how long the backlog grows and when it is gone.

Owns the curve of a day and the walk through its minutes. Pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MINUTE = 60.0
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Backlog:
    """The largest number of events that waited in the spool, and the seconds from the end of the outage until none waited.

    `caught_up` is infinite when the shipper never catches up within the simulated time.
    """

    most: float
    caught_up: float


def arrivals(mean: float, moment: float, *, busiest: float = 2.0) -> float:
    """Return the events a second at a second of the day: a wave with its top at noon, `busiest` times the mean."""
    return mean * (1 + (busiest - 1) * math.cos(2 * math.pi * (moment / DAY - 0.5)))


def outage(mean: float, drain: float, *, begins: float, lasts: float, days: int = 30) -> Backlog:
    """Return the backlog when nothing is stored for `lasts` seconds from `begins` on; `drain` is the events stored a second."""
    waiting = most = 0.0
    moment = 0.0
    while moment < days * DAY:
        is_away = begins <= moment < begins + lasts
        waiting += MINUTE * (arrivals(mean, moment) - (0.0 if is_away else drain))
        waiting = max(0.0, waiting)
        most = max(most, waiting)
        moment += MINUTE
        if moment >= begins + lasts and not waiting:
            return Backlog(most, moment - begins - lasts)
    return Backlog(most, math.inf)
