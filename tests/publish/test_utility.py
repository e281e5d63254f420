"""The numbers are of use: a clinic of 200 visitors a day, three pages each, sixty pages by Zipf; seeded, on the product's own rule."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from typing import NamedTuple

import pytest

from support.attackers import keys, poisson, shown

VISITORS, VIEWS, PAGES, WEEK = 200, 3, 60, 7
RUNS = 30
WEIGHTS = [1 / rank for rank in range(1, PAGES + 1)]


class Week(NamedTuple):
    """The visitors of each page of a day and of a week, really and as published."""

    day: dict[int, int]
    day_shown: dict[int, int]
    week: dict[int, int]
    week_shown: dict[int, int]


def people_of_pages(draw: random.Random) -> dict[int, int]:
    """Return the visitors of each page on one day."""
    read = Counter[int]()
    for _ in range(VISITORS):
        read.update({*draw.choices(range(PAGES), WEIGHTS, k=VIEWS)})
    return read


def as_published(draw: random.Random, people: dict[int, int]) -> dict[int, int]:
    """Return the numbers that readers see."""
    seen = {page: shown(keys(draw, number)).visitors for page, number in people.items()}
    return {page: number for page, number in seen.items() if number is not None}


@pytest.fixture(scope="module")
def weeks() -> list[Week]:
    """Some simulated weeks."""
    draw = random.Random(20261120)
    made = []
    for _ in range(RUNS):
        days = [people_of_pages(draw) for _ in range(WEEK)]
        week = defaultdict(int)
        for day in days:
            for page, number in day.items():
                week[page] += number
        made.append(Week(days[0], as_published(draw, days[0]), week, as_published(draw, week)))
    return made


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def test_half_of_the_pages_are_shown_of_a_day_and_all_of_a_week(weeks: list[Week]) -> None:
    assert 29 <= mean([len(each.day_shown) for each in weeks]) <= 34
    assert mean([len(each.week_shown) for each in weeks]) >= 59.5


def test_a_number_of_five_to_thirty_people_is_wrong_by_little_more_than_one(weeks: list[Week]) -> None:
    errors = [
        (number - each.day[page]) ** 2
        for each in weeks
        for page, number in each.day_shown.items()
        if 5 <= each.day[page] <= 30
    ]
    assert len(errors) > 500
    assert math.sqrt(mean(errors)) <= 1.3


def test_the_ten_most_read_pages_stay_the_ten_most_read(weeks: list[Week]) -> None:
    def top(pages: dict[int, int]) -> set[int]:
        return {*sorted(pages, key=lambda page: (-pages[page], page))[:10]}

    assert mean([len(top(each.day) & top(each.day_shown)) / 10 for each in weeks]) >= 0.94
    assert mean([len(top(each.week) & top(each.week_shown)) / 10 for each in weeks]) >= 0.94


def test_the_loss_of_half_of_the_visitors_of_a_page_is_seen_in_the_published_numbers() -> None:
    draw = random.Random(2)

    def fell(today: float) -> bool:
        before = mean([shown(keys(draw, poisson(draw, 20))).visitors or 0 for _ in range(WEEK)])
        return (shown(keys(draw, poisson(draw, today))).visitors or 0) < 2 / 3 * before

    assert mean([fell(10) for _ in range(600)]) >= 0.78
    assert mean([fell(20) for _ in range(600)]) <= 0.10, "an alarm on every day is none"
