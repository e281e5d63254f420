from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.networks.address import NO_ADDRESS, NetworkSet, canonical, client_address

TRUSTED = NetworkSet([ip_network("10.0.0.0/8"), ip_network("fd00::/8")])


@pytest.mark.parametrize(
    ("word", "text", "expected"),
    [
        ("plain", "192.0.2.7", "192.0.2.7"),
        ("spaces", " 192.0.2.7 ", "192.0.2.7"),
        ("port", "192.0.2.7:4711", "192.0.2.7"),
        ("v6", "2001:db8::1", "2001:db8::1"),
        ("v6 long", "2001:0DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("brackets", "[2001:db8::1]", "2001:db8::1"),
        ("brackets and port", "[2001:db8::1]:443", "2001:db8::1"),
        ("zone", "fe80::1%eth0", "fe80::1"),
        ("zone and brackets", "[fe80::1%25eth0]:80", "fe80::1"),
        ("mapped", "::ffff:192.0.2.7", "192.0.2.7"),
        ("mapped in hex", "::ffff:c000:207", "192.0.2.7"),
        ("mapped, brackets, port", "[::ffff:192.0.2.7]:1", "192.0.2.7"),
        ("empty", "", None),
        ("word", "unknown", None),
        ("obfuscated", "_hidden", None),
        ("octal look-alike", "0300.0.2.7", None),
        ("short", "127.1", None),
        ("too many", "1.2.3.4.5", None),
        ("NUL", "192.0.2.7\x00", None),
        ("newline", "192.0.2.7\nx", None),
        ("not ASCII", "１９２.0.2.7", None),
        ("endless", "1" * 10_000, None),
        ("only brackets", "[]", None),
    ],
)
def test_an_address_has_one_canonical_text(word, text, expected):
    assert canonical(text) == expected, word


@pytest.mark.parametrize(
    ("word", "peer", "forwarded", "expected"),
    [
        ("direct", "192.0.2.1", (), "192.0.2.1"),
        ("a stranger forges", "192.0.2.1", ("198.51.100.9",), "192.0.2.1"),
        ("through our proxy", "10.0.0.1", ("198.51.100.9",), "198.51.100.9"),
        ("forged before our proxy", "10.0.0.1", ("203.0.113.5", "198.51.100.9"), "198.51.100.9"),
        ("two proxies of ours", "10.0.0.1", ("198.51.100.9", "10.1.1.1"), "198.51.100.9"),
        ("everyone is ours", "10.0.0.1", ("10.2.2.2", "10.1.1.1"), "10.2.2.2"),
        ("junk last", "10.0.0.1", ("198.51.100.9", "junk"), NO_ADDRESS),
        ("junk alone", "10.0.0.1", ("unknown",), NO_ADDRESS),
        ("junk between proxies of ours", "10.0.0.1", ("198.51.100.9", "unix:", "10.1.1.1"), NO_ADDRESS),
        ("a comma at the end", "10.0.0.1", ("198.51.100.9", " "), "198.51.100.9"),
        ("two commas", "10.0.0.1", ("198.51.100.9", "", "10.1.1.1"), "198.51.100.9"),
        ("quotes", "10.0.0.1", (' "198.51.100.9" ',), "198.51.100.9"),
        ("junk behind a client", "10.0.0.1", ("junk", "198.51.100.9"), "198.51.100.9"),
        ("empty entry", "10.0.0.1", ("",), "10.0.0.1"),
        ("v6 proxy, mapped client", "fd00::1", ("::ffff:198.51.100.9",), "198.51.100.9"),
        ("port and spaces", "10.0.0.1", (" 198.51.100.9:5000 ",), "198.51.100.9"),
        ("no peer", "", (), NO_ADDRESS),
        ("no peer, forged", "", ("198.51.100.9",), NO_ADDRESS),
    ],
)
def test_the_client_is_the_first_hop_nobody_of_ours_vouches_for(word, peer, forwarded, expected):
    assert client_address(peer, forwarded, TRUSTED) == expected, word


def test_by_default_nobody_is_believed():
    assert client_address("127.0.0.1", ("198.51.100.9",), NetworkSet([])) == "127.0.0.1"


def test_a_replay_is_believed_without_being_a_trusted_proxy():
    assert client_address("127.0.0.1", ("198.51.100.9",), NetworkSet([]), peer_is_trusted=True) == "198.51.100.9"


NETWORKS = [
    ip_network(text) for text in ("0.0.0.0/0", "10.0.0.0/8", "198.51.100.7/32", "::/0", "fd00::/8", "2001:db8::7")
]


@given(st.lists(st.sampled_from(NETWORKS)), st.ip_addresses() | st.sampled_from([each[0] for each in NETWORKS]))
def test_a_set_holds_the_addresses_that_ipaddress_finds_in_its_networks(networks, address):
    assert (str(address) in NetworkSet(networks)) is any(address in network for network in networks)


def test_no_address_is_in_no_set():
    assert NO_ADDRESS not in NetworkSet(NETWORKS)
