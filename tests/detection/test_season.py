"""The usual follows the week, is cautious with little history, and learns nothing from a gap."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from pipeline.detection.season import Usual, usual_count, usual_share
from pipeline.detection.series import WEEK_HOURS, Numbers, Table
from support.made_site import MONDAY, OF_DAY, OF_WEEK, MadeSite

HOUR = timedelta(hours=1)


def drawn(days: int, a_day: float, seed: int = 1) -> tuple[Numbers, Numbers, np.ndarray]:
    """Return the people of each hour, their mean, and the hour of the week of each."""
    made = MadeSite(days=days, a_day=a_day)
    week = np.arange(made.size) % WEEK_HOURS
    return np.random.default_rng(seed).poisson(made.level).astype(float), made.level, week


def usual(seen: Numbers, week: np.ndarray, history: np.ndarray | None = None) -> Usual:
    known = np.ones(seen.size, dtype=bool) if history is None else history
    return usual_count(seen, known, week, prior_spread=1.3)


def test_the_usual_follows_the_hours_of_the_week() -> None:
    seen, mean, week = drawn(56, 20_000)
    found = usual(seen, week).by_hour
    busy = mean > 100
    assert np.abs(found[busy] / mean[busy] - 1).max() < 0.12


def test_the_weekend_is_told_from_working_days_after_one_week() -> None:
    seen, mean, week = drawn(7, 2_000)
    found = usual(seen, week).by_hour
    saturday, thursday = slice(5 * 24 + 9, 5 * 24 + 18), slice(3 * 24 + 9, 3 * 24 + 18)
    assert found[saturday].sum() < 0.8 * found[thursday].sum()
    assert found[saturday].sum() == pytest.approx(mean[saturday].sum(), rel=0.15)


def test_an_hour_that_was_never_seen_has_the_number_of_its_hour_of_other_days() -> None:
    seen, mean, week = drawn(10, 2_000)
    history = np.arange(seen.size) < 3 * 24  # Monday to Wednesday
    found = usual(seen, week, history).by_hour
    friday = slice(4 * 24 + 9, 4 * 24 + 18)
    assert found[friday].sum() == pytest.approx(mean[friday].sum(), rel=0.15)


def test_the_usual_is_drawn_towards_other_days_more_where_an_hour_was_seen_less() -> None:
    week = np.arange(28 * 24) % WEEK_HOURS
    seen = np.full(week.size, 10.0)
    seen[week == 34] = 40.0  # Tuesday at ten
    after = {weeks: usual(seen, week, np.arange(week.size) < weeks * WEEK_HOURS).by_hour[34] for weeks in (1, 4)}
    assert 10 < after[1] < after[4] < 40


def test_the_spread_of_people_who_come_in_groups_is_found() -> None:
    draw = np.random.default_rng(3)
    week = np.arange(56 * 24) % WEEK_HOURS
    alone = draw.poisson(12.0, week.size).astype(float)
    in_fours = 4.0 * draw.poisson(3.0, week.size)
    assert usual(alone, week).spread < 1.3
    assert usual(in_fours, week).spread == pytest.approx(4.0, rel=0.25)


def test_one_outage_in_the_history_does_not_hide_the_next_one() -> None:
    seen, _, week = drawn(42, 2_000)
    calm = usual(seen, week)
    seen[20 * 24 + 12 : 20 * 24 + 15] = 0
    shaken = usual(seen, week)
    assert shaken.spread < 1.5 * calm.spread
    assert shaken.wander < 0.25


def test_days_that_differ_are_a_wander_and_not_a_spread() -> None:
    draw = np.random.default_rng(4)
    week = np.arange(56 * 24) % WEEK_HOURS
    level = np.repeat(np.exp(draw.normal(0, 0.3, 56)), 24)
    found = usual(draw.poisson(40 * level).astype(float), week)
    assert 0.2 < found.wander < 0.45
    assert found.spread < 2.0


def test_little_history_gives_a_cautious_margin() -> None:
    seen, _, week = drawn(42, 2_000)
    margins = [usual(seen, week, np.arange(seen.size) < days * 24) for days in (1, 7, 42)]
    below, above = [each.below for each in margins], [each.above for each in margins]
    assert below == sorted(below)
    assert above == sorted(above, reverse=True)
    assert 0 < below[0] < below[-1] < 1 < above[-1] < above[0]


def test_the_hours_of_a_gap_teach_nothing() -> None:
    seen, mean, week = drawn(28, 2_000)
    history = np.ones(seen.size, dtype=bool)
    gap = slice(20 * 24, 22 * 24)
    seen[gap], history[gap] = 0, False
    found = usual(seen, week, history)
    assert found.by_hour[gap].sum() == pytest.approx(mean[gap].sum(), rel=0.1)
    assert usual(seen, week).by_hour[gap].sum() < found.by_hour[gap].sum()


def test_no_history_at_all_gives_finite_numbers() -> None:
    seen, _, week = drawn(2, 200)
    nothing = np.zeros(seen.size, dtype=bool)
    for found in (
        usual(seen, week, nothing),
        usual_share(seen, seen, nothing, week, prior=0.3, weight=0.0, prior_spread=1.3),
        usual_share(seen, seen, nothing, week, prior=0.0, weight=0.0, prior_spread=1.3),
    ):
        assert np.isfinite([*found.by_hour, found.spread, found.wander, found.below, found.above]).all()


def test_a_share_follows_the_quarters_of_the_day() -> None:
    draw = np.random.default_rng(5)
    week = np.arange(28 * 24) % WEEK_HOURS
    share = np.where(week % 24 < 6, 0.6, 0.2)
    of = np.full(week.size, 200.0)
    found = usual_share(
        draw.binomial(200, share).astype(float), of, np.ones(week.size, bool), week, prior=0, weight=0, prior_spread=1.3
    )
    assert np.abs(found.by_hour - share).max() < 0.03


def test_a_share_without_history_is_that_of_the_site_with_the_weight_of_some_people() -> None:
    week = np.arange(48) % WEEK_HOURS
    of, history = np.full(48, 1.0), np.arange(48) < 10
    few = usual_share(np.zeros(48), of, history, week, prior=0.5, weight=20.0, prior_spread=1.3)
    assert 0.2 < few.by_hour.mean() < 0.5
    alone = usual_share(np.zeros(48), of, history, week, prior=0.5, weight=0.0, prior_spread=1.3)
    assert alone.by_hour.max() == 0.0


def weekday_hours(start: datetime, hours: int, zone: str, holidays: frozenset[date] = frozenset()) -> list[int]:
    return [int(place) for place in Table(start, start + hours * HOUR, (), ZoneInfo(zone)).weekday_hours(holidays)]


def test_a_holiday_counts_as_a_sunday() -> None:
    found = weekday_hours(MONDAY, 48, "UTC", frozenset({MONDAY.date()}))
    assert found[:24] == list(range(6 * 24, 7 * 24))
    assert found[24:] == list(range(24, 48))


def test_the_hours_of_the_week_are_those_of_the_site_across_both_changes_of_clocks() -> None:
    # 29 March 2026: two o'clock does not exist in Berlin; 25 October: it comes twice.
    spring = weekday_hours(datetime(2026, 3, 28, 23, tzinfo=UTC), 5, "Europe/Berlin")
    autumn = weekday_hours(datetime(2026, 10, 24, 22, tzinfo=UTC), 5, "Europe/Berlin")
    assert [place % 24 for place in spring] == [0, 1, 3, 4, 5]
    assert [place % 24 for place in autumn] == [0, 1, 2, 2, 3]
    assert {place // 24 for place in (*spring, *autumn)} == {6}


def test_a_zone_with_half_an_hour_names_the_hour_in_which_the_row_begins() -> None:
    assert [place % 24 for place in weekday_hours(MONDAY, 3, "Asia/Kolkata")] == [5, 6, 7]


def test_the_usual_of_a_site_keeps_its_clock_after_the_change() -> None:
    start = datetime(2026, 9, 27, 22, tzinfo=UTC)  # Monday midnight in Berlin
    made = MadeSite(days=42, a_day=5_000, zone=ZoneInfo("Europe/Berlin"), start=start)
    table = made.table(seed=1)
    week = table.weekday_hours()
    before = np.arange(table.size) < 27 * 24
    found = usual_count(table.of("people"), before, week, prior_spread=1.3)
    morning = np.isin(week % 24, (7, 8)) & ~before & (week < 5 * 24)
    assert found.by_hour[morning].sum() == pytest.approx(made.level[morning].sum(), rel=0.1)


def test_the_made_days_are_a_clinics() -> None:
    assert OF_DAY.size == 24
    assert OF_WEEK[5:].max() < OF_WEEK[:5].min()
