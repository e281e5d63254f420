"""The small lines of the overview and of the list of problems."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from dashboards.charts.line import Point
from dashboards.charts.spark import HEIGHT, WIDTH, spark

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hours(*values):
    return [Point(BEGIN + HOUR * number, value) for number, value in enumerate(values)]


def test_hours_without_data_are_hatched_and_never_zero():
    drawn = spark(hours(5, 5, None, None, 5, 5), date(2026, 11, 1), UTC)
    assert drawn.path.count("M") == 2
    assert f" {HEIGHT}" not in drawn.path
    assert [(gap.x, gap.width) for gap in drawn.gaps] == [(72.0, 96.0)]
    assert spark(hours(5, 0, 5), date(2026, 11, 1), UTC).gaps == [], "a zero is a number"


def test_today_begins_at_midnight_of_the_site_and_a_past_line_has_none():
    midnight = datetime(2026, 11, 1, 21, tzinfo=UTC)
    drawn = spark(hours(*range(25)), date(2026, 11, 2), ZoneInfo("Europe/Moscow"))
    assert drawn.today == (midnight - BEGIN) / HOUR * 10 - 5
    assert spark(hours(*range(25)), date(2026, 11, 3), UTC).today is None
    assert spark(hours(1, 2), date(2026, 11, 1), UTC).today == 0, "a line of today alone begins at its edge"


def test_the_newest_number_is_marked_even_where_a_gap_follows():
    assert spark(hours(1, 2, 4), date(2026, 11, 1), UTC).last == (WIDTH, 0)
    assert spark(hours(1, 4, None), date(2026, 11, 1), UTC).last == (WIDTH / 2, 0)
    assert spark(hours(None, None), date(2026, 11, 1), UTC).last is None
    assert spark([], date(2026, 11, 1), UTC).last is None


def test_the_table_behind_has_a_row_for_each_day_and_tells_missing_hours_from_zero():
    drawn = spark(hours(*[1] * 24, None, 2, 3, *[None] * 21, *[None] * 24, 0), date(2026, 11, 4), UTC)
    assert [tuple(each) for each in drawn.days] == [
        (date(2026, 11, 1), 24, 0),
        (date(2026, 11, 2), 5, 22),
        (date(2026, 11, 3), None, 24),
        (date(2026, 11, 4), 0, 0),
    ]
    assert spark(hours(1, 7, 2), date(2026, 11, 1), UTC, max).days[0].value == 7


def test_the_band_of_what_was_expected_lies_behind_and_is_on_the_scale():
    drawn = spark([Point(BEGIN, 4, 2, 8), Point(BEGIN + HOUR, 4, 2, 8)], date(2026, 11, 1), UTC)
    assert drawn.band == "M0 0 L240 0 L240 30 L0 30 Z"
    assert drawn.last == (WIDTH, HEIGHT / 2)
