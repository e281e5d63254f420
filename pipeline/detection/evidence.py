"""The sequential evidence for a change of a count or share; pure.

Theory of operation: for each hour, the logarithm of the likelihood of "changed by the factor" against "as always" is added up; the sum never falls
below zero (CUSUM: Page 1954, with Lorden's optimality 1971). A change is certain once the sum reaches a limit, and it began after the last
zero. A recovery is found in the same way with the two hypotheses exchanged. So a small site is told as soon as its numbers allow, and no
number of hours is chosen in advance. The evidence is divided by the spread of the counts, because views of one person are not independent.
"""

from __future__ import annotations

from math import log
from typing import Final, NamedTuple

import numpy as np

from pipeline.detection.series import Numbers

CERTAIN: Final = log(1e5)
"""Chance explains so much evidence once in a hundred thousand tries."""
RECOVERED: Final = log(1e3)
"""The evidence against the change that ends it: less than its begin needs, and more than one good hour gives."""
_LEAST: Final = 1e-6


class Episode(NamedTuple):
    """A change that was found: the first hour with it, the hour in which it became certain, the first good hour after it or None.

    `evidence` is the largest sum of logarithms of likelihood (in nats), `factor` the change that was tested.
    """

    first: int
    certain: int
    end: int | None
    evidence: float
    factor: float


def of_count(seen: Numbers, expected: Numbers, factor: float, spread: float = 1.0) -> Numbers:
    """Return by hour the evidence that a count is `factor` times the expected one (Poisson, overdispersed by `spread`), in nats."""
    return (seen * log(factor) - expected * (factor - 1)) / spread


def of_share(seen: Numbers, of: Numbers, share: Numbers, factor: float, spread: float = 1.0) -> Numbers:
    """Return by hour the evidence that the odds of a share are `factor` times the usual ones (binomial), in nats."""
    usual = np.clip(share, _LEAST, 1 - _LEAST)
    changed = usual * factor / (1 - usual + usual * factor)
    return (seen * np.log(changed / usual) + (of - seen) * np.log((1 - changed) / (1 - usual))) / spread


def episodes(
    evidence: Numbers, factor: float, limit: float = CERTAIN, recovery: Numbers | None = None
) -> list[Episode]:
    """Return the changes in the order of time; the last one may go on.

    `recovery` is the evidence that ends a change where it differs from the one that begins it.
    """
    found: list[Episode] = []
    total, against, first, certain, good, highest = 0.0, 0.0, 0, -1, 0, 0.0
    back = evidence if recovery is None else recovery
    for place, (piece, still) in enumerate(zip(evidence.tolist(), back.tolist(), strict=True)):
        if total <= 0 and certain < 0:
            first = place
        total = max(0.0, total + piece)
        if certain < 0:
            if total >= limit:
                certain, against, highest = place, 0.0, total
            continue
        if against <= 0:
            good = place
        against = max(0.0, against - still)
        highest = max(highest, total)
        if against >= RECOVERED:
            found.append(Episode(first, certain, max(good, certain), highest, factor))
            total, certain = 0.0, -1
    if certain >= 0:
        found.append(Episode(first, certain, None, highest, factor))
    return found


def may_be_certain(evidence: Numbers, limit: float = CERTAIN) -> bool:
    """Return whether the sum reaches the limit anywhere: a quick look at a whole array."""
    sums = np.concatenate(([0.0], np.cumsum(evidence)))
    return bool((sums - np.minimum.accumulate(sums)).max() >= limit)
