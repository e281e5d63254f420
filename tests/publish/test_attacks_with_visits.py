"""The attacks of a reader who also sends page views: he knows his own visitors, and everybody else but one person."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from pipeline.publish.cells import STEP, RawCell, of_span, published
from pipeline.reports.catalogue import find
from pipeline.reports.header import Report
from support.attackers import (
    BROWSERS,
    cell,
    keys,
    likelihood,
    likelihood_of_hits,
    poisson,
    right,
    shown,
)
from support.publishing import ALL, Desk, Row, view, views

TRIALS = 1000
PAGES, ERRORS, TRAFFIC = (find(f"technical/{name}", ALL) for name in ("pages", "error_pages", "traffic_by_day"))


def step(report: Report) -> int:
    """Return the step of the noise of page views."""
    return STEP[report.shape or "exact"]


# (a) An attack string with the address and browser of somebody makes probes of his page views


@pytest.mark.parametrize("own", [0, 1, 7, 40])
def test_page_views_of_an_attacked_person_are_in_no_number(own: int, desk: Desk) -> None:
    here: Row = {"ip_token": "::a", "ua_token": 1}
    target = [view(1, **here) for _ in range(own)]
    attacks = [view(2, attack="sql", visitor_kind="day", cookie_state="refused", **here) for _ in range(12)]
    desk.store(views(100, 9), target, attacks)
    desk.publish("traffic_by_day", noise=1)
    (row,) = desk.ask("traffic_by_day")
    assert row["probes"] == 12 + STEP["partition"]


# (b) Page views beside visitors, where everybody else is a fake with one page view


@pytest.mark.parametrize("report", [BROWSERS, PAGES], ids=["partition", "sparse"])
@pytest.mark.parametrize("fakes", [9, 40])
def test_page_views_beside_visitors_tell_little_of_one_person_among_fakes(report: Report, fakes: int) -> None:
    def guess(draw: random.Random, truth: bool) -> float:
        seen = shown(keys(draw, fakes + truth), report, hits=[1] * (fakes + truth))
        return likelihood(seen.visitors, fakes) + likelihood_of_hits(seen, fakes, 1, step(report))

    assert right(2 * TRIALS, 4, guess) <= 0.75


@pytest.mark.parametrize("many", [2, 10])
def test_one_who_adds_many_page_views_or_errors_does_not_learn_the_noise_of_the_visitors(many: int) -> None:
    def guess(draw: random.Random, truth: bool) -> float:
        others, own = poisson(draw, 10), 5
        people = others + truth + own
        errors = [0] * (others + truth) + [many] * own
        seen = shown(keys(draw, people), hits=[max(1, each) for each in errors], errors=errors)
        if seen.visitors is None or seen.hits is None or seen.errors is None:
            return 0
        # If these had the noise of the visitors, in their steps, this were the number of visitors.
        noises = ((seen.errors - many * own) / 5, (seen.hits - many * own - others) / 5)
        return sum(seen.visitors - noise - own - others - 0.5 for noise in noises)

    assert right(TRIALS, 5, guess) <= 0.75


# (c) The error of one person among fifty


@pytest.mark.parametrize("fakes", [0, 1])
def test_the_error_of_one_person_among_fifty_never_gives_a_number(fakes: int) -> None:
    draw = random.Random(6)
    for errors in (0, 1, 10):
        of_each = [10] * fakes + [errors] + [0] * (50 - fakes)
        seen = [shown(keys(draw, 51), hits=[max(1, each) for each in of_each], errors=of_each) for _ in range(500)]
        assert {each.errors for each in seen} == {None}
        assert None not in {each.visitors for each in seen}


def test_a_row_with_the_error_of_one_person_looks_like_one_without(desk: Desk) -> None:
    desk.store(views(100, 50), views(200, 49, browser="Opera"), [view(300, browser="Opera", status=404)])
    desk.publish("browsers", noise=0)
    rows = {row.pop("browser"): row for row in desk.ask("browsers")}
    assert rows["Opera"] == rows["Chrome"]
    assert (rows["Opera"]["hits"], rows["Opera"]["errors"], rows["Opera"]["error_share"]) == (50, None, None)


# (d) The row of the dropped cells


def alone(person: int, page: str) -> RawCell:
    """Return the cell of a page that one person met."""
    return cell([person], ERRORS, hits=[1])._replace(keys=(page, "404"))


def is_told(cells: Sequence[RawCell]) -> bool:
    return of_span(ERRORS, cells, with_numbers=True).has_dropped


def test_errors_of_one_person_alone_never_make_the_row_of_the_dropped_cells() -> None:
    draw = random.Random(7)
    for errors in (1, 2, 9):
        assert not any(is_told([alone(key, f"/{page}") for page in range(errors)]) for key in keys(draw, 2000))


def test_the_row_of_the_dropped_cells_tells_no_more_than_a_number_with_four_fakes() -> None:
    def guess(draw: random.Random, truth: bool) -> float:
        return 1 if is_told([alone(key, f"/{place}") for place, key in enumerate(keys(draw, 4 + truth))]) else -1

    assert right(TRIALS, 8, guess) <= 0.75


# Known and accepted: a threshold tells who fills it


def of_unknown_name(draw: random.Random, people: int) -> bool:
    """Whether a page appears whose name is not public."""
    return published(PAGES, cell(keys(draw, people), PAGES)._replace(is_known=False)) is not None


def of_partition(draw: random.Random, people: int) -> bool:
    """Whether a browser appears."""
    return published(BROWSERS, cell(keys(draw, people))) is not None


def of_errors(draw: random.Random, people: int) -> bool:
    """Whether errors appear, of so many of fifty people, with ten errors of each but the last."""
    errors = [10] * (people - 1) + [1] + [0] * (50 - people)
    return shown(keys(draw, 50), hits=[10] * 50, errors=errors).errors is not None


@pytest.mark.parametrize(
    ("appears", "fakes", "with_target"),
    [(of_unknown_name, 4, 0.73), (of_partition, 2, 1.0), (of_errors, 2, 0.99)],
)
def test_one_who_fills_a_cell_to_just_below_its_threshold_sees_it_only_with_the_target(
    appears: Callable[[random.Random, int], bool], fakes: int, with_target: float
) -> None:
    draw = random.Random(9)
    assert not any(appears(draw, fakes) for _ in range(TRIALS))
    assert sum(appears(draw, fakes + 1) for _ in range(TRIALS)) / TRIALS == pytest.approx(with_target, abs=0.03)
