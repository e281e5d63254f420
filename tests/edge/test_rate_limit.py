from pipeline.edge.rate_limit import RateLimit
from pipeline.keys.tokens import packed

A, B = packed("192.0.2.1"), packed("192.0.2.2")


def limit(**given):
    return RateLimit(**{"clients": 1000, "key": bytes(32)} | given)


def test_a_burst_passes_then_the_rate_counts_and_time_heals():
    rate_limit = limit(per_minute=60, burst=3)
    assert [rate_limit.admits(rate_limit.buckets_of(A), now_ms=0) for _ in range(5)] == [True, True, True, False, False]
    assert not rate_limit.admits(rate_limit.buckets_of(A), now_ms=900)
    assert rate_limit.admits(rate_limit.buckets_of(A), now_ms=1001)
    assert not rate_limit.admits(rate_limit.buckets_of(A), now_ms=1002)


def test_one_client_does_not_spend_the_rate_of_another():
    rate_limit = limit(per_minute=60, burst=1)
    assert rate_limit.admits(rate_limit.buckets_of(A), now_ms=0)
    assert rate_limit.admits(rate_limit.buckets_of(B), now_ms=0)
    assert not rate_limit.admits(rate_limit.buckets_of(A), now_ms=0)


def test_time_that_goes_back_refills_nothing_and_heals_from_there():
    rate_limit = limit(per_minute=60, burst=1)
    assert rate_limit.admits(rate_limit.buckets_of(A), now_ms=1_000_000)
    assert not rate_limit.admits(rate_limit.buckets_of(A), now_ms=0)
    assert not rate_limit.admits(rate_limit.buckets_of(A), now_ms=999)
    assert rate_limit.admits(rate_limit.buckets_of(A), now_ms=1_000)


def test_addresses_of_one_ipv6_network_share_one_bucket():
    rate_limit = limit(per_minute=60, burst=2)
    assert rate_limit.admits(rate_limit.buckets_of(packed("2001:db8:0:1::1")), now_ms=0)
    assert rate_limit.admits(rate_limit.buckets_of(packed("2001:db8:0:1:ffff::2")), now_ms=0)
    assert not rate_limit.admits(rate_limit.buckets_of(packed("2001:db8:0:1::3")), now_ms=0)
    assert rate_limit.admits(rate_limit.buckets_of(packed("2001:db8:0:2::1")), now_ms=0)
    assert len(rate_limit) == 3, "two /64 and their /48"


def test_an_ipv6_network_of_a_provider_s_customer_has_a_wider_rate_and_no_more():
    rate_limit = limit(per_minute=60, burst=20)
    accepted = sum(
        rate_limit.admits(rate_limit.buckets_of(packed(f"2001:db8:0:{net:x}::1")), now_ms=0) for net in range(2000)
    )
    assert 199 <= accepted <= 200, "ten times the burst of one client"
    assert rate_limit.admits(rate_limit.buckets_of(packed("2001:db8:1::1")), now_ms=0), (
        "the neighbour is another customer"
    )


def test_a_cheaper_hit_takes_less_and_an_empty_bucket_refuses_it_too():
    rate_limit = limit(per_minute=60, burst=2)
    assert sum(rate_limit.admits(rate_limit.buckets_of(A), now_ms=0, cost=0.125) for _ in range(8)) == 8
    assert rate_limit.admits(rate_limit.buckets_of(A), now_ms=0)
    assert not rate_limit.admits(rate_limit.buckets_of(A), now_ms=0, cost=0.125)


def test_the_memory_is_bounded_and_the_longest_unseen_goes_first():
    rate_limit = limit(per_minute=1, burst=1)
    for number in range(5000):
        rate_limit.admits(rate_limit.buckets_of(packed(f"10.0.{number >> 8}.{number & 255}")), now_ms=0)
    assert len(rate_limit) == 1000
    assert not rate_limit.admits(rate_limit.buckets_of(packed("10.0.19.135")), now_ms=0)
    assert rate_limit.admits(rate_limit.buckets_of(packed("10.0.0.0")), now_ms=0)


def test_zero_switches_it_off():
    rate_limit = limit(per_minute=0, burst=1)
    assert all(rate_limit.admits(rate_limit.buckets_of(A), now_ms=0) for _ in range(10_000))


def test_a_bucket_that_is_full_again_is_forgotten_and_another_is_not():
    rate_limit = limit(per_minute=60, burst=3)
    rate_limit.admits(rate_limit.buckets_of(A), now_ms=0)
    rate_limit.admits(rate_limit.buckets_of(B), now_ms=2000)
    rate_limit.forget(now_ms=3000)
    assert len(rate_limit) == 1
    rate_limit.forget(now_ms=5000)
    assert len(rate_limit) == 0


def test_the_memory_holds_no_address_and_another_process_hashes_otherwise():
    first, second = limit(per_minute=60, burst=3, key=b"1" * 32), limit(per_minute=60, burst=3, key=b"2" * 32)
    for rate_limit in (first, second):
        rate_limit.admits(rate_limit.buckets_of(A), now_ms=0)
        assert not any(A[12:] in bucket for bucket in rate_limit._buckets)
    assert first._buckets.keys() != second._buckets.keys()
