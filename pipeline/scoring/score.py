"""The score of one suspect: points of its signals, capped by family, and the band they put it into.

Owns the arithmetic. Points are 10 times the natural logarithm of a likelihood ratio: 23 points make the odds tenfold. Theory of operation: of 100
clients about two are suspects before anything is known (`PRIOR`); points of a family repeat each other, so the largest counts
whole and the others half. *Likely* needs two families, because one family is one kind of observation, which may have one innocent cause; rate and
timing are one kind. Signals that no person sets off need no second family. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from math import exp
from typing import Final, Literal, NamedTuple

from pipeline.scoring.rules import CAPS, Signal

Band = Literal["none", "unclear", "watch", "likely"]

PRIOR: Final = -40.0
WATCH: Final = 32
LIKELY: Final = 54
UNCLEAR: Final = 15
SECOND: Final = 10
"""The second family must bring at least so many points."""
SHARED: Final = 3
"""More people than this behind one address take weight from the signals of the address."""
_KIND: Final[Mapping[str, str]] = {"R": "behaviour", "T": "behaviour"}
_STRONG_TOGETHER: Final = frozenset({"F14", "F15"})
"""Each has an innocent cause alone; a visit that is as long and as broad has none. F14 counts at its highest level; F15b is as broad as F15."""


class Sign(NamedTuple):
    """A signal that fired for a suspect, with its value."""

    signal: Signal
    value: float


class Surroundings(NamedTuple):
    """How many people share the suspect's address, how many usually share one of its provider, and whether it is a mobile one."""

    people_here: int = 0
    people_there: float = 0.0
    is_mobile: bool = False


class Scored(NamedTuple):
    """The result: points of each signal and family, their sum with the prior, and the band."""

    points: Mapping[str, float]
    families: Mapping[str, float]
    score: float
    band: Band

    @property
    def probability(self) -> float:
        """How likely the suspect is no ordinary visitor."""
        return probability(self.score)


def probability(score: float) -> float:
    """Return how likely a suspect with this score is no ordinary visitor."""
    return 1 / (1 + exp(-score / 10))


def scored(signs: Sequence[Sign], around: Surroundings, live: Collection[str] | None = None) -> Scored:
    """Return the score of a suspect with these signs; only `live` signals give points, None takes the shipped judgement."""
    if live is None:
        live = {sign.signal.name for sign in signs if not sign.signal.is_shadow}
    points = {sign.signal.name: _points(sign, around) if sign.signal.name in live else 0.0 for sign in signs}
    by_family: dict[str, list[float]] = defaultdict(list)
    for sign in signs:
        by_family[sign.signal.family].append(points[sign.signal.name])
    families = {family: min(CAPS[family], _together(each)) for family, each in by_family.items()}
    total = sum(families.values())
    return Scored(points, families, PRIOR + total, _band(total, families, _is_strong(signs, points)))


def _points(sign: Sign, around: Surroundings) -> float:
    signal = sign.signal
    if around.is_mobile and not signal.mobile:
        return 0.0
    weight = 1.0
    if signal.of != "client":
        weight = min(1.0, SHARED / max(around.people_here, around.people_there, SHARED))
    return signal.points(sign.value) * weight


def _together(points: Sequence[float]) -> float:
    largest = max(points)
    return largest + (sum(points) - largest) / 2


def _is_strong(signs: Sequence[Sign], points: Mapping[str, float]) -> bool:
    if any(sign.signal.strong and points[sign.signal.name] > 0 for sign in signs):
        return True
    highest = {
        sign.signal.name[:3]
        for sign in signs
        if points[sign.signal.name] >= (sign.signal.levels[-1][1] if sign.signal.name == "F14" else 1)
    }
    return highest >= _STRONG_TOGETHER


def _band(total: float, families: Mapping[str, float], is_strong: bool) -> Band:
    kinds: dict[str, float] = defaultdict(float)
    for family, points in families.items():
        kinds[_KIND.get(family, family)] += points
    has_second = sum(points >= SECOND for points in kinds.values()) > 1
    if total >= LIKELY and (is_strong or has_second):
        return "likely"
    if total >= WATCH:
        return "watch"
    return "unclear" if total >= UNCLEAR else "none"
