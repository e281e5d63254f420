"""The evidence decides as early as the theory allows, and seldom by chance: by simulation with fixed seeds."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.detection.evidence import CERTAIN, RECOVERED, episodes, may_be_certain, of_count, of_share
from pipeline.detection.series import Numbers


def expected_until_certain(factor: float, tested: float, seed: int, an_hour: float = 1.0) -> float:
    """Return how many people were expected since the begin of a loss when it became certain."""
    draw = np.random.default_rng(seed)
    before, hours = 500, 2000
    expected = np.full(before + hours, an_hour)
    level = np.where(np.arange(before + hours) < before, an_hour, an_hour * factor)
    seen = draw.poisson(level).astype(float)
    pieces = of_count(seen, expected, tested)
    found = [each for each in episodes(pieces, tested) if each.certain >= before]
    assert found
    return (found[0].certain + 1 - before) * an_hour


@pytest.mark.parametrize(
    ("factor", "tested", "least", "most"),
    [(0.0, 0.05, 12, 18), (0.5, 0.5, 50, 112), (0.7, 0.7, 150, 330)],
)
def test_a_loss_is_certain_after_as_many_expected_people_as_the_note_says(
    factor: float, tested: float, least: float, most: float
) -> None:
    taken = np.median([expected_until_certain(factor, tested, seed) for seed in range(40)])
    assert least <= taken <= most


def test_chance_alone_makes_a_loss_certain_less_than_once_in_ten_thousand_tries() -> None:
    draw = np.random.default_rng(11)
    hours, sites = 24 * 14, 300
    wrong = 0
    for factor in (0.05, 0.3, 0.5, 0.7):
        for _ in range(sites):
            pieces = of_count(draw.poisson(5.0, hours).astype(float), np.full(hours, 5.0), factor)
            wrong += len(episodes(pieces, factor))
    assert wrong / (4 * sites * hours) <= 1e-4


def test_chance_alone_makes_a_share_certain_less_than_once_in_ten_thousand_tries() -> None:
    draw = np.random.default_rng(12)
    hours, sites = 24 * 14, 300
    wrong = 0
    for factor in (3.0, 10.0):
        for _ in range(sites):
            seen = draw.binomial(20, 0.05, hours).astype(float)
            wrong += len(episodes(of_share(seen, np.full(hours, 20.0), np.full(hours, 0.05), factor), factor))
    assert wrong / (2 * sites * hours) <= 1e-4


def test_the_begin_of_a_silence_is_estimated_within_two_hours() -> None:
    late = []
    for seed in range(40):
        seen = np.random.default_rng(seed).poisson(6.0, 400).astype(float)
        seen[300:] = 0
        (found,) = episodes(of_count(seen, np.full(400, 6.0), 0.05), 0.05)
        late.append(found.first - 300)
    assert max(map(abs, late)) <= 2


def test_a_recovery_ends_an_episode_with_the_first_good_hour() -> None:
    ends = []
    for seed in range(40):
        seen = np.random.default_rng(seed).poisson(20.0, 400).astype(float)
        seen[200:260] *= 0.0
        (found,) = episodes(of_count(seen, np.full(400, 20.0), 0.05), 0.05)
        assert found.end is not None
        ends.append(found.end - 260)
    assert ends == [0] * 40


def test_a_loss_that_goes_on_has_no_end() -> None:
    seen = np.concatenate((np.full(50, 10.0), np.zeros(30)))
    (found,) = episodes(of_count(seen, np.full(80, 10.0), 0.05), 0.05)
    assert found.end is None
    assert found.first == 50


def test_one_good_hour_among_bad_ones_ends_nothing() -> None:
    seen = np.concatenate((np.full(50, 4.0), np.zeros(20), [1.0], np.zeros(20)))
    (found,) = episodes(of_count(seen, np.full(91, 4.0), 0.05), 0.05)
    assert found.end is None


def test_two_losses_are_two_episodes_in_the_order_of_time() -> None:
    seen = np.full(200, 10.0)
    seen[50:60] = seen[120:130] = 0
    first, second = episodes(of_count(seen, np.full(200, 10.0), 0.05), 0.05)
    assert (first.first, first.end, second.first, second.end) == (50, 60, 120, 130)


def test_evidence_is_divided_by_the_spread() -> None:
    seen, expected, share = np.array([1.0, 0.0]), np.array([4.0, 4.0]), np.array([0.5, 0.5])
    assert of_count(seen, expected, 0.5, 3.0) == pytest.approx(of_count(seen, expected, 0.5) / 3)
    assert of_share(seen, expected, share, 0.5, 3.0) == pytest.approx(of_share(seen, expected, share, 0.5) / 3)


def test_evidence_is_the_logarithm_of_the_likelihoods_ratio() -> None:
    from scipy.stats import binom, poisson

    seen, expected = np.arange(10.0), np.full(10, 4.0)
    assert of_count(seen, expected, 0.3) == pytest.approx(poisson.logpmf(seen, 1.2) - poisson.logpmf(seen, 4.0))
    changed = 3 * 0.25 / (1 + 3 * 0.25)  # three times the odds of 0.2
    of = np.full(10, 20.0)
    assert of_share(seen, of, np.full(10, 0.2), 3.0) == pytest.approx(
        binom.logpmf(seen, 20, changed) - binom.logpmf(seen, 20, 0.2)
    )


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_none_or_of_all_gives_finite_evidence(share: float) -> None:
    pieces = of_share(np.array([0.0, 5.0]), np.array([5.0, 5.0]), np.full(2, share), 3.0)
    assert np.isfinite(pieces).all()


def random_pieces(seed: int) -> Numbers:
    return np.random.default_rng(seed).normal(-0.2, 2.0, 300)


@pytest.mark.parametrize("seed", range(20))
def test_the_quick_look_agrees_with_the_slow_one(seed: int) -> None:
    pieces = random_pieces(seed)
    assert may_be_certain(pieces) is bool(episodes(pieces, 0.5))


def test_nothing_is_certain_of_no_hours() -> None:
    assert not may_be_certain(np.zeros(0))
    assert episodes(np.zeros(0), 0.5) == []


def test_a_recovery_needs_less_evidence_than_a_begin() -> None:
    assert RECOVERED < CERTAIN
