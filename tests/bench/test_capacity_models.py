"""The models of docs/capacity.md agree with results that are known without simulation."""

from __future__ import annotations

import math

import pytest

from bench.capacity.backlog import arrivals, outage
from bench.capacity.group_commit import Answers, LoopCosts, simulate, steady, uneven
from bench.capacity.parts import BUSY, Costs, limits, machines_for, spool_seconds, stored_gb

COSTS = Costs(collector_us=80, ship_us=40, clickhouse_us=10, spool_bytes=800, stored_bytes=50)


def test_a_busy_disk_alone_takes_one_and_a_half_syncs() -> None:
    answers = simulate(LoopCosts(0.0, 0.0, 0.0), steady(0.010), hits=50_000, seed=1, rate=20_000)
    # A hit waits for the rest of the sync that runs, half of one on average, and for its own.
    assert sum(answers.seconds) / len(answers.seconds) == pytest.approx(0.015, rel=0.02)
    assert answers.percentile(1.0) == pytest.approx(0.020, rel=0.02)


def test_a_rare_hit_waits_for_its_own_costs_and_one_sync() -> None:
    answers = simulate(LoopCosts(0.001, 0.002, 0.003), steady(0.004), hits=50, seed=1, rate=0.1)
    assert answers.percentile(0.5) == pytest.approx(0.010)
    assert answers.hits_in_a_group == 1


def test_groups_grow_with_the_slowness_of_the_disk_and_the_rate_stays() -> None:
    costs = LoopCosts(0.00004, 0.0001, 0.00001)
    quick, slow = (simulate(costs, steady(sync), hits=20_000, seed=2, rate=5_000) for sync in (0.001, 0.010))
    assert 4 < quick.hits_in_a_group < 8
    assert 40 < slow.hits_in_a_group < 70
    assert quick.rate == pytest.approx(5_000, rel=0.03)
    assert slow.rate == pytest.approx(5_000, rel=0.03)


def test_a_busy_loop_makes_groups_large_also_with_a_quick_disk() -> None:
    costs = LoopCosts(0.00005, 0.0002, 0.0)
    answers = simulate(costs, steady(0.00005), hits=100_000, seed=2, rate=0.9 * costs.most_hits)
    assert answers.rate == pytest.approx(0.9 * costs.most_hits, rel=0.02)
    assert answers.hits_in_a_group > 15


def test_clients_that_wait_for_answers_reach_the_most_hits_of_the_loop() -> None:
    costs = LoopCosts(0.00004, 0.0, 0.00001)
    answers = simulate(costs, steady(0.0001), hits=20_000, seed=3, clients=64)
    assert answers.rate == pytest.approx(costs.most_hits, rel=0.05)
    assert answers.percentile(0.5) == pytest.approx(64 / costs.most_hits, rel=0.1)


def test_the_median_of_uneven_syncs_is_the_given_one() -> None:
    answers = simulate(LoopCosts(0.0, 0.0, 0.0), uneven(0.002, spread=0.5), hits=4_000, seed=4, rate=1)
    assert answers.percentile(0.5) == pytest.approx(0.002, rel=0.05)
    assert answers.percentile(0.99) > 0.005


def test_a_percentile_is_one_of_the_answers() -> None:
    answers = Answers([1.0, 2.0, 3.0, 4.0], 1, 1)
    assert [answers.percentile(share) for share in (0.0, 0.25, 0.5, 0.99, 1.0)] == [1.0, 1.0, 2.0, 4.0, 4.0]


def test_arrivals_of_a_day_have_the_given_mean_and_their_top_at_noon() -> None:
    minutes = [arrivals(100, minute * 60.0) for minute in range(1440)]
    assert sum(minutes) / 1440 == pytest.approx(100)
    assert max(minutes) == minutes[720] == pytest.approx(200)


def test_a_backlog_is_the_arrivals_of_the_outage() -> None:
    backlog = outage(100, 10_000, begins=0.0, lasts=86_400.0)
    assert backlog.most == pytest.approx(100 * 86_400, rel=0.01)
    assert backlog.caught_up == pytest.approx(86_400 * 100 / 10_000, rel=0.1)


def test_a_shipper_slower_than_the_arrivals_never_catches_up() -> None:
    assert outage(100, 10, begins=0.0, lasts=43_200.0).caught_up == math.inf


def test_the_shipper_limits_a_machine_of_many_cores_and_the_cores_a_small_one() -> None:
    assert limits(COSTS, machines=1, cores=2)[0].part == "cores"
    assert limits(COSTS, machines=1, cores=2)[0].rate == pytest.approx(2 * BUSY * 1e6 / 130)
    assert limits(COSTS, machines=4, cores=16)[0].part == "shipper"
    assert limits(COSTS, machines=4, cores=16)[0].rate == pytest.approx(4 * BUSY * 1e6 / 40)


def test_machines_and_disk_are_proportional_to_the_events() -> None:
    one = limits(COSTS, machines=1, cores=16)[0].rate
    assert [machines_for(COSTS, rate, cores=16) for rate in (one / 2, one, one * 9.5)] == [1, 1, 10]
    assert stored_gb(COSTS, 1e6, days=365) == pytest.approx(18.25)
    assert spool_seconds(COSTS, 1_000, spool_mb=10_240) == pytest.approx(13_422, rel=0.001)
