"""The attacks on published numbers: what a reader may learn of one person, on the product and, in thousands of trials, on its rule."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from pipeline.publish.cells import STEP
from pipeline.publish.secret import FILE
from pipeline.reports.catalogue import find
from pipeline.reports.header import Report
from support.attackers import BROWSERS, DAY_HOURS, Page, keys, likelihood, likelihood_of_hits, poisson, right, shown
from support.publishing import ALL, DAY, HOUR, MIDNIGHT, NOON, Desk, view, views

TRIALS = 1000
PAGES = find("technical/pages", ALL)


# Averaging over windows: did anybody open the page in this hour?


def answers_differ(page: Page, hour: int, starts: int) -> bool:
    """Whether windows that end before and after the hour have different answers, for so many begins."""
    return any(page.free(hour - back, hour) != page.free(hour - back, hour + 1) for back in range(1, starts + 1))


@pytest.mark.parametrize(("starts", "least"), [(24, 0.95), (168, 0.99)])
def test_the_window_attack_succeeds_where_any_window_may_be_asked(starts: int, least: float) -> None:
    hour = 7 * DAY_HOURS + 12

    def guess(draw: random.Random, truth: bool) -> float:
        return 1 if answers_differ(Page.with_hour(draw, 8, 10, hour, has_view=truth), hour, starts) else -1

    assert right(200, 1, guess) >= least


def test_the_window_attack_is_near_guessing_where_days_are_published_once() -> None:
    hour = 7 * DAY_HOURS + 12

    def guess(draw: random.Random, truth: bool) -> float:
        # All windows give the same sums of whole days (see below), so the number of the day is left to guess from.
        days = Page.with_hour(draw, 8, 10, hour, has_view=truth).published_days(draw)
        return (days[7] or 0) - (10 - 10 / DAY_HOURS + 0.5)

    assert right(TRIALS, 2, guess) <= 0.60


def test_windows_of_any_begin_and_end_give_the_numbers_of_whole_published_days(desk: Desk) -> None:
    draw = random.Random(3)
    for day in range(2):
        at = [MIDNIGHT - day * DAY + timedelta(minutes=draw.randrange(24 * 60)) for _ in range(10)]
        desk.store(view(1000 * day + place, moment) for place, moment in enumerate(at, 1))
    desk.publish("pages")
    daily = {cell.start: cell.visitors or 0 for cell in desk.cells(grain="day")}
    for back in random.Random(4).sample(range(1, 24), 4):
        before, after = (desk.ask("pages", NOON - back * HOUR, NOON + more * HOUR) for more in (0, 1))
        assert before == after
        first = (NOON - back * HOUR).replace(hour=0)
        expected = sum(number for start, number in daily.items() if first <= start <= MIDNIGHT)
        assert sum(row["visitors"] or 0 for row in before) == expected


# One who knows everybody else's visits


def knows_the_others(draw: random.Random, truth: bool, spans: int, report: Report, own: int) -> float:
    """Return what one learns of somebody with `own` page views from the visitors and the page views of a day, a week and four weeks."""
    leaning = 0.0
    for days in (1, 7, 28)[:spans]:
        others = poisson(draw, 10 * days)
        seen = shown(keys(draw, others + truth), report, hits=[1] * others + [own] * truth)
        leaning += likelihood(seen.visitors, others) + likelihood_of_hits(
            seen, others, own, STEP[report.shape or "exact"]
        )
    return leaning


def rate(spans: int, report: Report = BROWSERS, own: int = 1) -> float:
    return right(TRIALS, 5, lambda draw, truth: knows_the_others(draw, truth, spans, report, own))


@pytest.mark.parametrize(("spans", "most"), [(1, 0.75), (3, 0.85)])
def test_one_who_knows_everybody_elses_page_views_may_still_be_wrong(spans: int, most: float) -> None:
    assert 0.65 < rate(spans) <= most


@pytest.mark.parametrize(("numbers", "least", "most"), [(8, 0.88, 0.93), (24, 0.97, 1.0)])
def test_many_numbers_of_visitors_tell_one_who_knows_everybody_else(numbers: int, least: float, most: float) -> None:
    def guess(draw: random.Random, truth: bool) -> float:
        leaning = 0.0
        for _ in range(numbers):
            others = poisson(draw, 10)
            leaning += likelihood(shown(keys(draw, others + truth)).visitors, others)
        return leaning

    assert least < right(TRIALS, 5, guess) <= most


@pytest.mark.parametrize("people", [6, 40])
def test_two_reports_differ_only_where_somebody_is_in_one_alone_and_then_in_most_cases(people: int) -> None:
    draw = random.Random(7)

    def share_that_differs(more: int) -> float:
        pairs = ((both, both + keys(draw, more)) for both in (keys(draw, people) for _ in range(TRIALS)))
        return sum(shown(one).visitors != shown(other).visitors for one, other in pairs) / TRIALS

    assert share_that_differs(0) == 0
    assert share_that_differs(1) == pytest.approx(0.82, abs=0.03)


@pytest.mark.parametrize(
    ("report", "own", "of_one", "of_three"),
    [(BROWSERS, 5, 0.75, 0.89), (BROWSERS, 10, 0.86, 0.97), (PAGES, 2, 0.75, 0.89), (PAGES, 4, 0.83, 0.96)],
)
def test_one_who_knows_everybody_elses_finds_a_person_with_most_page_views_more_often(
    report: Report, own: int, of_one: float, of_three: float
) -> None:
    assert 0.65 < rate(1, report, own) <= of_one
    assert 0.80 < rate(3, report, own) <= of_three


def test_page_views_have_no_remainder_that_tells_the_number_of_people() -> None:
    def guess(draw: random.Random, truth: bool) -> float:
        others = poisson(draw, 10)
        seen = shown(keys(draw, others + truth + 1), hits=[1] * (others + truth) + [10])
        if seen.hits is None:
            return 0
        return 1 if (seen.hits - others) % 5 == 1 else -1

    assert right(TRIALS, 9, guess) <= 0.65


# The hidden rest: the whole site without the shown networks


def hidden_rest(draw: random.Random, rest: int) -> int:
    """Return the attacker's estimate of the people of hidden networks: the day of the site without its shown networks."""
    groups = [keys(draw, people) for people in (90, 60, 30, 12)]
    hidden = keys(draw, rest)
    whole = shown([key for group in (*groups, hidden) for key in group]).visitors
    return (whole or 0) - sum(shown(group).visitors or 0 for group in groups)


