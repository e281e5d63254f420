"""How the points of a suspect add up: a step for each sign, from the sum before it to the sum after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

ROOM: Final = 8.0
"""Points of room beyond the last mark or step."""


class Sign(NamedTuple):
    """A sign with its own points; those of a family count together."""

    name: str
    family: str
    points: float


class Step(NamedTuple):
    """What a sign adds to the sum: `points`, and the bar from the sum `before` to the sum `after`, in hundredths of the drawing."""

    name: str
    points: float
    before: float
    after: float
    x: float
    width: float


class Waterfall(NamedTuple):
    """The steps, the largest first, the place where they begin, and the place and value of each mark."""

    steps: Sequence[Step]
    start: float
    end: float
    marks: Sequence[tuple[float, float]]


def waterfall(prior: float, signs: Sequence[Sign], families: Mapping[str, float], marks: Sequence[float]) -> Waterfall:
    """Return the steps from the prior to the score: those of a family have its points, shared as the score does it.

    The largest sign of a family counts whole and the others half; where the family has less than that, all of its signs shrink alike.
    """
    shares = _shares(signs, families)
    end = prior + sum(shares.values())
    low, high = min(prior, 0.0), max([end, *marks]) + ROOM
    steps: list[Step] = []
    before = prior
    for name, points in sorted(shares.items(), key=lambda each: (-each[1], each[0])):
        after = before + points
        left, right = _place(before, low, high), _place(after, low, high)
        steps.append(Step(name, round(points, 1), round(before, 1), round(after, 1), left, round(right - left, 1)))
        before = after
    return Waterfall(
        steps, _place(prior, low, high), round(end, 1), [(_place(mark, low, high), mark) for mark in marks]
    )


def _shares(signs: Sequence[Sign], families: Mapping[str, float]) -> dict[str, float]:
    shares: dict[str, float] = {}
    for family, points in families.items():
        of_family = sorted(
            (sign for sign in signs if sign.family == family), key=lambda sign: (-sign.points, sign.name)
        )
        weights = [sign.points / (1 if number == 0 else 2) for number, sign in enumerate(of_family)]
        whole = sum(weights)
        if points > 0 and whole > 0:
            shares |= {
                sign.name: points * weight / whole
                for sign, weight in zip(of_family, weights, strict=True)
                if weight > 0
            }
    return shares


def _place(value: float, low: float, high: float) -> float:
    return round(100 * (value - low) / (high - low), 1)
