"""The finder: its tails against scipy, what it proposes, and what it leaves alone."""

from __future__ import annotations

import random
from statistics import median

import pytest
from scipy import stats  # type: ignore[import-untyped]

from pipeline.scoring.finder import HISTORY_DAYS, LEAST_CLIENTS, Combination, Counted, proposals, upper_tail

CROWD = Combination("NL", "Chrome 120", 60781)


def counted(clients: int, before: list[int]) -> Counted:
    return Counted(clients, 0, 0, 0, before)


def quiet(seed: int, combinations: int = 100) -> dict[Combination, Counted]:
    """Return a clean day: counts of each combination around a mean of its own."""
    draw = random.Random(seed)
    made = {}
    for number in range(combinations):
        mean = draw.choice((0.1, 1, 5, 20, 60))
        days = [sum(draw.random() < mean / 100 for _ in range(100)) for _ in range(HISTORY_DAYS + 1)]
        made[Combination("RU", "Chrome 143", number)] = counted(days[0], days[1:])
    return made


@pytest.mark.parametrize(("number", "mean"), [(1, 0.02), (20, 0.02), (20, 12.0), (60, 40.0), (5, 90.0)])
def test_the_tails_are_those_of_scipy(number: int, mean: float) -> None:
    assert upper_tail(number, mean, mean) == pytest.approx(stats.poisson.sf(number - 1, mean), rel=1e-8)
    for spread in (1.5 * mean, 6 * mean):
        size = mean * mean / (spread - mean)
        expected = stats.nbinom.sf(number - 1, size, size / (size + mean))
        assert upper_tail(number, mean, spread) == pytest.approx(expected, rel=1e-8)


def test_clean_days_propose_nothing_and_a_crowd_of_sixty_comes_first() -> None:
    assert median(len(proposals(quiet(seed))) for seed in range(5)) == 0
    for seed in range(5):
        first = proposals({**quiet(seed), CROWD: counted(60, [0, 1] * (HISTORY_DAYS // 2))})[0]
        assert (first.combination, first.tried) == (CROWD, 101)


def test_fewer_than_twenty_clients_are_never_proposed() -> None:
    before = [0] * HISTORY_DAYS
    assert proposals({CROWD: counted(LEAST_CLIENTS - 1, before)}) == []
    assert len(proposals({CROWD: counted(LEAST_CLIENTS, before)})) == 1


def test_a_combination_whose_days_vary_much_is_not_a_jump() -> None:
    restless = [0, 60] * (HISTORY_DAYS // 2)
    assert proposals({CROWD: counted(61, restless)}) == []
    assert len(proposals({CROWD: counted(61, [30] * HISTORY_DAYS)})) == 1


def test_a_history_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="27 days before: expected 28"):
        proposals({CROWD: counted(30, [0] * 27)})


def test_a_version_that_is_new_everywhere_is_not_a_jump_and_one_that_is_new_here_alone_is() -> None:
    new = counted(60, [0] * HISTORY_DAYS)
    assert proposals({CROWD: new._replace(expected=55.0)}) == []
    assert proposals({CROWD: new._replace(expected=40.0)}) == []
    (found,) = proposals({CROWD: new._replace(expected=1.5)})
    assert found.usual == 1.5


def test_small_combinations_that_are_left_out_count_as_tried() -> None:
    # 26 where 12 are usual: one in three thousand, which proves something for one combination and nothing for a thousand.
    day = {CROWD: counted(26, [12] * HISTORY_DAYS)}
    (found,) = proposals(day)
    assert found.tried == 1
    assert proposals(day, of=1_000) == []
