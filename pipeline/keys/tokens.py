"""Tokens of an address under one day's key, and keyed hashes of a visitor, user agent and click id.

Owns the cryptography of pseudonyms. Pure: keys come as arguments, nothing is read, cached on disk or logged. Rules:

* One subkey per use, derived with HKDF-SHA256 and a label, so that no value of one column reveals a value of another.
* An IPv4 address and its IPv6-mapped spelling are the same address and give the same token.
* A hash over several fields prefixes each with its length: two different tuples never give the same bytes.
* With the day's key every token of that day can be reversed (all IPv4 addresses in minutes). The destruction of the key
  ends that; until then a token is a pseudonym, and afterwards the rows are de-linked, not anonymous.

An AES encryptor stays open per key (a new one per call costs twenty times the encryption), and the tokens in use are
cached with the key, in memory only, and end with it. So a `DayTokens` belongs to one thread.
"""

from __future__ import annotations

from functools import partial
from hashlib import blake2b
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pipeline.aged_cache import AgedCache
from pipeline.event import PackedAddress, RawAddress, Token

KEY_BYTES: Final = 32
CACHED_ADDRESSES: Final = 16_384
CACHED_AGENTS: Final = 4_096
_MAPPED: Final = bytes(10) + b"\xff\xff"  # RFC 4291 2.5.5.2: the first 96 bits of an IPv4-mapped address


def derive(key: bytes, label: bytes, length: int, *, salt: bytes | None = None) -> bytes:
    """Return `length` bytes of HKDF-SHA256 over `key` with `label` as its info (RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=label).derive(key)


def fingerprint(key: bytes) -> str:
    """Return 16 hex digits that identify a key in the audit and reveal nothing of it."""
    return derive(key, b"clinic-pixel fingerprint", 8).hex()


def packed(address: str) -> PackedAddress:
    """Return the 16 bytes of an address, IPv4 in its mapped form; raises `ValueError` that does not quote the input."""
    try:
        block = inet_pton(AF_INET6, address) if ":" in address else _MAPPED + inet_pton(AF_INET, address)
    except (OSError, ValueError):  # ValueError: a NUL or a lone surrogate
        raise ValueError("not an IP address in canonical text") from None
    return PackedAddress(block)


def is_ipv4(block: PackedAddress) -> bool:
    """Tell whether 16 bytes are an IPv4 address in its mapped form."""
    return block.startswith(_MAPPED)


def unpacked(block: bytes) -> RawAddress:
    """Return the canonical text of a 16-byte address, a mapped one as IPv4."""
    if block.startswith(_MAPPED):
        return RawAddress(inet_ntop(AF_INET, block[12:]))
    return RawAddress(inet_ntop(AF_INET6, block))


class Deterministic:
    """The cipher ipcrypt-deterministic: one AES-128 block over the 16-byte address (draft-denis-ipcrypt).

    `key` is 16 bytes. ECB over exactly one block is the bare permutation the draft asks for.
    """

    __slots__ = ("_decrypt", "_encrypt")

    def __init__(self, key: bytes) -> None:
        cipher = Cipher(AES(key), ECB())  # noqa: S305 - a single block, never a message
        self._encrypt = cipher.encryptor().update
        self._decrypt = cipher.decryptor().update

    def token(self, block: bytes) -> Token:
        """Return the token of a 16-byte address."""
        return Token(inet_ntop(AF_INET6, self._encrypt(block)))

    def reverse(self, token: Token) -> bytes:
        """Return the 16-byte address of a token; raises `ValueError` where the text is no IPv6 address."""
        return self._decrypt(packed(token))


class DayTokens:
    """Everything keyed by one day's key of 32 bytes; belongs to one thread, which calls `forget` every few minutes."""

    __slots__ = ("_agents", "_ip", "_tokens", "_visitor")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a day's key has {KEY_BYTES} bytes, not {len(key)}")
        self._ip = Deterministic(derive(key, b"clinic-pixel ip_token", 16))
        net = Deterministic(derive(key, b"clinic-pixel net_token", 16))
        self._visitor = _keyed(derive(key, b"clinic-pixel visitor", 32))
        # Not bound to `self`: a cycle would keep a forgotten key in memory until the next garbage collection.
        self._tokens = AgedCache(partial(_tokens, self._ip, net), most=CACHED_ADDRESSES)
        agents = partial(_uint64, _keyed(derive(key, b"clinic-pixel ua_token", 32)))
        self._agents = AgedCache(agents, most=CACHED_AGENTS)

    def ip_token(self, address: RawAddress) -> Token:
        """Return the token of an address; raises `ValueError` where the text is no address."""
        return self._ip.token(packed(address))

    def net_token(self, address: RawAddress) -> Token:
        """Return the token of the address's network; raises `ValueError` where the text is no address."""
        return self.tokens(packed(address))[1]

    def tokens(self, address: PackedAddress) -> tuple[Token, Token]:
        """Return the tokens of an address and of its network, which is its /24 (IPv4) or /48 (IPv6)."""
        return self._tokens[address]

    def visitor(self, address: PackedAddress, agent: str, site: str) -> int:
        """Return the day's visitor of a browser without id cookie: 64 bits, never 0.

        An IPv6 address counts with its /64, because a phone changes the rest several times a day.
        """
        place = address[12:] if is_ipv4(address) else address[:8]
        return _uint64(self._visitor, place, _bytes(agent), _bytes(site))

    def agent(self, agent: str) -> int:
        """Return the `ua_token` of a user agent: 64 bits, 0 for none."""
        return self._agents[_bytes(agent)] if agent else 0

    def forget(self) -> None:
        """Drop the cached tokens that were not used since the last call."""
        self._tokens.turn()
        self._agents.turn()

    def reverse(self, token: Token) -> RawAddress:
        """Return the address behind an `ip_token` of this day; for `reveal` and `relink` only.

        A token of another day or another kind gives a meaningless address: the cipher has no integrity check.
        """
        return unpacked(self._ip.reverse(token))


def _tokens(ip: Deterministic, net: Deterministic, address: PackedAddress) -> tuple[Token, Token]:
    network = address[:15] + b"\0" if is_ipv4(address) else address[:6] + bytes(10)
    return ip.token(address), net.token(network)


def cookie_visitor(visitor_key: bytes, secret: str) -> int:
    """Return the visitor of an id cookie's random part under the yearly visitor key of 32 bytes: 64 bits, never 0."""
    return _uint64(blake2b(digest_size=8, key=visitor_key, person=b"cookie visitor"), _bytes(secret))


def click_token(click_key: bytes, click_id: str) -> int:
    """Return the `click_token` of an ad click id under the quarter's click key of 32 bytes: 64 bits, never 0.

    The day's key would lose a click id that is used again on another day (report of refunds, policy clause 4.1.3).
    """
    return _uint64(blake2b(digest_size=8, key=click_key, person=b"click token"), _bytes(click_id))


def _keyed(subkey: bytes) -> blake2b:
    return blake2b(digest_size=8, key=subkey)


def _uint64(keyed: blake2b, *fields: bytes) -> int:
    digest = keyed.copy()  # the key's block is already absorbed
    digest.update(b"".join([len(field).to_bytes(4, "little") + field for field in fields]))
    return int.from_bytes(digest.digest(), "little") or 1  # 0 means none


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # a header may hold anything; hashing must not fail on it
