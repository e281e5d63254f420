"""The verdict about a release: it may have broken or healed something, broke nothing, or cannot be judged yet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from pipeline.detection.series import HOUR, SITE, Counted, Table
from pipeline.problems.evaluate import Mark
from pipeline.problems.problem import Problem
from pipeline.problems.releases import VIEWS_FOR_HALF, verdicts_of
from support.made_site import UTC_ZONE
from support.problems import told

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
RELEASE = Mark(NOW - 10 * HOUR + timedelta(minutes=20), "release 1.4")


def table(views: int) -> Table:
    """Return the numbers of two days with so many views in the hour after the release."""
    return Table(NOW - 48 * HOUR, NOW, [Counted(NOW - 9 * HOUR, SITE, views, views, {})], UTC_ZONE)


def problem(since: datetime, until: datetime | None = None) -> Problem:
    one = told("aa").problem
    state = "resolved" if until else "open"
    return msgspec.structs.replace(one, quiet_until=since - HOUR, since=since, until=until, state=state)


def words(*problems: Problem, views: int = 10 * VIEWS_FOR_HALF, mark: Mark = RELEASE) -> list[str]:
    return [each.word for each in verdicts_of(mark, problems, table(views))]


@pytest.mark.parametrize("hours", [10, 11])
def test_a_problem_that_began_around_the_release_may_be_its_fault(hours: int) -> None:
    begin = (NOW - hours * HOUR).replace(minute=0) + HOUR
    assert words(problem(begin)) == ["broke"]


def test_each_release_within_the_begin_of_a_problem_is_named_and_none_is_picked() -> None:
    earlier = RELEASE._replace(at=RELEASE.at - timedelta(minutes=5))
    begin = NOW - 10 * HOUR
    assert words(problem(begin)) == words(problem(begin), mark=earlier) == ["broke"]


def test_a_problem_of_another_day_is_not_the_fault_of_the_release() -> None:
    assert words(problem(NOW - 30 * HOUR), problem(NOW - 2 * HOUR)) == ["nothing"]


def test_a_problem_that_ended_around_the_release_may_be_healed_by_it() -> None:
    assert words(problem(NOW - 30 * HOUR, until=NOW - 9 * HOUR)) == ["healed", "nothing"]


def test_a_release_is_not_judged_before_enough_views_came() -> None:
    (few,) = verdicts_of(RELEASE, [], table(VIEWS_FOR_HALF - 1))
    assert (few.word, few.views) == ("cannot_say", 1)
    (enough,) = verdicts_of(RELEASE, [], table(VIEWS_FOR_HALF))
    assert (enough.word, enough.views) == ("nothing", VIEWS_FOR_HALF)


def test_views_of_one_visitor_count_as_less_than_so_many_visitors() -> None:
    assert pytest.approx(3 * 75, rel=0.02) == VIEWS_FOR_HALF
