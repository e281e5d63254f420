"""Attackers of published numbers, on a model: independent visitors, and the product's own rule for what is shown.

A person's keyed hash is modelled as a random number of 64 bits, new in every span: nobody without the secret can tell it from one.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from itertools import accumulate, pairwise
from typing import NamedTuple

from pipeline.publish.cells import THRESHOLD, Number, RawCell, most_hits, published
from pipeline.publish.noise import KEYS, MILLION, Kind, noise
from pipeline.reports.catalogue import all_reports, find
from pipeline.reports.header import Report

BROWSERS = find("technical/browsers", all_reports())
"""A report of the kind `partition`."""

DAY_HOURS, WEEK_DAYS = 24, 7


def poisson(draw: random.Random, mean: float) -> int:
    """Return a number from the Poisson distribution."""
    limit, product, number = math.exp(-mean), draw.random(), 0
    while product > limit:
        product *= draw.random()
        number += 1
    return number


def keys(draw: random.Random, people: int) -> list[int]:
    """Return the keyed hash of each of so many people in one span."""
    return [draw.getrandbits(64) for _ in range(people)]


class Seen(NamedTuple):
    """The numbers of one row that a reader sees; None for a missing one."""

    visitors: int | None = None
    hits: int | None = None
    errors: int | None = None


def number(people: Sequence[int], hits: Sequence[int], most: int) -> Number:
    """Return a measure of these people, in the order of their hits."""
    having = [key for key, each in zip(people, hits, strict=True) if each]
    return Number(sum(min(each, most) for each in hits), len(having), sum(having) % KEYS)


def cell(people: Sequence[int], report: Report = BROWSERS, **hits: Sequence[int]) -> RawCell:
    """Return the cell of a public name with these people; `hits` are those of each person, by measure."""
    most = most_hits(report)
    return RawCell(
        keys=("x",) * len(report.named("key")),
        people=len(people),
        at_least=len(people),
        cell_key=sum(people) % KEYS,
        numbers={name: number(people, each, most) for name, each in hits.items()},
    )


def shown(people: Sequence[int], report: Report = BROWSERS, **hits: Sequence[int]) -> Seen:
    """Return what is published of a cell of a public name."""
    seen = published(report, cell(people, report, **hits))
    if seen is None:
        return Seen()
    return Seen(seen.visitors, seen.numbers.get("hits"), seen.numbers.get("errors"))


@cache
def shares(kind: Kind = "ordinary") -> dict[int, float]:
    """Return the probability of each noise, as the table is public."""
    table = noise()[kind]
    counts = [after - before for before, after in pairwise((0, *table.limits))]
    return {value: count / MILLION for value, count in enumerate(counts, start=-table.reach)}


def right(trials: int, seed: int, guess: Callable[[random.Random, bool], float]) -> float:
    """Return how often an attacker is right who learns from `guess` how much more likely yes is than no (0: a coin)."""
    draw = random.Random(seed)
    hits = 0
    for _ in range(trials):
        truth = draw.random() < 0.5
        leaning = guess(draw, truth)
        hits += (leaning > 0) == truth if leaning else draw.random() < 0.5
    return hits / trials


@cache
def shares_of_hits(step: int) -> dict[int, float]:
    """Return the probability of each noise of a number of hits, as table and step are public."""
    found: dict[int, float] = defaultdict(float)
    for steps, share in shares().items():
        first, last = (steps - 0.5) * step, (steps + 0.5) * step
        for value in range(math.floor(first), math.ceil(last) + 1):
            overlap = min(last, value + 0.5) - max(first, value - 0.5)
            found[value] += share * max(0.0, overlap) / step
    return dict(found)


def likelihood(seen: int | None, others: int) -> float:
    """Return how much more likely a number is with one person more than the others, as a logarithm."""

    def chance(people: int) -> float:
        if seen is None:
            return sum(share for value, share in shares().items() if people + value < THRESHOLD["ordinary"])
        return shares().get(seen - people, 0.0)

    return _log(chance(others + 1)) - _log(chance(others))


def likelihood_of_hits(seen: Seen, others: int, own: int, step: int) -> float:
    """Return how much more likely the hits of a row are with those of one person, `own`, than with those of the others alone."""
    if seen.visitors is None or seen.hits is None:
        return 0
    noises, visitors, published_hits = shares_of_hits(step), seen.visitors, seen.hits

    def chance(hits: int) -> float:
        if published_hits == visitors:  # hits are at least the visitors
            return sum(share for value, share in noises.items() if hits + value <= visitors)
        return noises.get(published_hits - hits, 0.0)

    return _log(chance(others + own)) - _log(chance(others))


def _log(chance: float) -> float:
    return math.log(max(chance, 1e-9))


class Page:
    """A week of views of one page, each by another person: the moments (hours) and the keyed hashes in order."""

    def __init__(self, draw: random.Random, days: int, a_day: float) -> None:
        moments = sorted(24 * day + draw.random() * 24 for day in range(days) for _ in range(poisson(draw, a_day)))
        self.moments = moments
        self.sums = [0, *accumulate(keys(draw, len(moments)))]

    @classmethod
    def with_hour(cls, draw: random.Random, days: int, a_day: float, hour: int, *, has_view: bool) -> Page:
        """Return a page that has one view in an hour, or none."""
        page = cls(draw, days, a_day)
        kept = [moment for moment in page.moments if not hour <= moment < hour + 1]
        page.moments = sorted([*kept, hour + 0.5] if has_view else kept)
        page.sums = [0, *accumulate(keys(draw, len(page.moments)))]
        return page

    def free(self, since: float, until: float) -> int | None:
        """Return the answer of a report that any window may be asked of, with the noise of its people."""
        first, last = bisect_left(self.moments, since), bisect_left(self.moments, until)
        return self._answer(last - first, self.sums[last] - self.sums[first])

    def published_days(self, draw: random.Random) -> list[int | None]:
        """Return the numbers of the days, each published once: in its span a person has a hash of the span's own."""
        counts = [0] * (1 + int(max(self.moments)) // DAY_HOURS)
        for moment in self.moments:
            counts[int(moment) // DAY_HOURS] += 1
        return [shown(keys(draw, count)).visitors for count in counts]

    @staticmethod
    def _answer(people: int, key: int) -> int | None:
        seen = published(BROWSERS, cell([key])._replace(people=people, at_least=people))
        return None if seen is None else seen.visitors
