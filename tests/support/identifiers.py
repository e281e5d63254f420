"""Identifiers of every kind that must never be stored, the ways to write them and the places to put them.

The product of the three tables is the leak table of tests/scrub/test_leaks.py; nothing in it is typed out twice. The people
are invented; numbers of companies are public records.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple
from unicodedata import normalize
from urllib.parse import quote, unquote


class Identifier(NamedTuple):
    """One identifier; `parts` are what makes it recognisable. No parts: any digit that comes through is a leak."""

    kind: str
    text: str
    parts: tuple[str, ...] = ()


IDENTIFIERS = (
    Identifier("mobile number with plus", "+79161234567"),
    Identifier("mobile number as written", "+7 (916) 123-45-67"),
    Identifier("mobile number with dots", "8.916.123.45.67"),
    Identifier("town number", "123-45-67"),
    Identifier("SNILS", "112-233-445 95"),
    Identifier("OMS policy", "7754 3210 9876 5432"),
    Identifier("passport", "4505 678901"),
    Identifier("INN of a person", "770708389324"),
    Identifier("bank card", "4111 1111 1111 1111"),
    Identifier("date of birth", "12.03.1985"),
    Identifier("date of birth, year first", "1985-03-12"),
    Identifier("mail address", "i.petrova85@mail.example", ("petrova", "85")),
    Identifier("Russian mail address", "вася@почта.рф", ("вася",)),
    Identifier("mail address spelt out", "petrova[at]mail.example", ("petrova",)),
    Identifier("IPv4 address", "203.0.113.77"),
    Identifier("short IPv4 address", "8.8.4.4"),
    Identifier("IPv4 address with hyphens", "5-8-4-9"),
    Identifier("IPv6 address", "2001:db8::dead:beef", ("2001", "db8", "dead", "beef")),
    Identifier("whole IPv6 address", "fd00:a:b:c:d:e:f:abcd", ("fd00", "abcd")),
    Identifier("hardware address", "00:1a:2b:3c:4d:5e", ("1a", "2b", "3c", "4d", "5e")),
    Identifier("UUID", "3f2504e0-4f89-41d3-9a0c-0305e82c3301", ("3f25", "4f89", "41d3", "9a0c", "0305")),
    Identifier(
        "JWT",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwZXRyb3ZhIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r",
        ("hbgcioi", "zdwiioi", "dbjftjez"),
    ),
    Identifier("hexadecimal token", "9f86d081884c7d65", ("9f86", "884c", "7d65")),
    Identifier("token in base64", "QWxhZGRpbjpvcGVuIHNlc2FtZQ==", ("qwxhzgrp", "bjpvcgvu", "c2ftzq")),
    Identifier("token in base64 for addresses", "k3j_9x8Z-2q1w7E5r4_Tb0pQ", ("9x8z", "2q1w7e5r4", "tb0pq")),
    Identifier("full name", "Петрова Мария Сергеевна", ("петрова", "мария", "сергеевна")),
    Identifier("full name, name first", "Иван Иванович Сидоренко", ("иван", "сидоренко")),
    Identifier("rare first name", "Рашидов Зульфар Маратович", ("рашидов", "зульфар", "маратович")),
    Identifier("name and surname", "Анна Никитина", ("анна", "никитина")),
    Identifier("surname and initials", "Сидоров И.П.", ("сидоров",)),
    Identifier("two surnames", "Пушкин-Ильин", ("пушкин", "ильин")),
    Identifier("name and patronymic", "Ольга Викторовна", ("ольга", "викторовна")),
    Identifier("transliterated name", "petrova-mariya-sergeevna", ("petrova", "mariya", "sergeevna")),
    Identifier("transliterated with underscores", "Sidorov_Yuriy", ("sidorov", "yuriy")),
    Identifier("transliterated otherwise", "Jurij Khrushchyov", ("jurij", "khrushchyov")),
    Identifier("transliterated in camel case", "IvanovaAnna", ("ivanova", "anna")),
)


def _every_byte(text: str, charset: str = "utf-8") -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode(charset))


def _full_width(text: str) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text)


ENCODINGS: dict[str, Callable[[str], str]] = {
    "raw": lambda text: text,
    "percent": quote,
    "percent on every byte": _every_byte,
    "double percent": lambda text: quote(_every_byte(text)),
    "triple percent": lambda text: quote(quote(_every_byte(text))),
    "windows-1251": lambda text: _every_byte(text, "cp1251"),
    "double windows-1251": lambda text: quote(_every_byte(text, "cp1251")),
    "escape() of JavaScript": lambda text: "".join(f"%u{ord(letter):04x}" for letter in text),
    "full-width": _full_width,
    "full-width in percent": lambda text: quote(_full_width(text)),
    "plus for space": lambda text: text.replace(" ", "+"),
    "invisible characters between": "\u200b".join,
    "UTF-8 taken for Latin-1": lambda text: text.encode().decode("latin-1"),
}

SITE = "https://clinic.example"
PLACES = {
    "page path": SITE + "/otvet/{}/",
    "inside a segment": SITE + "/otvet/pismo-{}-itog",
    "query nobody listed": SITE + "/otvet?t={}&lang=ru",
    "query value that is listed": SITE + "/otvet?utm_term={}",
    "query name": SITE + "/otvet?{}=da",
    "fragment": SITE + "/otvet#{}",
    "userinfo": "https://{}:{}@clinic.example/otvet",
    "path parameter": SITE + "/otvet;jsessionid={}/itog",
    "foreign path": "https://other.example/{}?q={}",
    "foreign label": "https://{}.other.example/",
}


def readings(stored: str) -> str:
    """Return everything a curious reader could make of stored text: as it is, decoded, taken for other charsets."""
    found = {stored}
    for _ in range(3):
        found |= {unquote(text, charset, "replace") for text in found for charset in ("utf-8", "cp1251")}
    for text in tuple(found):
        for written, meant in (("latin-1", "utf-8"), ("cp1251", "utf-8"), ("latin-1", "cp1251")):
            found.add(text.encode(written, "ignore").decode(meant, "ignore"))
        found |= {word.encode().decode("idna") for word in text.split() if word.isascii() and "xn--" in word}
    plain = normalize("NFKC", " ".join(sorted(found))).lower()
    return "".join(letter for letter in plain if letter.isprintable())


def leaked(identifier: Identifier, stored: str) -> list[str]:
    """Return the parts of the identifier that can be read in stored text (of a page whose own text has no digit)."""
    text = readings(stored)
    if not identifier.parts:
        return re.findall(r"\d+", text)
    return [part for part in identifier.parts if part in text]
