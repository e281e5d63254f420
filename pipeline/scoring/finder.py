"""The finder: which combination of country, browser and network jumped against its own last days.

Owns the tail of the counts and the correction for having looked at many. Theory of operation: the clients of a combination on one day are
compared with those of its own last 28 days by the upper tail of a Poisson count, or of a negative binomial one where its days vary more than that,
and with those that are expected if its browser was updated there as everywhere else, or each new version of a browser would be a jump;
Benjamini-Hochberg over every combination tried bounds the share of false proposals. It proposes, it never scores. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, lgamma, log
from statistics import fmean, variance
from typing import Final, NamedTuple

HISTORY_DAYS: Final = 28
LEAST_CLIENTS: Final = 20
FALSE_SHARE: Final = 0.01
"""At most so large a share of what is proposed jumped by chance alone."""
_ESTIMATED: Final = 0.25
"""The share of a version elsewhere is an estimate: its standard deviation is taken as a quarter of what it expects."""
_NEGLIGIBLE: Final = 1e-17
_LEAST_MEAN: Final = 0.5 / HISTORY_DAYS
"""The mean of a combination that was never seen: half a client in all days, so that its tail stays finite."""


class Combination(NamedTuple):
    """A country, a browser with its version, and a network by its number."""

    country: str
    browser: str
    asn: int


class Counted(NamedTuple):
    """The clients of a combination on the day, how many of them are of each kind, and the clients of each day before; 0 for none.

    A number of a kind is None where it is too small to be told. `expected` are the clients if this version of the browser were as common as elsewhere.
    """

    clients: int
    people: int | None
    touched: int | None
    in_case: int | None
    before: Sequence[int]
    expected: float = 0.0


class Proposal(NamedTuple):
    """A combination that jumped; `usual` is its mean of a day or what is expected, `chance` the tail, and `tried` how many combinations were compared."""

    combination: Combination
    counted: Counted
    usual: float
    chance: float
    tried: int


def proposals(counted: Mapping[Combination, Counted], of: int = 0) -> list[Proposal]:
    """Return the combinations that jumped, the least likely by chance first; each needs `HISTORY_DAYS` days before it.

    `of` is the number of all combinations of the day, where small ones are left out of `counted`.
    Raises `ValueError` for a combination with another number of days before.
    """
    tried = {combination: each for combination, each in counted.items() if each.clients >= LEAST_CLIENTS}
    for combination, each in tried.items():
        if len(each.before) != HISTORY_DAYS:
            raise ValueError(f"AS{combination.asn}: {len(each.before)} days before: expected {HISTORY_DAYS}")
    number = max(of, len(counted))
    found = [
        Proposal(
            combination,
            each,
            max(fmean(each.before), each.expected),
            chance(each.clients, each.before, each.expected),
            number,
        )
        for combination, each in tried.items()
    ]
    found.sort(key=lambda each: (each.chance, -each.counted.clients, each.combination))
    passed = [place for place, each in enumerate(found, 1) if each.chance <= FALSE_SHARE * place / number]
    return found[: max(passed, default=0)]


def chance(clients: int, before: Sequence[int], expected: float = 0.0) -> float:
    """Return how likely at least so many clients are on a day, by the days before or by what else is expected, if that is more."""
    mean = max(fmean(before), expected, _LEAST_MEAN)
    return upper_tail(clients, mean, max(variance(before), mean, expected + (_ESTIMATED * expected) ** 2))


def upper_tail(number: int, mean: float, spread: float) -> float:
    """Return the chance of at least this number: Poisson where the variance `spread` is the mean, else negative binomial."""
    if number <= 0:
        return 1.0
    size = mean * mean / (spread - mean) if spread > mean * (1 + 1e-9) else 0.0
    term = exp(_log_mass(number, mean, size))
    total, at = term, number
    while at <= mean or term > total * _NEGLIGIBLE:
        at += 1
        term = exp(_log_mass(at, mean, size))
        total += term
        if not total and at > mean:
            break
    return min(1.0, total)


def _log_mass(number: int, mean: float, size: float) -> float:
    if not size:
        return number * log(mean) - mean - lgamma(number + 1)
    stays = log(size / (size + mean))
    return lgamma(number + size) - lgamma(size) - lgamma(number + 1) + size * stays + number * log(mean / (size + mean))
