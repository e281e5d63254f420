"""Finds identifiers of a person in plain text.

Owns `PATTERNS`, the only definition of an identifier, and `suspicion`, the stricter one for the unknown part of a path.
Rules:

* A pattern takes plain text (`pipeline.scrub.decode`) and yields spans; `pipeline.scrub.redact` redacts them.
* Digits are matched as runs, without formats or checksums: six digits separated only by punctuation are a phone, a
  document, a card or a date.
* Every regular expression runs in linear time: no two neighbouring repetitions can match the same character.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from pipeline.event import Scrubbed
from pipeline.scrub.person_names import Span, is_a_name, name_spans

Pattern = Callable[[str], Iterator[Span]]

SECRET_LENGTH = 16
"""A mixture of letters and digits of this length or longer is a token, not a word."""

# The patterns of `suspicion`, for the unknown part of a path only.
_MONTH_NAMES = (
    "yanvarya january января", "fevralya february февраля", "marta march марта", "aprelya april апреля", "maya may мая",
    "iyunya june июня", "iyulya july июля", "avgusta august августа", "sentyabrya september сентября",
    "oktyabrya october октября", "noyabrya november ноября", "dekabrya december декабря",
)  # fmt: skip
_SHORT_MONTHS = "yan|jan|fev|feb|mar|apr|iyun|jun|iyul|jul|avg|aug|sent?|sept?|okt|oct|noy|noya|nov|dek|dec|янв|фев|мар|апр|авг|сент?|окт|ноя|дек"
MONTHS = "|".join("|".join(names.split()) for names in _MONTH_NAMES)
"""A pattern of the names of months, as a date has them: Russian, transliterated and English."""
_NUMBER = re.compile(r"\d{4}|(?<!\d)\d{1,2}([\W_])\d{1,2}\1\d{2,4}(?!\d)")
_TWO_DIGITS = re.compile(r"\d[\W_]?\d")
_BIRTH = re.compile(
    rf"(?<!\d)\d{{1,2}}[\W_]?(?:{MONTHS}|{_SHORT_MONTHS})[\W_]?\d{{2,4}}(?!\d)|(?<![^\W\d_])(?:{MONTHS})[\W_]\d{{1,2}}[\W_]\d{{2,4}}(?!\d)",
    re.IGNORECASE,
)
_STREET = re.compile(
    r"(?<![^\W\d_])(?:ulica|ulitsa|ul|prospekt|prosp|pr|pr-t|pr-kt|pereulok|per|bulvar|b-r|shosse|naberezhnaya|nab|ploshchad|ploshad|pl"
    r"|proezd|street|st|avenue|ave|road|улица|ул|проспект|просп|пр|пр-т|пр-кт|переулок|пер|бульвар|шоссе|набережная|наб|площадь|пл"
    r"|проезд)(?![^\W\d_]).*\d"
)
_HOUSE = re.compile(
    r"(?<![^\W\d_])(?:dom|kv|kvartira|korp|korpus|apt|apartment|flat|дом|кв|квартира|корп|корпус)[\W_]{0,2}\d"
)
_FLAT = re.compile(r"(?<![^\W\d_])(?:kv|kvartira|apt|apartment|flat|кв|квартира)[\W_]{0,2}\d")
_TWO_HOUSE_NUMBERS = re.compile(r"[^\W\d_]{5,}[-_ ]\d{1,3}[-_ ](?:\d{1,3}|k|к)(?![^\W_])")
_AT_IN_A_SLUG = re.compile(
    r"[^\W_][\w.-]*[_-](?:at|sobaka|собака)[_-][\w-]+[._-](?:dot[._-]|tochka[._-])?(?:ru|su|com|net|org|info|by|kz|ua|рф|example)(?![^\W_])"
)
_TWO_SCRIPTS = re.compile(r"[a-z][а-яё]|[а-яё][a-z]", re.IGNORECASE)
_TOKEN_WORD = re.compile(r"[A-Za-z0-9]{8,}")
_TOKEN = re.compile(r"[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*")
_PIECE = re.compile(r"[a-z]+|[A-Z]+|\d+")
LONGEST_SEGMENT = 200
"""A longer segment is not the name of a page: WordPress cuts a slug at 200."""
SHORTEST_TOKEN = 8
"""Fewer signs of a mixture of letters and digits may be a word, such as `t3-t4` or `covid19`."""

_DIGIT_RUN = re.compile(r"\d(?:[\W_]{0,6}\d){5,}")
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
_MIXED = re.compile(rf"[0-9A-Z]|[a-f]{{{SECRET_LENGTH}}}")


def month(name: str) -> int:
    """Return the number of a month, given as number or name."""
    return (
        int(name) if name.isdecimal() else next(i for i, names in enumerate(_MONTH_NAMES, 1) if name.lower() in names)
    )


def _digits(text: str) -> Iterator[Span]:
    for run in _DIGIT_RUN.finditer(text):
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


def suspicion(segment: str, *, is_branch: bool = False, is_personal: bool = False) -> int:
    """Return the bits of `Scrubbed` for what a segment of an unknown path, or a label of a foreign host, may be; 0 where it is harmless.

    In the section of the clinic's branches a street is the clinic's own; in a section about one person, such as the
    patient's own pages, less is enough.
    """
    if len(segment) > LONGEST_SEGMENT:
        return Scrubbed.SECRET.value
    small = segment.lower()
    has_digit = any(map(str.isdecimal, small))
    found = 0
    if is_personal and _TWO_DIGITS.search(small):
        found |= Scrubbed.DIGITS.value
    if has_digit and (_NUMBER.search(small) or _BIRTH.search(small)):
        found |= Scrubbed.DIGITS.value
    if has_digit and _is_an_address(small, is_branch=is_branch):
        found |= Scrubbed.NAME.value
    if _is_a_token(segment):
        found |= Scrubbed.SECRET.value
    if _AT_IN_A_SLUG.search(small):
        found |= Scrubbed.EMAIL.value
    has_two_scripts = not small.isascii() and _TWO_SCRIPTS.search(small)
    if has_two_scripts or is_a_name(segment, beside_a_number=has_digit, is_personal=is_personal):
        found |= Scrubbed.NAME.value
    return found


def _is_an_address(small: str, *, is_branch: bool) -> bool:
    if is_branch:
        return _FLAT.search(small) is not None
    return any(pattern.search(small) for pattern in (_STREET, _HOUSE, _TWO_HOUSE_NUMBERS))


def _is_a_token(segment: str) -> bool:
    for word in _TOKEN_WORD.findall(segment):
        pieces = _PIECE.findall(word)
        changes = _changes(pieces)
        has_digit = any(map(str.isdecimal, word))
        if 3 * changes >= len(word) or (has_digit and changes > 2):
            return True
        if has_digit and changes == 2 and not any(_is_pronounceable(piece) for piece in pieces):
            return True
    for chunk in _TOKEN.findall(segment):
        if len(chunk) >= SHORTEST_TOKEN and any(map(str.isdecimal, chunk)):
            words = re.split("[-_]", chunk)
            of_words = [_changes(_PIECE.findall(word)) for word in words]
            if max(of_words) > 1 and 3 * sum(of_words) >= sum(map(len, words)):
                return True
    return False


def _changes(pieces: Sequence[str]) -> int:
    """Count changes between capitals, small letters and digits; an initial capital is none."""
    return sum(not (left.isupper() and right.islower()) for left, right in pairwise(pieces))


def _is_pronounceable(piece: str) -> bool:
    return len(piece) > 3 and re.search("[aeiouy]", piece.lower()) is not None
