"""Bars of parts that add up, one for each day; a day without numbers is a gap, never zero."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple

from dashboards.charts.scale import scale_for

WIDTH: Final = 440
HEIGHT: Final = 120
LEFT: Final = 44
"""Room for the labels of the ticks."""
FILLED: Final = 0.75
"""Share of the room of a day that its bar takes."""
MOST_LABELS: Final = 5


class Box(NamedTuple):
    """A part of a bar."""

    part: str
    x: float
    y: float
    width: float
    height: float


class Stack(NamedTuple):
    """The shapes, in units of the drawing: boxes, the x of each gap, ticks with their values, labels with their days."""

    boxes: Sequence[Box]
    gaps: Sequence[float]
    bar: float
    ticks: Sequence[tuple[float, float]]
    labels: Sequence[tuple[float, date]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT


def stack(days: Sequence[date], parts: Sequence[str], values: Sequence[Sequence[float] | None]) -> Stack:
    """Return the bars of the days: `values` has for each day the value of each part, the lowest first, None where there is no number."""
    scale = scale_for(max((sum(of_day) for of_day in values if of_day is not None), default=0), HEIGHT)
    step = (WIDTH - LEFT) / max(len(days), 1)
    bar = round(step * FILLED, 1)
    places = [round(LEFT + step * number + (step - bar) / 2, 1) for number in range(len(days))]
    boxes: list[Box] = []
    for place, of_day in zip(places, values, strict=True):
        below = 0.0
        for part, value in zip(parts, of_day or [], strict=bool(of_day)):
            top = scale.y(below + value)
            height = round(scale.y(below) - top, 1)
            if height > 0:
                boxes.append(Box(part, place, top, bar, height))
            below += value
    every = max(1, -(-len(days) // MOST_LABELS))
    return Stack(
        boxes,
        [place for place, of_day in zip(places, values, strict=True) if of_day is None],
        bar,
        [(scale.y(value), value) for value in scale.ticks],
        [(round(places[number] + bar / 2, 1), days[number]) for number in range(0, len(days), every)],
    )
