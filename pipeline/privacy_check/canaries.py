"""Canaries: identifiers of invented people, and every form in which they could be written.

Owns the identifiers that `verify-privacy` sends and searches for. Rules:

* Addresses belong to nobody: IPv4 from 240.0.0.0/4 (reserved, RFC 1112), IPv6 from the documentation range (RFC 3849), the
  connection's own from 127.0.0.0/8. Each run draws new ones out of millions: events of an earlier run that are still in the
  spool may hold a user agent with an address, and this address must not be a canary of the next run.
* A form is bytes and the number of random bits that would have to match for an accidental find.
* Pure: randomness is an argument.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, ip_address
from random import Random
from typing import NamedTuple
from urllib.parse import quote

WEAK_BITS = 32

RESERVED_V4 = range(240, 256)  # first octets
DOCUMENTATION_V6 = "2001:db8"  # RFC 3849

ADDRESS_PLACES: tuple[tuple[str, str, int], ...] = (
    *[("connection", "127", 4)] * 4,  # four, because the rate limit stops one
    *[("X-Forwarded-For", "", 4)] * 2,
    ("X-Forwarded-For", "", 6),
    *[("X-Forwarded-For, IPv4-mapped", "", 4)] * 2,
    *[("X-Forwarded-For, with port", "", 4)] * 2,
    ("X-Forwarded-For, brackets and port", "", 6),
    ("X-Forwarded-For, zone id", "", 6),
    *[("X-Forwarded-For, forged hop", "", 4)] * 2,
    *[("X-Forwarded-For, with junk", "", 4)] * 2,
    *[("Forwarded", "", 4)] * 2,
    ("Forwarded", "", 6),
    *[("X-Real-IP", "", 4)] * 2,
    *[("other proxy headers", "", 4)] * 2,
    *[("refused requests", "", 4)] * 2,
    ("fields", "", 4),
    ("fields", "", 6),
    ("user agent and hints", "", 4),
)
"""For each address: where it is sent, its beginning, its version. IPv4 twice each, see `Form.weak`."""

CONNECTION, FIELDS, AGENT, CONTROL = "connection", "fields", "user agent and hints", "control"
UNKNOWN_PATHS, FREE_VALUES = "unknown paths", "campaigns and words of errors"
_SYLLABLES = ("ба", "ве", "го", "ди", "жу", "зо", "ка", "ле", "ми", "но", "пу", "ра", "со", "ту", "фе")


class Canary(NamedTuple):
    """One identifier: its kind, where it is sent, the text sent, and the parts that must not be found."""

    kind: str
    place: str
    text: str
    parts: tuple[str, ...]

    @property
    def waits(self) -> bool:
        """Whether it may be in the spool until shipped: `ship` reads the user agent and counts who brought a free value."""
        return self.place in (AGENT, FREE_VALUES)


class Form(NamedTuple):
    """One way of writing a canary: the bytes, and the number of random bits that an accidental find would have to match."""

    canary: Canary
    name: str
    pattern: bytes
    bits: float
    folded: bool
    """The search ignores ASCII case; the pattern is in small letters."""

    @property
    def weak(self) -> bool:
        """Whether a find may be an accident (an IPv4 address as four bytes): two canaries must be found in this form."""
        return self.bits <= WEAK_BITS


def draw(random: Random) -> tuple[Canary, ...]:
    """Return the canaries of one run: the addresses, and one person each for the fields and the user agent."""

    def address(place: str, begin: str, version: int) -> Canary:
        if version == 6:
            text = ":".join([DOCUMENTATION_V6, *(f"{random.randrange(0x1000, 0x10000):x}" for _ in range(6))])
        else:
            # Three digits each, so that every text is as long as the others.
            first = begin or str(random.choice(RESERVED_V4))
            text = ".".join([first, *(str(random.randrange(100, 255)) for _ in range(3))])
        return Canary(f"IPv{version} address", place, text, (text,))

    people = [canary for place in (FIELDS, AGENT) for canary in _person(place, random)]
    hidden = [canary for place in (UNKNOWN_PATHS, FREE_VALUES) for canary in _hidden(place, random)]
    return (*(address(*where) for where in ADDRESS_PLACES), *people, *hidden)


def marker(random: Random) -> Canary:
    """Return a word that no pattern of an identifier matches, so it is stored and the search must find it."""
    text = "proof-" + "".join(random.choices("bcdfghkmnpqrstvwxz", k=9))
    return Canary("marker", CONTROL, text, (text,))


def _person(place: str, random: Random) -> Iterator[Canary]:
    def digits(count: int) -> str:
        return "".join(random.choices("123456789", k=count))

    box = "".join(random.choices("bcdfghkmnprstvz", k=10))
    yield Canary("e-mail address", place, f"{box}@mail.example", (box,))
    phone = "9" + digits(9)
    written = f"+7 ({phone[:3]}) {phone[3:6]}-{phone[6:8]}-{phone[8:]}"
    yield Canary("phone number", place, written, (phone, written))
    snils = digits(11)
    written = f"{snils[:3]}-{snils[3:6]}-{snils[6:9]} {snils[9:]}"
    yield Canary("SNILS", place, written, (snils, written))
    policy = digits(16)
    yield Canary("OMS policy", place, policy, (policy,))
    surname = ("".join(random.choices(_SYLLABLES, k=4)) + "кова").capitalize()
    yield Canary("name", place, f"{surname} Мария Сергеевна", (surname,))


def _hidden(place: str, random: Random) -> Iterator[Canary]:
    """Yield what only the rules for unknown paths and free values find: no pattern for any text knows it."""

    def word() -> str:
        return "".join(random.choices(("ba", "ve", "go", "di", "zhu", "zo", "ka", "le", "mi", "nu"), k=6))

    for kind, text in (
        ("name in an oblique case", "{}ovoy-marii"),
        ("short first name", "katya-{}ova"),
        ("surname and year of birth", "{}ov-1985"),
        ("street address", "ulica-{}-12-kv-34"),
        ("name of a record", "karta-{}-20415"),
    ):
        part = word()
        yield Canary(kind, place, text.format(part), (part,))
    token = "".join(random.choice(signs) for _ in range(6) for signs in ("bcdfghkmnp", "23456789"))
    yield Canary("token", place, token, (token,))


def forms(canary: Canary) -> tuple[Form, ...]:
    """Return every distinct form of the canary."""
    found: dict[bytes, Form] = {}
    for name, pattern, bits, folded in _written(canary):
        shown = pattern.lower() if folded else pattern
        found.setdefault(shown, Form(canary, name, shown, bits, folded))
    return tuple(found.values())


def _written(canary: Canary) -> Iterator[tuple[str, bytes, float, bool]]:
    for part in canary.parts:
        for spelling in dict.fromkeys((part, part.lower(), part.upper())):
            for name, write in _SPELLINGS:
                pattern = write(spelling)
                # A decimal digit has log2(10) bits; every other character at least those of a hexadecimal digit.
                yield name, pattern, (3.3 if pattern.isdigit() else 4) * len(pattern), True
            for name, raw in _encoded(spelling.encode()):
                yield name, raw, 6 * len(raw), False
        for algorithm in ("md5", "sha1", "sha256"):
            digest = hashlib.new(algorithm, part.encode(), usedforsecurity=False).digest()
            yield f"unkeyed {algorithm}", digest, 8 * len(digest), False
            yield f"unkeyed {algorithm}", digest.hex().encode(), 8 * len(digest), True
    if canary.kind.startswith("IPv"):
        yield from _numbers(canary.text)


_SPELLINGS: tuple[tuple[str, Callable[[str], bytes]], ...] = (
    ("text", str.encode),
    ("URL-encoded", lambda text: quote(text, safe="").encode()),
    ("URL-encoded", lambda text: quote(text, safe="").replace("%20", "+").encode()),
    ("URL-encoded", lambda text: "".join(f"%{byte:02x}" for byte in text.encode()).encode()),
    ("URL-encoded twice", lambda text: quote(quote(text, safe=""), safe="").encode()),
    ("Windows-1251", lambda text: text.encode("cp1251")),
    ("Windows-1251, URL-encoded", lambda text: "".join(f"%{byte:02x}" for byte in text.encode("cp1251")).encode()),
    ("UTF-8 taken for Latin-1", lambda text: text.encode().decode("latin-1").encode()),
    ("JSON escapes", lambda text: "".join(f"\\u{ord(letter):04x}" for letter in text).encode()),
    ("UTF-16", lambda text: text.encode("utf-16-le")),
    ("hexadecimal", lambda text: text.encode().hex().encode()),
)


def _encoded(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield base64 of bytes inside a longer text: three alignments, without the characters shared with neighbours."""
    for before in range(3):
        for encode in (b64encode, urlsafe_b64encode):
            text = encode(bytes(before) + raw).rstrip(b"=")
            whole = (before + len(raw)) * 8 // 6
            yield "base64", text[-(-before * 8 // 6) : whole]


def _numbers(text: str) -> Iterator[tuple[str, bytes, float, bool]]:
    address = ip_address(text)
    packed = address.packed
    yield "hexadecimal", packed.hex().encode(), 8 * len(packed), True
    yield "decimal number", str(int(address)).encode(), 8 * len(packed), True
    yield "packed", packed, 8 * len(packed), False
    yield "packed, low byte first", packed[::-1], 8 * len(packed), False
    if isinstance(address, IPv4Address):
        high, low = int(address) >> 16, int(address) & 0xFFFF
        yield "text", f"ffff:{high:x}:{low:x}".encode(), 48, True
        # Only as a whole: four bytes in the middle of other base64 would be five characters.
        yield "base64", b64encode(packed), 32, False
        packed = bytes(10) + b"\xff\xff" + packed
    yield from ((name, raw, 6 * len(raw), False) for name, raw in _encoded(packed))
