from ipaddress import ip_network

import pytest

from pipeline.edge.clients import Sender, read_client
from pipeline.edge.rate_limit import RateLimit
from pipeline.edge.steps import uses_https
from pipeline.event import Hit
from pipeline.keys.tokens import packed
from pipeline.networks.address import NetworkSet
from pipeline.networks.lookup import NetworkTables

TRUSTED = NetworkSet([ip_network("10.0.0.0/8")])
RATE_LIMIT = RateLimit(per_minute=60, burst=3, clients=1000, key=bytes(32))
NETWORKS = NetworkTables(own={"clinic": NetworkSet([ip_network("192.0.2.0/24")])})


def client(peer, forwarded_for="", *, is_replay=False):
    return read_client(Sender(peer, forwarded_for, is_replay), TRUSTED, NETWORKS, RATE_LIMIT)


@pytest.mark.parametrize(
    ("word", "given", "address", "trusted"),
    [
        ("direct", ("198.51.100.9",), "198.51.100.9", False),
        ("behind a trusted proxy", ("10.0.0.1", "198.51.100.9"), "198.51.100.9", True),
        ("two hops", ("10.0.0.1", "203.0.113.1, 198.51.100.9, 10.0.0.2"), "198.51.100.9", True),
        ("a stranger's header", ("192.0.2.1", "198.51.100.9"), "192.0.2.1", False),
        ("no address", ("",), "", False),
        ("a trusted proxy names none that can be read", ("10.0.0.1", "junk"), "", True),
    ],
)
def test_the_client_is_found_behind_trusted_proxies_only(word, given, address, trusted):
    found = client(*given)
    assert (found.address, found.peer_is_trusted) == (address, trusted), word
    assert found.packed == (packed(address) if address else b""), word
    assert found.version == (4 if address else 0), word


def test_a_replay_names_its_client_from_any_peer():
    assert client("192.0.2.1", "198.51.100.9", is_replay=True).address == "198.51.100.9"


def test_a_network_is_a_sites_own_for_that_site_alone():
    found = client("192.0.2.1")
    assert [found.facts_for(site).net_class for site in ("clinic", "other")] == ["own", "other"]


@pytest.mark.parametrize(
    ("peer", "scheme", "said", "expected"),
    [
        ("10.0.0.1", "http", "https", True),
        ("10.0.0.1", "https", "http", False),
        ("10.0.0.1", "http", "", False),
        ("192.0.2.1", "http", "https", False),
        ("192.0.2.1", "https", "http", True),
    ],
)
def test_only_a_trusted_proxy_may_say_that_the_visitor_used_https(peer, scheme, said, expected):
    hit = Hit(received_ms=0, peer=peer, scheme=scheme, forwarded_proto=said)
    assert uses_https(hit, client(peer)) is expected


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "counted"),
    [
        ("127.0.0.1", "198.51.100.9", ["loopback"]),
        ("::1", "198.51.100.9", ["loopback_v6"]),
        ("::ffff:127.0.0.1", "198.51.100.9", ["loopback"]),
        ("172.17.0.1", "198.51.100.9", ["private"]),
        ("100.64.0.3", "198.51.100.9", ["private"]),
        ("fd00::5", "198.51.100.9", ["private"]),
        ("10.0.0.1", "198.51.100.9", []),
        ("127.0.0.1", "", []),
        ("203.0.113.5", "198.51.100.9", []),
        ("192.168.5.5", "198.51.100.9", []),
    ],
    ids=["loopback", "v6", "mapped", "docker", "balancer", "local v6", "trusted", "no header", "public", "own network"],
)
def test_a_forwarded_header_of_a_near_peer_that_nobody_trusts_is_counted(peer, forwarded_for, counted):
    networks = NetworkTables(own={"clinic": NetworkSet([ip_network("192.168.5.0/24")])})
    read_client(Sender(peer, forwarded_for, is_replay=False), TRUSTED, networks, RATE_LIMIT)
    read_client(Sender(peer, forwarded_for, is_replay=True), TRUSTED, networks, RATE_LIMIT)
    assert [name for name, count in networks.untrusted_forwards.items() if count] == counted
    assert set(networks.untrusted_forwards.values()) <= {0, 1}
