"""The score of one suspect: points of its signals, capped by family, and the band they put it into.

Owns the arithmetic. Points are 10 times the natural logarithm of a likelihood ratio: 23 points make the odds tenfold. Theory of operation: of 100
clients about two are suspects before anything is known (`PRIOR`); points of a family repeat each other, so the largest counts
whole and the others half. *Likely* needs two families, because one family is one kind of observation, which may have one innocent cause. Two innocent
people may share a browser or an address, so one of the two must bring more than any single innocent cause does (`ALONE`), and neither is the network,
whose points count for *watch* only, nor timing, which a screen in a waiting room has. Signals that no person sets off need no second family. What a
foreign page can make a browser send never makes *likely*. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from math import exp
from typing import Final, Literal, NamedTuple

from pipeline.scoring.rules import CAPS, Signal

Band = Literal["none", "unclear", "watch", "likely"]
Foreign = Literal["none", "some", "all"]

PRIOR: Final = -40.0
WATCH: Final = 32
LIKELY: Final = 54
UNCLEAR: Final = 15
SECOND: Final = 10
"""The second family must bring at least so many points."""
ALONE: Final = 40
"""One family must bring so many points: no single innocent cause does. A screen has 35 by its timing, a forgotten password 35, a VPN 32."""
MARKED: Final = 55
"""From so many points on, what a client says about itself needs no second family but its network: a copied cookie, a browser that is none."""
SHARED: Final = 3
"""More people than this behind one address take weight from the signals of the address."""
_NO_SECOND: Final = frozenset({"N", "T"})
_MARKS: Final = frozenset({"I", "L"})
_STRONG_TOGETHER: Final = (frozenset({"F14", "F15"}), frozenset({"F05", "F15", "F20", "F23"}))
"""Each has an innocent cause alone. A visit that is as long and as broad has none, nor a browser of a data centre that goes through the site day and
night like a clock. Those of `_AT_HIGHEST` count at their highest level; F15b is as broad as F15."""
_AT_HIGHEST: Final = frozenset({"F14", "F20"})

_OF_NO_PAGE: Final = "F10"
"""A browser in a foreign page's hands still says the same of itself in the agent and in the hints: who contradicts there is a program."""


class Sign(NamedTuple):
    """A signal that fired for a suspect, with its value."""

    signal: Signal
    value: float


class Surroundings(NamedTuple):
    """The other people who may be behind a suspect's hits.

    How many people share its address, how many usually share one of its provider, whether it is a mobile one; how many of its hits a foreign page may
    have made, whether its browser came back there with a cookie, which the suspect has not, and whether the networks of its addresses are its own
    alone that day: what an address or network did may else be another's.
    """

    people_here: int = 0
    people_there: float = 0.0
    is_mobile: bool = False
    foreign: Foreign = "none"
    has_cookie_beside: bool = False
    is_alone: bool = True


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
    families = _families(signs, points)
    total = sum(families.values())
    return Scored(points, families, PRIOR + total, _band(total, _may_be_likely(signs, points, around)))


def _families(signs: Sequence[Sign], points: Mapping[str, float]) -> dict[str, float]:
    by_family: dict[str, list[float]] = defaultdict(list)
    for sign in signs:
        by_family[sign.signal.family].append(points[sign.signal.name])
    return {family: min(CAPS[family], _together(each)) for family, each in by_family.items()}


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


def _may_be_likely(signs: Sequence[Sign], points: Mapping[str, float], around: Surroundings) -> bool:
    strong = [sign.signal for sign in signs if sign.signal.strong and points[sign.signal.name] > 0]
    if any(signal.family == "L" for signal in strong):
        return True  # by its own name, which no page can change
    if around.has_cookie_beside:
        return False
    if around.foreign == "some":
        # The strong signals leave a foreign page's hits out by themselves; what the others count, it may have made.
        return bool(strong)
    if around.foreign == "all" and not points.get(_OF_NO_PAGE):
        return False
    own = [sign for sign in signs if around.is_alone or sign.signal.of == "client"]
    return bool(strong) or _is_strong_together(signs, points) or _has_two(_families(own, points))


def _has_two(families: Mapping[str, float]) -> bool:
    proofs = {family: points for family, points in families.items() if family != "N"}
    if max(proofs.values(), default=0) >= ALONE and sum(proofs.values()) >= LIKELY:
        seconds = [points for family, points in proofs.items() if family not in _NO_SECOND and points >= SECOND]
        if len(seconds) > 1:
            return True
    marks = max((families.get(family, 0) for family in _MARKS), default=0)
    return marks >= MARKED and families.get("N", 0) >= SECOND


def _is_strong_together(signs: Sequence[Sign], points: Mapping[str, float]) -> bool:
    fired = {
        sign.signal.name[:3]
        for sign in signs
        if points[sign.signal.name] >= (sign.signal.levels[-1][1] if sign.signal.name in _AT_HIGHEST else 1)
    }
    return any(fired >= each for each in _STRONG_TOGETHER)


def _band(total: float, may_be_likely: bool) -> Band:
    if total >= LIKELY and may_be_likely:
        return "likely"
    if total >= WATCH:
        return "watch"
    return "unclear" if total >= UNCLEAR else "none"
