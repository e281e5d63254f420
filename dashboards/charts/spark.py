"""A small line of some days without axes: spans without data are hatched, never zero, and today is marked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, tzinfo
from itertools import groupby
from typing import Final, NamedTuple

from dashboards.charts.line import Gap, Point, line, scale_of

WIDTH: Final = 240
HEIGHT: Final = 40


class OfDay(NamedTuple):
    """The number of one day, None where no span of it has one, and how many of its spans have none."""

    day: date
    value: float | None
    missing: int


class Spark(NamedTuple):
    """The shapes, in units of the drawing; `today` is where today begins, None where it is not shown, `last` the newest number."""

    path: str
    band: str
    dots: Sequence[tuple[float, float]]
    gaps: Sequence[Gap]
    today: float | None
    last: tuple[float, float] | None
    days: Sequence[OfDay]
    width: int = WIDTH
    height: int = HEIGHT


def spark(
    points: Sequence[Point],
    today: date,
    zone: tzinfo,
    of_day: Callable[[Iterable[float]], float] = sum,
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> Spark:
    """Return the shapes of equally long spans in order of time; `of_day` makes the number of a day from those of its spans."""
    drawn, scale = line(points, width=width, height=height, left=0), scale_of(points, height)
    days, step = [each.at.astimezone(zone).date() for each in points], width / max(len(points) - 1, 1)
    known = [
        (round(number * step, 1), scale.y(each.value)) for number, each in enumerate(points) if each.value is not None
    ]
    return Spark(
        drawn.path,
        drawn.band,
        drawn.dots,
        drawn.gaps,
        round(max(0.0, days.index(today) * step - step / 2), 1) if today in days else None,
        known[-1] if known else None,
        [_of_day(day, [each for each, _ in group], of_day) for day, group in _by_day(points, days)],
        width,
        height,
    )


def _by_day(points: Sequence[Point], days: Sequence[date]) -> Iterable[tuple[date, Iterable[tuple[Point, date]]]]:
    return groupby(zip(points, days, strict=True), key=lambda each: each[1])


def _of_day(day: date, points: Sequence[Point], of_day: Callable[[Iterable[float]], float]) -> OfDay:
    known = [point.value for point in points if point.value is not None]
    return OfDay(day, of_day(known) if known else None, len(points) - len(known))
