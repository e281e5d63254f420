"""The shapes of the fraud pages: steps of points, strips of days, bars of parts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dashboards.charts.presence import Segment, Span, clock, longest_gap, strips
from dashboards.charts.stack import HEIGHT, stack
from dashboards.charts.waterfall import Sign, waterfall
from pipeline.scoring.rules import all_signals
from pipeline.scoring.score import PRIOR, Surroundings, scored
from pipeline.scoring.score import Sign as ScoredSign

BEGIN = datetime(2026, 11, 20, 10, tzinfo=UTC)
DAYS = [date(2026, 11, number) for number in range(1, 4)]


def span(hours: float, length: float) -> Span:
    """Return a span that begins so many hours after 10 o'clock."""
    return Span(BEGIN + timedelta(hours=hours), BEGIN + timedelta(hours=hours + length))


def test_the_steps_lead_from_the_prior_to_the_score_without_a_hole() -> None:
    drawn = waterfall(-40, [Sign("F17", "R", 60), Sign("F20", "T", 25)], {"R": 60, "T": 25}, (-8, 14))
    assert [(step.name, step.before, step.after) for step in drawn.steps] == [("F17", -40, 20), ("F20", 20, 45)]
    assert drawn.end == 45
    first, second = drawn.steps
    assert first.x == drawn.start
    assert second.x == pytest.approx(first.x + first.width, abs=0.11)


def test_signs_of_a_family_share_its_points_the_largest_whole_and_the_others_half() -> None:
    signs = [Sign("F20", "T", 20), Sign("F21", "T", 10), Sign("F22", "T", 10)]
    drawn = waterfall(-40, signs, {"T": 30}, ())
    assert {step.name: step.points for step in drawn.steps} == {"F20": 20, "F21": 5, "F22": 5}


def test_signs_of_a_family_at_its_limit_shrink_alike() -> None:
    drawn = waterfall(-40, [Sign("F16", "R", 20), Sign("F17", "R", 60)], {"R": 60}, ())
    assert {step.name: step.points for step in drawn.steps} == {"F17": 51.4, "F16": 8.6}
    assert drawn.end == 20


def test_the_steps_add_up_to_what_the_score_of_the_same_signs_is() -> None:
    names = ("F13", "F16", "F17", "F20", "F21", "F29")
    signals = [all_signals()[name] for name in names]
    signs = [ScoredSign(signal, signal.levels[-1][0]) for signal in signals]
    score = scored(signs, Surroundings(), live=names)
    drawn = waterfall(PRIOR, [Sign(s.name, s.family, score.points[s.name]) for s in signals], score.families, ())
    assert drawn.end == pytest.approx(score.score, abs=0.06)
    assert sum(step.points for step in drawn.steps) == pytest.approx(score.score - PRIOR, abs=0.3)


def test_a_sign_without_points_has_no_step() -> None:
    drawn = waterfall(-40, [Sign("F17", "R", 60), Sign("F05", "N", 0)], {"R": 60, "N": 0}, ())
    assert [step.name for step in drawn.steps] == ["F17"]


def test_a_day_without_anybody_is_a_strip_without_segments() -> None:
    drawn = strips([span(0, 2), span(48, 1)], UTC)
    assert [(strip.day.day, len(strip.segments)) for strip in drawn] == [(20, 1), (21, 0), (22, 1)]


def test_a_span_over_midnight_of_the_zone_is_parted_there() -> None:
    moscow = ZoneInfo("Europe/Moscow")
    drawn = strips([span(8, 6)], moscow)
    assert [(strip.day.day, strip.segments) for strip in drawn] == [
        (20, [Segment(87.5, 12.5)]),
        (21, [Segment(0, 12.5)]),
    ]


def test_a_moment_is_drawn_wide_enough_to_be_seen_and_never_beyond_the_day() -> None:
    last = datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC)
    ((segment,),) = [strip.segments for strip in strips([Span(last, last)], UTC)]
    assert segment.width == 0.4
    assert segment.x + segment.width <= 100


def test_the_clock_counts_each_hour_that_a_span_reaches_into_once() -> None:
    hours = clock([span(0, 0.5), span(0.25, 1.5), span(24, 0)], UTC)
    assert [(hour, number) for hour, number in enumerate(hours) if number] == [(10, 3), (11, 1)]


def test_the_longest_gap_is_between_all_spans_together() -> None:
    assert longest_gap([span(0, 10), span(1, 1), span(15, 1)]) == timedelta(hours=5)
    assert longest_gap([span(0, 1)]) == timedelta(0)


def test_parts_stand_on_each_other_from_zero() -> None:
    drawn = stack(DAYS, ("valid", "robots"), [[60, 40], [10, 0], [0, 0]])
    bottom, top = (box for box in drawn.boxes if box.x == drawn.boxes[0].x)
    assert (bottom.part, bottom.y + bottom.height) == ("valid", HEIGHT)
    assert top.y + top.height == pytest.approx(bottom.y)
    assert (bottom.height, top.height) == (72, 48)


def test_a_day_without_numbers_is_a_gap_and_a_day_of_zeros_is_none() -> None:
    drawn = stack(DAYS, ("valid",), [[10], None, [0]])
    assert len(drawn.gaps) == 1
    assert len(drawn.boxes) == 1


def test_no_day_at_all_draws_axes_alone() -> None:
    drawn = stack(DAYS, ("valid",), [None, None, None])
    assert drawn.boxes == []
    assert drawn.ticks
    assert len(drawn.labels) == 3
