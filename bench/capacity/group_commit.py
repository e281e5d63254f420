"""A queueing simulation of group commit: the time from a hit to its answer, by the load and by the slowness of the disk.

Owns the model of one collector worker: one event loop that reads hits, starts groups and answers them, and one disk that syncs
one group at a time (`pipeline.spool.append`). Pure: the randomness is seeded by the caller.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

Sync = Callable[[random.Random], float]
"""Draws the seconds of one sync."""
_END_OF_SYNC = -1.0


@dataclass(frozen=True, slots=True)
class LoopCosts:
    """Seconds of the event loop for reading one hit, for starting one group, and for answering one hit."""

    hit: float
    group: float
    answer: float

    @property
    def most_hits(self) -> float:
        """Hits a second at which the loop is never idle, with groups so large that their own cost vanishes."""
        return 1 / (self.hit + self.answer)


@dataclass(frozen=True, slots=True)
class Answers:
    """The seconds from each hit to its answer, in order of size; the hits in a group, on average; hits a second."""

    seconds: list[float]
    hits_in_a_group: float
    rate: float

    def percentile(self, share: float) -> float:
        """Return the seconds within which this share of the hits is answered (nearest rank)."""
        return self.seconds[min(len(self.seconds), max(1, math.ceil(share * len(self.seconds)))) - 1]


def simulate(costs: LoopCosts, sync: Sync, *, hits: int, seed: int, rate: float = 0.0, clients: int = 0) -> Answers:
    """Return the answers of `hits` hits that arrive by chance at `rate` a second (a Poisson process).

    With `clients` instead of `rate` each of so many clients sends its next hit when the one before is answered, as a load
    generator does.
    """
    chance = random.Random(seed)
    due = [(0.0, 0.0)] * clients or [(chance.expovariate(rate), 0.0)]  # the time of an arrival or of the end of a sync
    ready: deque[tuple[float, float]] = deque()
    group: list[float] = []
    in_flight: list[float] = []
    sizes: list[int] = []
    seconds: list[float] = []
    now = 0.0
    while len(seconds) < hits:
        while due and due[0][0] <= now:
            moment, kind = heapq.heappop(due)
            ready.append((moment, kind))
            if rate and kind != _END_OF_SYNC:
                heapq.heappush(due, (moment + chance.expovariate(rate), 0.0))
        if not ready:
            now = due[0][0]
            continue
        moment, kind = ready.popleft()
        if kind == _END_OF_SYNC:
            for arrived in in_flight:
                now += costs.answer
                seconds.append(now - arrived)
                if clients:
                    heapq.heappush(due, (now, 0.0))
            in_flight = []
        else:
            now += costs.hit
            group.append(moment)
        if group and not in_flight:
            now += costs.group
            in_flight, group = group, []
            sizes.append(len(in_flight))
            heapq.heappush(due, (now + sync(chance), _END_OF_SYNC))
    return Answers(sorted(seconds), fmean(sizes), len(seconds) / now)


def steady(seconds: float) -> Sync:
    """Return a disk that needs the same time for each sync."""
    return lambda _: seconds


def uneven(median: float, *, spread: float) -> Sync:
    """Return a disk whose syncs have a lognormal time; `spread` is the standard deviation of its logarithm."""
    return lambda chance: chance.lognormvariate(math.log(median), spread)
