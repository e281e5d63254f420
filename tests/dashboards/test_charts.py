"""The arithmetic of charts."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboards.charts.bars import lengths
from dashboards.charts.line import Mark, Point, line
from dashboards.charts.scale import scale_for

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


def points(*values):
    return [Point(BEGIN + timedelta(days=number), value) for number, value in enumerate(values)]


@pytest.mark.parametrize(
    ("largest", "top", "step"),
    [
        (0, 1, 1),
        (1, 1, 1),
        (3, 3, 1),
        (7, 8, 2),
        (249, 300, 100),
        (100, 100, 50),
        (1234, 1500, 500),
        (999_999, 1_000_000, 500_000),
    ],
)
def test_ticks_are_round_and_the_top_is_not_below_the_largest(largest, top, step):
    scale = scale_for(largest, 160)
    assert (scale.top, scale.step) == (top, step)
    assert scale.ticks[0] == 0
    assert scale.ticks[-1] == top


def test_zero_is_at_the_bottom_and_the_top_at_the_top():
    scale = scale_for(10, 160)
    assert (scale.y(0), scale.y(scale.top), scale.y(scale.top / 2)) == (160, 0, 80)


def test_the_pen_is_lifted_where_a_number_is_missing_and_the_gap_is_hatched():
    drawn = line(points(1, 2, None, None, 2, 1), width=548, left=48)
    assert drawn.path.count("M") == 2
    assert [(gap.x, gap.width) for gap in drawn.gaps] == [(198.0, 200.0)]


def test_a_gap_is_never_zero():
    drawn = line(points(5, None, 5), width=148, left=48)
    assert "160" not in drawn.path
    assert drawn.path == ""
    assert len(drawn.dots) == 2, "a number between two gaps is a dot"


def test_a_mark_is_at_the_span_in_which_it_happened_and_not_outside():
    drawn = line(
        points(1, 1, 1),
        [Mark(BEGIN + timedelta(days=1, hours=5), "release 2"), Mark(BEGIN + timedelta(days=9), "late")],
        width=148,
        left=48,
    )
    assert [(each.x, each.label) for each in drawn.marks] == [(98.0, "release 2")]


def test_labels_of_near_marks_stand_in_rows_and_one_at_the_edge_to_the_left_of_its_line():
    days = points(*range(28))
    marks = [
        Mark(BEGIN + timedelta(days=day), label)
        for day, label in ((10, "release 1.4"), (11, "begin"), (27, "end"), (27, "end"))
    ]
    first, second, last = line(days, marks).marks
    assert (first.anchor, second.anchor, last.anchor) == ("start", "start", "end")
    assert first.y < second.y, "else one would be written over the other"
    assert last.y == first.y
    assert last.text < last.x


def test_hours_are_labelled_once_a_day_at_midnight():
    hours = [Point(BEGIN + timedelta(hours=number), 1) for number in range(5, 7 * 24)]
    labels = line(hours).labels
    assert [label.at.hour for label in labels] == [0] * len(labels)
    assert len({label.at.date() for label in labels}) == len(labels) == 6


def test_the_band_goes_around_what_was_expected():
    drawn = line([Point(BEGIN, 4, 2, 6), Point(BEGIN + timedelta(days=1), 5, 2, 6)], width=148, left=48)
    assert drawn.band == "M48 0 L148 0 L148 106.7 L48 106.7 Z"


def test_no_points_draw_axes_alone():
    drawn = line([])
    assert (drawn.path, drawn.dots, list(drawn.gaps)) == ("", [], [])
    assert [tick.value for tick in drawn.ticks] == [0, 1]


def test_a_long_line_has_at_most_seven_labels():
    assert len(line(points(*range(168))).labels) == 7


def test_a_bar_is_a_share_of_the_largest():
    assert lengths([50, 100, 0, "x", None, True]) == [50, 100, 0, None, None, None]
    assert lengths([0, 0]) == [None, None]
