from pipeline.edge.rate_limit import FloodGuard


def test_a_burst_passes_then_the_rate_counts_and_time_heals():
    guard = FloodGuard(per_minute=60, burst=3, clients=1000)
    assert [guard.admits("a", now_ms=0) for _ in range(5)] == [True, True, True, False, False]
    assert not guard.admits("a", now_ms=900)
    assert guard.admits("a", now_ms=1001)
    assert not guard.admits("a", now_ms=1002)


def test_one_client_does_not_spend_the_rate_of_another():
    guard = FloodGuard(per_minute=60, burst=1, clients=1000)
    assert guard.admits("a", now_ms=0)
    assert guard.admits("b", now_ms=0)
    assert not guard.admits("a", now_ms=0)


def test_time_that_goes_back_refills_nothing_and_heals_from_there():
    guard = FloodGuard(per_minute=60, burst=1, clients=1000)
    assert guard.admits("a", now_ms=1_000_000)
    assert not guard.admits("a", now_ms=0)
    assert not guard.admits("a", now_ms=999)
    assert guard.admits("a", now_ms=1_000)


def test_addresses_of_one_ipv6_network_share_one_bucket():
    guard = FloodGuard(per_minute=60, burst=2, clients=1000)
    assert guard.admits("2001:db8:0:1::1", now_ms=0)
    assert guard.admits("2001:db8:0:1:ffff::2", now_ms=0)
    assert not guard.admits("2001:db8:0:1::3", now_ms=0)
    assert guard.admits("2001:db8:0:2::1", now_ms=0)
    assert len(guard) == 2


def test_the_memory_is_bounded_and_the_longest_unseen_goes_first():
    guard = FloodGuard(per_minute=1, burst=1, clients=1000)
    for number in range(5000):
        guard.admits(str(number), now_ms=0)
    assert len(guard) == 1000
    assert not guard.admits("4999", now_ms=0)
    assert guard.admits("0", now_ms=0)


def test_zero_switches_it_off():
    guard = FloodGuard(per_minute=0, burst=1, clients=1000)
    assert all(guard.admits("a", now_ms=0) for _ in range(10_000))
