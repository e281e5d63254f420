"""The intervals equal those of SciPy and of the textbook."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from pipeline.detection.statistics import SURE, difference, shortfall, wilson


@pytest.mark.parametrize(("number", "of"), [(0, 1), (1, 1), (0, 30), (3, 30), (15, 30), (30, 30), (70, 100_000)])
def test_the_interval_of_a_share_is_that_of_scipy(number: int, of: int) -> None:
    oracle = binomtest(number, of).proportion_ci(confidence_level=0.95, method="wilson")
    found = wilson(number, of, z=1.959963984540054)
    assert found.low == pytest.approx(oracle.low, abs=1e-9)
    assert found.high == pytest.approx(oracle.high, abs=1e-9)
    assert found.middle == number / of


def test_a_share_of_nothing_may_be_anything() -> None:
    assert wilson(0, 0) == (0.0, 0.5, 1.0)
    assert wilson(3, -1) == (0.0, 0.5, 1.0)


def test_a_share_that_cannot_be_stays_between_nothing_and_all() -> None:
    assert wilson(40, 30).middle == 1.0
    assert wilson(-4, 30).middle == 0.0


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((5, 56), (0, 29), -0.0381, 0.1926),
    ],
)
def test_the_interval_of_a_difference_is_that_of_newcombe(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    found = difference(*one, *other)
    assert found.low == pytest.approx(low, abs=2e-4)
    assert found.high == pytest.approx(high, abs=2e-4)


def test_a_difference_is_never_more_than_all() -> None:
    found = difference(1, 1, 0, 1)
    assert -1 <= found.low <= found.middle <= found.high <= 1


def test_the_interval_of_a_loss_holds_the_loss_nineteen_times_in_twenty() -> None:
    draw = np.random.default_rng(7)
    wander, spread = 0.1, 2.0
    held = 0
    for _ in range(2000):
        level = max(0.0, 1 + wander * draw.normal())
        seen = spread * draw.poisson(100 * level / spread)
        low, _, high = shortfall(seen, 100, spread, wander)
        held += low <= 0 <= high
    assert 0.93 <= held / 2000 <= 0.97


def test_a_loss_grows_less_certain_with_spread_and_wander() -> None:
    def width(spread: float, wander: float) -> float:
        found = shortfall(50, 100, spread, wander)
        return found.high - found.low

    assert width(1, 0) == pytest.approx(2 * SURE * 50**0.5)
    assert width(4, 0) == pytest.approx(2 * width(1, 0))
    assert width(1, 0.2) > width(1, 0.1) > width(1, 0)
