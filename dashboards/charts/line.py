"""A line over time: the pen is lifted where a number is missing, gaps are hatched, marks are vertical lines, the expected band lies behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final, NamedTuple

from dashboards.charts.scale import Scale, scale_for

WIDTH: Final = 720
HEIGHT: Final = 160
LEFT: Final = 48
"""Room for the labels of the ticks."""
MOST_LABELS: Final = 7
LETTER: Final = 10
"""The width of a letter of a label, at most: a narrow screen writes them larger."""
ROW: Final = 18
"""The height of a row of labels."""


class Point(NamedTuple):
    """The value of a span that begins at `at`, None where there is none; `low` and `high` bound what was expected."""

    at: datetime
    value: float | None
    low: float | None = None
    high: float | None = None


class Mark(NamedTuple):
    """Something that changed at a moment."""

    at: datetime
    label: str


class Tick(NamedTuple):
    """A place on an axis with its value."""

    place: float
    value: float


class Label(NamedTuple):
    """A place on the axis of time with its moment."""

    place: float
    at: datetime


class Gap(NamedTuple):
    """Spans without numbers."""

    x: float
    width: float
    since: datetime
    until: datetime


class Placed(NamedTuple):
    """A mark in the drawing: its label stands at `text`, `y`, to the right of the line or, near the edge, to the left (`anchor`)."""

    x: float
    label: str
    text: float
    y: int
    anchor: str


class Line(NamedTuple):
    """The shapes of a line chart, in units of the drawing."""

    path: str
    band: str
    dots: Sequence[tuple[float, float]]
    gaps: Sequence[Gap]
    marks: Sequence[Placed]
    ticks: Sequence[Tick]
    labels: Sequence[Label]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT


def line(
    points: Sequence[Point], marks: Sequence[Mark] = (), *, width: int = WIDTH, height: int = HEIGHT, left: int = LEFT
) -> Line:
    """Return the shapes of a line; the points are equally far apart and in order of time."""
    scale = scale_of(points, height)
    step = (width - left) / max(len(points) - 1, 1)
    places = [round(left + step * number, 1) for number in range(len(points))]
    runs = list(_runs(points, places))
    return Line(
        path=" ".join(_path([(x, scale.y(point.value or 0)) for x, point in run]) for run in runs if len(run) > 1),
        band=_band(points, places, scale),
        dots=[(run[0][0], scale.y(run[0][1].value or 0)) for run in runs if len(run) == 1],
        gaps=list(_gaps(points, places, step, left, width)),
        marks=_marks(marks, points, places, width),
        ticks=[Tick(scale.y(value), value) for value in scale.ticks],
        labels=_labels(points, places),
        width=width,
        height=height,
        left=left,
    )


def scale_of(points: Sequence[Point], height: int) -> Scale:
    """Return the scale on which values and band of a line have their places."""
    largest = max((each for point in points for each in (point.value, point.high) if each is not None), default=0)
    return scale_for(largest, height)


def _runs(points: Sequence[Point], places: Sequence[float]) -> Iterator[list[tuple[float, Point]]]:
    for is_there, run in groupby(zip(places, points, strict=True), key=lambda each: each[1].value is not None):
        if is_there:
            yield list(run)


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{x:g} {y:g}" for x, y in places)


def _band(points: Sequence[Point], places: Sequence[float], scale: Scale) -> str:
    known = [(x, point.low, point.high) for x, point in zip(places, points, strict=True) if point.high is not None]
    if not known:
        return ""
    upper = [(x, scale.y(high or 0)) for x, _, high in known]
    lower = [(x, scale.y(low or 0)) for x, low, _ in reversed(known)]
    return _path([*upper, *lower]) + " Z"


def _gaps(points: Sequence[Point], places: Sequence[float], step: float, left: int, width: int) -> Iterator[Gap]:
    for is_gap, run in groupby(zip(places, points, strict=True), key=lambda each: each[1].value is None):
        if is_gap:
            of_gap = list(run)
            first, last = max(left, of_gap[0][0] - step / 2), min(width, of_gap[-1][0] + step / 2)
            yield Gap(round(first, 1), round(last - first, 1), of_gap[0][1].at, of_gap[-1][1].at)


def _marks(marks: Sequence[Mark], points: Sequence[Point], places: Sequence[float], width: int) -> list[Placed]:
    """Place the labels: those that would stand on each other go to rows of their own, and each name of one moment is drawn once."""
    at = dict.fromkeys((place, mark.label) for mark in marks if (place := _place(mark.at, points, places)) is not None)
    placed: list[Placed] = []
    ends: list[list[tuple[float, float]]] = []
    for x, label in sorted(at):
        room = len(label) * LETTER
        is_left = x + room > width
        begin, end = (x - room, x) if is_left else (x, x + room)
        row = next(
            (n for n, row in enumerate(ends) if all(end < left or begin > right for left, right in row)), len(ends)
        )
        if row == len(ends):
            ends.append([])
        ends[row].append((begin, end))
        placed.append(Placed(x, label, x - 3 if is_left else x + 3, 8 + row * ROW, "end" if is_left else "start"))
    return placed


def _place(at: datetime, points: Sequence[Point], places: Sequence[float]) -> float | None:
    before = [place for place, point in zip(places, points, strict=True) if point.at <= at]
    return before[-1] if before and at <= points[-1].at else None


def _labels(points: Sequence[Point], places: Sequence[float]) -> list[Label]:
    """Return labels at most `MOST_LABELS` times; of spans shorter than a day only those at midnight, which all name another day."""
    days = [number for number, point in enumerate(points) if (point.at.hour, point.at.minute) == (0, 0)]
    kept = days if 1 < len(days) < len(points) else list(range(len(points)))
    return [Label(places[number], points[number].at) for number in kept[:: max(1, -(-len(kept) // MOST_LABELS))]]
