"""Public series as counts by hour, and what the engine said of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.problems import public
from bench.problems.page import page
from bench.problems.public import Series, by_day, by_hour, judge, odd_days

SHARED = Path(__file__).parents[2] / "../shared/data"
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
OF_DAY = [20] * 8 + [100] * 12 + [40] * 4


def series(days: int, bad: range, part: float, windows: list[tuple[datetime, datetime]]) -> Series:
    """Return days of 1,520 people, of which a part comes in the bad hours."""
    numbers = [round(number * (part if hour in bad else 1)) for hour, number in enumerate(OF_DAY * days)]
    return Series("made up", "nobody", "people", MONDAY, numbers, windows)


def test_values_of_minutes_are_summed_to_whole_hours() -> None:
    values = [(MONDAY + timedelta(minutes=5 * place + 4), 1.0) for place in range(30)]
    assert by_hour(values[3:]) == (MONDAY + HOUR, [12])
    assert by_hour(values[3:], scale=0.5) == (MONDAY + HOUR, [6])


def test_a_day_is_spread_over_its_hours_without_a_loss() -> None:
    start, numbers = by_day([(MONDAY, 50), (MONDAY + 2 * DAY, 24)])
    assert start == MONDAY
    assert [sum(numbers[day * 24 : day * 24 + 24]) for day in range(3)] == [50, 0, 24]
    assert max(numbers[:24]) - min(numbers[:24]) == 1


def test_an_odd_day_has_a_half_or_three_times_of_its_kind_and_days_in_a_row_are_one_window() -> None:
    numbers = [100] * 28 + [100, 50, 40, 100, 300, 40, 40]
    days = [(MONDAY + place * DAY, number if place % 7 < 5 else number // 2) for place, number in enumerate(numbers)]
    begin = MONDAY + 28 * DAY
    # The weekend's 20 of 50 are odd, too; the ordinary weekends before are not.
    assert odd_days(days) == [(begin + DAY, begin + 3 * DAY), (begin + 4 * DAY, begin + 7 * DAY)]


def test_a_loss_inside_of_its_window_is_a_hit_and_no_false_hour() -> None:
    bad = range(20 * 24, 21 * 24)
    outcome = judge(series(22, bad, 0.05, [(MONDAY + 20 * DAY, MONDAY + 21 * DAY)]))
    assert (outcome.windows, outcome.judged, outcome.hit) == (1, 1, 1)
    assert outcome.false <= 12  # until the hours after it speak against it
    assert [each[0] for each in outcome.named] == ["all_traffic"]


def test_the_same_loss_without_a_window_is_false_and_a_quiet_time_is_not() -> None:
    bad = range(20 * 24, 21 * 24)
    assert judge(series(22, bad, 0.05, [])).false > 12
    quiet = judge(series(22, range(0), 1, [(MONDAY + 20 * DAY, MONDAY + 21 * DAY)]))
    assert (quiet.judged, quiet.hit, quiet.false, quiet.named) == (1, 0, 0, [])


def test_a_series_of_less_than_two_weeks_is_not_judged() -> None:
    outcome = judge(series(13, range(240, 300), 0.05, [(MONDAY + 10 * DAY, MONDAY + 11 * DAY)]))
    assert (outcome.looks, outcome.judged, outcome.hit) == (0, 0, 0)


def test_every_labelled_series_is_named_as_count_volume_or_neither() -> None:
    file = SHARED / public.NAB / "windows.json"
    if not file.exists():
        pytest.skip(f"../shared/data/{public.NAB} is not here")
    assert {*public.COUNTS, *public.VOLUMES, *public.OTHERS} == set(json.loads(file.read_text()))


def test_the_page_has_a_line_for_each_count_and_names_the_kinds_of_the_others() -> None:
    outcomes = json.loads(public.RESULTS.read_text())
    text = page("# Problems", [], outcomes)
    counts = [each for each in outcomes if each["looks"] is not None]
    assert len([line for line in text.splitlines() if line.startswith(("| NAB", "| OpenCitations"))]) == len(counts)
    assert "speed of cars (2)" in text
    assert page("# Problems", []) == "# Problems\n"
