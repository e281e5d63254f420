"""Finds identifiers of a person in plain text.

Owns `PATTERNS`, the only definition of an identifier.
Rules:

* A pattern takes plain text (`pipeline.scrub.decode`) and yields spans; `pipeline.scrub.redact` redacts them.
* Digits are matched as runs, without formats or checksums: six digits separated only by punctuation are a phone, a
  document, a card or a date.
* Every regular expression runs in linear time: no two neighbouring repetitions can match the same character.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from pipeline.event import Scrubbed
from pipeline.scrub.person_names import Span, name_spans

Pattern = Callable[[str], Iterator[Span]]

SECRET_LENGTH = 16
"""A mixture of letters and digits of this length or longer is a token, not a word."""

_DIGIT_RUN = re.compile(r"\d(?:[\W_]{0,6}\d){5,}")
# `/2024/11/` and `/2024/10-sovetov` are archives. Followed by a day they are a date, and dates are redacted.
_ARCHIVE = re.compile(r"(?<!\d/)(?<=/)20\d\d(?:/(?:0[1-9]|1[0-2]))?(?=/|$)(?!/\d{1,2}(?:/|$))")
_EMAIL_TOKEN = re.compile(r"[^\s/;,()<>\"'=&|]+")
_SPELT_AT = re.compile(r"[\w.-]{0,64}[\[({]\s?(?:at|собака)\s?[\])}][\w.-]{0,64}", re.IGNORECASE)
_IPV4 = re.compile(r"(?<!\d)\d{1,3}([._-])\d{1,3}\1\d{1,3}\1\d{1,3}(?!\d)")
_HEX4 = "[0-9a-f]{1,4}"
_IPV6 = re.compile(
    rf"(?<![\w:])(?:(?:{_HEX4}:){{3,7}}{_HEX4}(?!\w)|(?:{_HEX4}(?::{_HEX4}){{0,6}})?::(?:{_HEX4}(?::{_HEX4}){{0,6}})?(?!\w))",
    re.IGNORECASE,
)
_UUID = re.compile(r"[0-9a-f]{8}([-_])[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}", re.IGNORECASE)
_JWT = re.compile(r"eyJ[\w-]{8,}(?:\.[\w-]*){0,2}")
_CHUNK = re.compile(rf"[A-Za-z0-9_+=-]{{{SECRET_LENGTH},}}")
_WORD = re.compile(rf"[A-Za-z0-9]{{{SECRET_LENGTH},}}")
_HEX = re.compile(r"[0-9a-fA-F]+")
_CAMEL_CASE = re.compile(r"(?>[A-Z]?[a-z]{2,}+|[A-Z]{2,5}(?![a-z]))++\d{0,4}")
_PIECE = re.compile(r"[a-z]+|[A-Z]+|\d+")
_MIXED = re.compile(rf"[0-9A-Z]|[a-f]{{{SECRET_LENGTH}}}")


def _digits(text: str) -> Iterator[Span]:
    if not _DIGIT_RUN.search(text):
        return
    without_archive = _ARCHIVE.sub(lambda year: "x" * len(year[0]), text)
    for run in _DIGIT_RUN.finditer(without_archive):
        yield run.span()


def _emails(text: str) -> Iterator[Span]:
    if "@" in text:
        for token in _EMAIL_TOKEN.finditer(text):
            if "@" in token[0]:
                yield token.span()
    if "(" in text or "[" in text or "{" in text:
        for address in _SPELT_AT.finditer(text):
            yield address.span()


def _addresses(text: str) -> Iterator[Span]:
    for address in _IPV4.finditer(text):
        yield address.span()
    if "::" in text or text.count(":") > 2:
        for address in _IPV6.finditer(text):
            if len(address[0]) > 2:
                yield address.span()


def _uuids(text: str) -> Iterator[Span]:
    for uuid in _UUID.finditer(text):
        yield uuid.span()


def _secrets(text: str) -> Iterator[Span]:
    if not _MIXED.search(text):
        return
    for token in _JWT.finditer(text):
        yield token.span()
    for chunk in _CHUNK.finditer(text):
        if _looks_random(chunk[0]):
            yield chunk.span()


def _looks_random(chunk: str) -> bool:
    if any(_HEX.fullmatch(word) or not _CAMEL_CASE.fullmatch(word) for word in _WORD.findall(chunk)):
        return True
    return 3 * _class_changes(chunk) >= len(chunk)


def _class_changes(chunk: str) -> int:
    """Count changes between capitals, small letters and digits; neither a hyphen nor an initial capital is a change."""
    pieces = list(_PIECE.finditer(chunk))
    return sum(
        left.end() == right.start() and not (left[0].isupper() and right[0].islower())
        for left, right in pairwise(pieces)
    )


PATTERNS: tuple[tuple[Scrubbed, Pattern], ...] = (
    (Scrubbed.EMAIL, _emails),
    (Scrubbed.UUID, _uuids),
    (Scrubbed.ADDRESS, _addresses),
    (Scrubbed.SECRET, _secrets),
    (Scrubbed.DIGITS, _digits),
    (Scrubbed.NAME, name_spans),
)


def find(text: str) -> list[tuple[Scrubbed, Span]]:
    """Return kind and span of every identifier in the plain text; one span may have several kinds."""
    return [(kind, span) for kind, pattern in PATTERNS for span in pattern(text)]
