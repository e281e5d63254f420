"""The cookies that are read and the one that is set; no other cookie is kept.

Owns the grammar of the id cookie `1.<Unix day it was set>.<22 base64url characters>` and of the opt-out cookie, and the
values of a site's own cookies that may be stored.

* Set once and never prolonged: Max-Age counts from the day in the value, and an older value is ignored.
* A value that does not match the grammar is ignored and never stored.
* `__Host-` makes the browser itself insist on Secure, Path=/ and no Domain (RFC 6265bis, section 4.1.3.2).
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping
from typing import NamedTuple

from pipeline.durations import DAY_SECONDS
from pipeline.event import CookieAge, Scrubbed

ID_COOKIE = "__Host-px"
OPT_OUT_COOKIE = "__Host-px-out"
LIFE_DAYS = 365
SECRET_BYTES = 16

_ID_VALUE = re.compile(r"1\.([0-9]{1,6})\.([A-Za-z0-9_-]{22})", re.ASCII)
_AGES: tuple[tuple[int, CookieAge], ...] = ((1, "day"), (7, "week"), (31, "month"))
_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax"


class IdCookie(NamedTuple):
    """A valid id cookie: its random part and the Unix day it was set."""

    secret: str
    day: int


def read(header: str, wanted: Collection[str]) -> dict[str, str]:
    """Return the wanted cookies of a Cookie header, the first value of each name; all others are never copied."""
    found: dict[str, str] = {}
    if not header:
        return found
    for pair in header.split(";"):
        name, equals, value = pair.partition("=")
        name = name.strip()
        if equals and name in wanted and name not in found:
            found[name] = value.strip().strip('"')
    return found


def keep(sent: Mapping[str, str], allowed: Mapping[str, frozenset[str]]) -> tuple[dict[str, str], int]:
    """Return the values of a site's own cookies that may be stored, and the bit of `Scrubbed` where one may not."""
    given = {name: sent[name] for name in allowed if name in sent}
    kept = {name: value for name, value in given.items() if value in allowed[name]}
    return kept, 0 if len(kept) == len(given) else Scrubbed.COOKIE.value


def parse_id(value: str, *, now_s: int) -> IdCookie | None:
    """Return the id cookie, None when the value is malformed, older than a year or from the future."""
    match = _ID_VALUE.fullmatch(value)
    if match is None:
        return None
    day = int(match[1])
    age = now_s // DAY_SECONDS - day
    # One day of grace towards the future: the value may come from a host whose clock is a little ahead.
    return IdCookie(match[2], day) if -1 <= age <= LIFE_DAYS else None


def age(cookie: IdCookie, *, now_s: int) -> CookieAge:
    """Return how long ago an id cookie was set: up to a day, a week, 31 days, or longer."""
    days = now_s // DAY_SECONDS - cookie.day
    for most, name in _AGES:
        if days <= most:
            return name
    return "older"


def new_id(random: bytes, *, now_s: int) -> str:
    """Return the value of a new id cookie from 16 random bytes."""
    return f"1.{now_s // DAY_SECONDS}.{urlsafe_b64encode(random).rstrip(b'=').decode()}"


def may_set(host: str, *, is_https: bool) -> bool:
    """Return whether a browser would keep our cookies: they are Secure, so only over https or from its own machine."""
    return is_https or host in ("localhost", "127.0.0.1", "[::1]")


def set_id(value: str) -> str:
    """Return the Set-Cookie header for a new id cookie."""
    return f"{ID_COOKIE}={value}; Max-Age={LIFE_DAYS * DAY_SECONDS}; {_ATTRIBUTES}"


def expire(name: str) -> str:
    """Return the Set-Cookie header that removes one of our cookies."""
    return f"{name}=; Max-Age=0; {_ATTRIBUTES}"


def set_opt_out() -> str:
    """Return the Set-Cookie header of an opt-out; it holds no identifier."""
    return f"{OPT_OUT_COOKIE}=1; Max-Age={LIFE_DAYS * DAY_SECONDS}; {_ATTRIBUTES}"
