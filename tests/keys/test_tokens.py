"""Tokens: the published vectors, and what must be equal and what must differ."""

from __future__ import annotations

import gc
import json
import weakref
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.event import RawAddress, Token
from pipeline.keys import tokens as tokens_module
from pipeline.keys.tokens import (
    DayTokens,
    Deterministic,
    click_token,
    cookie_visitor,
    derive,
    fingerprint,
    packed,
    unpacked,
)

# All ipcrypt-deterministic vectors of github.com/ipcrypt-std/draft-denis-ipcrypt,
# implementations/python/test_vectors.json at commit e525566944def5b51244b4e3648ed72ca2c4f275 (2026-03-15).
# Copyright (c) 2025 Frank Denis, ISC licence. Key, address, token.
VECTORS = (
    ("0123456789abcdeffedcba9876543210", "0.0.0.0", "bde9:6789:d353:824c:d7c6:f58a:6bd2:26eb"),  # noqa: S104 - an address here, not a listener
    ("1032547698badcfeefcdab8967452301", "255.255.255.255", "aed2:92f6:ea23:58c3:48fd:8b8:74e8:45d8"),
    ("2b7e151628aed2a6abf7158809cf4f3c", "192.0.2.1", "1dbd:c1b9:fff1:7586:7d0b:67b4:e76e:4777"),
    ("0123456789abcdeffedcba9876543210", "2001:db8:85a3::8a2e:370:7334", "1eef:2352:64c8:18e6:6456:1373:f615:5032"),
    ("1032547698badcfeefcdab8967452301", "192.0.2.1", "7fde:a680:9546:ef2:d3c:7abb:1b38:2659"),
)
MAPPED = tuple((key, f"::ffff:{address}", token) for key, address, token in VECTORS if ":" not in address)
HEX_MAPPED = tuple(
    (key, f"::FFFF:{int(ip_address(address[7:])) >> 16:x}:{int(ip_address(address[7:])) & 0xFFFF:x}", token)
    for key, address, token in MAPPED
)

# RFC 5869, appendix A.1 to A.3 (the SHA-256 cases): input key, salt, info, output.
RFC5869 = (
    (
        "0b" * 22,
        "000102030405060708090a0b0c",
        "f0f1f2f3f4f5f6f7f8f9",
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x50)).hex(),
        bytes(range(0x60, 0xB0)).hex(),
        bytes(range(0xB0, 0x100)).hex(),
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (
        "0b" * 22,
        "",
        "",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
)

KEY = bytes(range(32))
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
GOLDEN = {
    "ip_token": "14f4:6421:d58:a3bc:fb00:39d1:5c59:b4ae",
    "net_token": "6145:1f18:5ce3:1b10:7ea7:da6e:a7d0:bf0d",
    "visitor": 12655605873347420299,
    "agent": 168259116144053061,
    "click": 15862072463142628125,
    "cookie": 7831125135382026757,
    "fingerprint": "40731b4fe2393bfd",
}
ipv4 = st.integers(0, 2**32 - 1).map(lambda number: str(IPv4Address(number)))
ipv6 = st.integers(0, 2**128 - 1).map(lambda number: str(IPv6Address(number)))


@pytest.fixture(name="tokens")
def day_tokens() -> DayTokens:
    return DayTokens(KEY)


@pytest.mark.parametrize(("key", "address", "token"), VECTORS + MAPPED + HEX_MAPPED)
def test_the_cipher_agrees_with_every_published_vector_both_ways(key: str, address: str, token: str) -> None:
    cipher = Deterministic(bytes.fromhex(key))
    assert cipher.token(packed(address)) == token
    assert cipher.reverse(Token(token)) == packed(address)


def test_the_constants_are_all_the_deterministic_vectors_of_the_published_file() -> None:
    file = Path(__file__).parents[2] / "../shared/vectors/ipcrypt.json"
    if not file.exists():
        pytest.skip("the published vector file is not next to this checkout")
    published = [vector for vector in json.loads(file.read_text()) if vector["variant"] == "ipcrypt-deterministic"]
    assert sorted(VECTORS) == sorted((vector["key"], vector["ip"], vector["encrypted_ip"]) for vector in published)


@pytest.mark.parametrize(("key", "salt", "info", "output"), RFC5869)
def test_subkeys_are_derived_as_rfc_5869_says(key: str, salt: str, info: str, output: str) -> None:
    wanted = bytes.fromhex(output)
    assert derive(bytes.fromhex(key), bytes.fromhex(info), len(wanted), salt=bytes.fromhex(salt)) == wanted


@settings(deadline=None)
@given(st.one_of(ipv4, ipv6))
def test_the_key_holder_can_reverse_a_token(address: str) -> None:
    tokens = DayTokens(KEY)
    assert tokens.reverse(tokens.ip_token(RawAddress(address))) == unpacked(packed(address))


@settings(deadline=None)
@given(ipv4)
def test_a_mapped_address_has_every_token_of_its_ipv4_address(address: str) -> None:
    tokens, plain, mapped = DayTokens(KEY), RawAddress(address), RawAddress(f"::ffff:{address}")
    assert tokens.ip_token(plain) == tokens.ip_token(mapped)
    assert tokens.net_token(plain) == tokens.net_token(mapped)
    assert tokens.visitor(packed(plain), AGENT, "clinic") == tokens.visitor(packed(mapped), AGENT, "clinic")