def test_the_whole_without_the_shown_networks_does_not_tell_one_hidden_person_from_two() -> None:
    assert right(TRIALS, 10, lambda draw, truth: hidden_rest(draw, 2 if truth else 1) - 1.5) <= 0.60


def test_the_estimate_of_a_hidden_rest_is_wrong_by_as_much_as_the_rest_is() -> None:
    draw = random.Random(12)
    errors = [abs(hidden_rest(draw, rest) - rest) for rest in range(1, 5) for _ in range(500)]
    assert sum(errors) / len(errors) > 2
    assert sum(error == 0 for error in errors) / len(errors) < 0.25


# The noise


def test_the_noise_cannot_be_told_without_the_secret(desk: Desk) -> None:
    file = desk.settings.secrets_dir / FILE
    groups = 150
    drawn = []
    for secret in (b"1" * 32, b"2" * 32, b"1" * 32):
        file.touch(mode=0o600)
        file.write_bytes(secret)
        desk.clear()
        desk.store(*(views(100 * group, 6, page=f"/{group}") for group in range(1, groups + 1)))
        desk.publish("pages")
        drawn.append({cell.keys["page"]: cell.visitors for cell in desk.cells()})
    file.unlink()
    assert drawn[0] == drawn[2]
    both = drawn[0].keys() & drawn[1].keys()
    assert len(both) > groups / 2
    # Of two draws that know nothing of each other, above the threshold, a third to a half are equal.
    assert sum(drawn[0][page] == drawn[1][page] for page in both) < 0.6 * len(both)
