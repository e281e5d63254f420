"""The noise of published numbers: its distribution, its stability, and zero."""

from __future__ import annotations

import math
from itertools import combinations
from statistics import correlation

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.publish.noise import KEYS, Kind, Noise, noise
from support.attackers import shares

KINDS: tuple[Kind, ...] = ("ordinary", "sensitive")
keys = st.integers(0, KEYS - 1)


@pytest.mark.parametrize(
    ("kind", "epsilon", "reach", "variance"), [("ordinary", 1.0, 5, 1.7), ("sensitive", 0.5, 10, 7.1)]
)
def test_a_table_is_the_discrete_laplace_distribution_of_its_epsilon(
    kind: Kind, epsilon: float, reach: int, variance: float
) -> None:
    table = noise()[kind]
    said = shares(kind)
    assert (table.epsilon, table.reach) == (epsilon, reach)
    assert sum(said.values()) == pytest.approx(1)
    assert sum(value * share for value, share in said.items()) == pytest.approx(0)
    assert sum(value**2 * share for value, share in said.items()) == pytest.approx(variance, abs=0.1)
    for value in range(reach):
        assert said[value] / said[value + 1] == pytest.approx(math.exp(epsilon), rel=1e-3)


SEEN_BY_ONE = 0.0032
"""The delta of docs/reports.md: the probability of a number that tells for certain, at one end of the reach."""


def test_a_number_at_the_end_of_the_reach_is_as_rare_as_the_documentation_says() -> None:
    assert shares("ordinary")[5] == shares("ordinary")[-5] <= SEEN_BY_ONE


@pytest.mark.parametrize("kind", KINDS)
def test_evenly_spread_keys_give_the_shares_of_the_table(kind: Kind) -> None:
    table, drawn = noise()[kind], 100_000
    found = [table.draw(number * (KEYS // drawn)) for number in range(drawn)]
    for value, share in shares(kind).items():
        assert found.count(value) == pytest.approx(drawn * share, abs=2)


@given(st.sampled_from(KINDS), keys, st.integers(0, 10**9), st.sampled_from((1, 2, 5)))
def test_noise_stays_within_its_reach_and_zero_stays_zero(kind: Kind, key: int, number: int, step: int) -> None:
    table = noise()[kind]
    assert table.people(0, key) == table.hits(0, step, key) == 0
    assert table.people(number, key) == table.people(number, key) >= 0
    assert abs(table.people(number, key) - number) <= table.reach
    assert abs(table.hits(number, step, key) - number) <= (table.reach + 0.5) * step + 0.5


@pytest.mark.parametrize("wrong", [(), (500_000, 500_000), (1, 999_998, 2), (1, 1, 1), (-1, 1_000_002, -1)])
def test_a_table_that_is_no_distribution_is_refused(wrong: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="sum to a million"):
        Noise.of(1.0, wrong)


def test_the_noise_of_hits_has_mean_zero_and_the_width_of_its_steps() -> None:
    table = noise()["ordinary"]
    for step in (2, 5):
        drawn = [table.hits(1000, step, key) - 1000 for key in range(0, KEYS, KEYS // 20_011)]
        assert abs(sum(drawn) / len(drawn)) < 0.05 * step
        # A whole number of steps, and a place between two of them.
        variance = sum(value**2 for value in drawn) / len(drawn)
        assert variance == pytest.approx((1.7 + 1 / 12) * step**2, rel=0.1)
        assert {value % step for value in drawn} == {*range(step)}


def test_the_noise_of_hits_tells_nothing_of_the_noise_of_people_or_of_another_step() -> None:
    table = noise()["ordinary"]
    drawn = [
        (table.draw(key), table.hits(1000, 5, key) - 1000, table.hits(1000, 2, key) - 1000)
        for key in range(0, KEYS, KEYS // 20_011)
    ]
    for one, other in combinations(zip(*drawn, strict=True), 2):
        assert abs(correlation(one, other)) < 0.03