@pytest.mark.parametrize(
    ("one", "other", "same_network", "same_visitor"),
    [
        pytest.param("192.0.2.1", "192.0.2.254", True, False, id="one /24"),
        pytest.param("192.0.2.1", "192.0.3.1", False, False, id="next /24"),
        pytest.param("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True, True, id="one /64"),
        pytest.param("2001:db8:1:2::1", "2001:db8:1:3::1", True, False, id="one /48, next /64"),
        pytest.param("2001:db8:1:2::1", "2001:db8:2:2::1", False, False, id="next /48"),
        pytest.param("0.0.0.0", "::", False, False, id="zero of both families"),  # noqa: S104
    ],
)
def test_a_network_token_covers_its_network_and_a_visitor_its_place(
    tokens: DayTokens, one: str, other: str, same_network: bool, same_visitor: bool
) -> None:
    first, second = RawAddress(one), RawAddress(other)
    assert tokens.ip_token(first) != tokens.ip_token(second)
    assert (tokens.net_token(first) == tokens.net_token(second)) is same_network
    assert (
        tokens.visitor(packed(first), AGENT, "clinic") == tokens.visitor(packed(second), AGENT, "clinic")
    ) is same_visitor


def test_the_address_of_a_network_has_another_network_token_than_address_token(tokens: DayTokens) -> None:
    assert tokens.ip_token(RawAddress("192.0.2.0")) != tokens.net_token(RawAddress("192.0.2.0"))


def test_nothing_is_equal_under_another_days_key(tokens: DayTokens) -> None:
    other, address = DayTokens(KEY[::-1]), RawAddress("192.0.2.1")
    assert tokens.ip_token(address) != other.ip_token(address)
    assert tokens.net_token(address) != other.net_token(address)
    assert tokens.visitor(packed(address), AGENT, "clinic") != other.visitor(packed(address), AGENT, "clinic")
    assert tokens.agent(AGENT) != other.agent(AGENT)
    assert click_token(KEY, "abc") != click_token(KEY[::-1], "abc")
    assert cookie_visitor(KEY, "secret") != cookie_visitor(KEY[::-1], "secret")


def test_one_text_has_another_hash_in_every_column(tokens: DayTokens) -> None:
    assert len({tokens.agent("x"), click_token(KEY, "x"), cookie_visitor(KEY, "x")}) == 3


def test_fields_cannot_be_shifted_into_each_other(tokens: DayTokens) -> None:
    address = RawAddress("192.0.2.1")
    assert tokens.visitor(packed(address), "ab", "c") != tokens.visitor(packed(address), "a", "bc")
    assert tokens.visitor(packed(address), "", "abc") != tokens.visitor(packed(address), "abc", "")


def test_the_hashes_stay_what_they_are_across_releases(tokens: DayTokens) -> None:
    # Made by this code when it was first written: a change here splits every visitor in two on the day of the upgrade.
    assert tokens.ip_token(RawAddress("192.0.2.1")) == GOLDEN["ip_token"]
    assert tokens.net_token(RawAddress("192.0.2.1")) == GOLDEN["net_token"]
    assert tokens.visitor(packed(RawAddress("192.0.2.1")), AGENT, "clinic") == GOLDEN["visitor"]
    assert tokens.agent(AGENT) == GOLDEN["agent"]
    assert click_token(KEY, "yclid-1") == GOLDEN["click"]
    assert cookie_visitor(KEY, "secret") == GOLDEN["cookie"]
    assert fingerprint(KEY) == GOLDEN["fingerprint"]


def test_nothing_has_no_hash(tokens: DayTokens) -> None:
    assert tokens.agent("") == 0
    assert tokens.visitor(packed(RawAddress("::")), "", "") != 0


@settings(deadline=None)
@given(st.text())
def test_any_text_a_browser_sends_can_be_hashed_into_64_bits(text: str) -> None:
    tokens = DayTokens(KEY)
    for value in (tokens.agent(text + "\udc80"), click_token(KEY, text + "\x00"), cookie_visitor(KEY, text)):
        assert 0 < value < 2**64


@pytest.mark.parametrize(
    "text", ["", "198.51.100.77x", "198.51.100", "1.2.3.4\0", "fe80::198.51.100.77%eth0", "\udc80"]
)
def test_what_is_no_address_is_refused_without_being_quoted(tokens: DayTokens, text: str) -> None:
    for make in (tokens.ip_token, tokens.net_token, packed):
        with pytest.raises(ValueError, match="not an IP address in canonical text") as caught:
            make(RawAddress(text))
        assert "198.51" not in str(caught.value)
        assert caught.value.__suppress_context__


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes, not 16"):
        DayTokens(bytes(16))


def test_a_fingerprint_names_a_key_without_showing_it() -> None:
    assert fingerprint(KEY) != fingerprint(KEY[::-1])
    assert fingerprint(KEY) not in KEY.hex()


def test_a_key_that_nobody_uses_is_freed_at_once_with_its_cached_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[weakref.ref[Deterministic]] = []

    class Watched(Deterministic):
        def __init__(self, key: bytes) -> None:
            super().__init__(key)
            made.append(weakref.ref(self))

    monkeypatch.setattr(tokens_module, "Deterministic", Watched)
    gc.disable()
    try:
        tokens = DayTokens(KEY)
        tokens.tokens(packed("192.0.2.1"))
        tokens.agent("agent")
        del tokens
        assert [cipher() for cipher in made] == [None, None]
    finally:
        gc.enable()


def test_cached_tokens_are_those_of_another_process(tokens: DayTokens) -> None:
    for address, agent in (("192.0.2.1", "one"), ("2001:db8::1", "other"), ("192.0.2.1", "other")):
        for _ in range(3):
            assert tokens.tokens(packed(address)) == DayTokens(KEY).tokens(packed(address))
            assert tokens.agent(agent) == DayTokens(KEY).agent(agent)
            tokens.forget()
