"""The request code: it proves on the telephone that the rows are the caller's, without the cookie itself.

Owns the code's form. Pure: keys, cookie and time are arguments. Rules:

* Only the holder of the id cookie gets a code for it (`/privacy` makes it from the cookie of the request). Only the holder
  of the year's visitor key can make or read a code: its seal is a keyed BLAKE2b of 56 bits.
* It contains the visitor of this year and, for a cookie set last year, of last year; never the cookie itself.
* Its content is masked by a key stream derived from the seal, so two codes of one person have no visible part in common.
* It is valid for 30 days. `pipeline.subjects.requests` ensures that a code opens only one request.

Form: minutes since 2026 (3 bytes), one or two visitors (8 bytes each), seal (7 bytes), in base32 without I, L, O and U, in
groups of five to be read aloud: 29 or 42 letters and digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from hmac import compare_digest
from typing import Final, NamedTuple

from pipeline.durations import DAY_SECONDS
from pipeline.headers.cookies import IdCookie
from pipeline.keys.tokens import cookie_visitor, derive

LIFE: Final = timedelta(days=30)
GROUP: Final = 5
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no letter that is heard or read as another
_TYPED: Final = str.maketrans("OIL", "011", " -\t\n")
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_TIME_BYTES: Final = 3  # minutes, enough for 31 years
_SEAL_BYTES: Final = 7
_LENGTHS: Final = {29: 18, 42: 26}  # letters -> bytes, for one and for two visitors

YearKey = Callable[[int], bytes | None]
"""Returns the visitor key of a year, None where it is missing or destroyed."""


class Request(NamedTuple):
    """The content of a code: its time (UTC, whole minutes) and the visitor of each year."""

    made: datetime
    visitors: dict[int, int]


def make(cookie: IdCookie, year_key: YearKey, *, now: datetime) -> str:
    """Return the request code for the holder of a cookie; '' where this year's key is missing, or the clock is far from right."""
    now = now.astimezone(UTC)
    key = year_key(now.year)
    if key is None:
        return ""
    years = [now.year]
    if datetime.fromtimestamp(cookie.day * DAY_SECONDS, UTC).year < now.year and year_key(now.year - 1):
        years.append(now.year - 1)
    visitors = [cookie_visitor(year_key(year) or b"", cookie.secret) for year in years]
    minutes = (now - _START) // timedelta(minutes=1)
    if not 0 <= minutes < 256**_TIME_BYTES:
        return ""
    body = minutes.to_bytes(_TIME_BYTES) + b"".join(visitor.to_bytes(8) for visitor in visitors)
    seal = _seal(key, body)
    return _grouped(_masked(key, body, seal) + seal)


def read(code: str, year_key: YearKey, *, now: datetime) -> Request:
    """Return the content of a code; raises `ValueError`, which never quotes it, for a code that is invalid or too old."""
    now = now.astimezone(UTC)
    sealed = _packed(code)
    masked, seal = sealed[:-_SEAL_BYTES], sealed[-_SEAL_BYTES:]
    for key in _keys(year_key, now.year):
        body = _masked(key, masked, seal)
        if compare_digest(seal, _seal(key, body)):
            return _checked(body, now)
    raise ValueError("not a request code of this system: mistyped, invented, or of a year whose key was destroyed")


def fingerprint(code: str) -> str:
    """Return a fingerprint of the code for records, from which the code cannot be found."""
    return blake2b(code.upper().translate(_TYPED).encode(), digest_size=16, person=b"request code").hexdigest()


def _keys(year_key: YearKey, year: int) -> Iterator[bytes]:
    for candidate in (year, year - 1):  # a code made in December is valid in January
        key = year_key(candidate)
        if key is not None:
            yield key


def _checked(body: bytes, now: datetime) -> Request:
    made = _START + timedelta(minutes=int.from_bytes(body[:_TIME_BYTES]))
    if now - made > LIFE:
        raise ValueError(
            f"the request code was made on {made:%Y-%m-%d}; it is valid for {LIFE.days} days: ask for a new one"
        )
    if made > now + timedelta(days=1):
        raise ValueError(f"the request code was made on {made:%Y-%m-%d}, which is in the future: is the clock right?")
    numbers = [int.from_bytes(body[place : place + 8]) for place in range(_TIME_BYTES, len(body), 8)]
    return Request(made, {made.year - back: visitor for back, visitor in enumerate(numbers)})


def _seal(key: bytes, body: bytes) -> bytes:
    return blake2b(body, digest_size=_SEAL_BYTES, key=derive(key, b"clinic-pixel request code", 32)).digest()


def _masked(key: bytes, body: bytes, seal: bytes) -> bytes:
    # The seal is also the nonce: it is a keyed hash of the masked bytes (the construction of RFC 5297, SIV).
    mask = blake2b(seal, digest_size=len(body), key=derive(key, b"clinic-pixel request mask", 32)).digest()
    return bytes(left ^ right for left, right in zip(body, mask, strict=True))


def _grouped(sealed: bytes) -> str:
    number, letters = int.from_bytes(sealed), ""
    for _ in range(-(-len(sealed) * 8 // GROUP)):
        number, digit = divmod(number, 32)
        letters = _ALPHABET[digit] + letters
    return "-".join(letters[place : place + GROUP] for place in range(0, len(letters), GROUP))


def _packed(code: str) -> bytes:
    letters = code.upper().translate(_TYPED)
    size = _LENGTHS.get(len(letters))
    if size is None or not set(letters) <= set(_ALPHABET):
        raise ValueError("not a request code: expected 29 or 42 letters and digits, as /privacy shows them")
    number = 0
    for letter in letters:
        number = number * 32 + _ALPHABET.index(letter)
    if number >= 1 << 8 * size:
        raise ValueError("not a request code of this system: mistyped or invented")
    return number.to_bytes(size)
